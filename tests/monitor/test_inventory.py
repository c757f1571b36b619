"""Events and listings, in the orders in which they can overtake each other."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.monitor.network_lender import lent_network
from constellation.monitor.renames import SETTLE_S_MAX
from tests.monitor.lab import Lab


def test_death_is_reported_before_any_inspection() -> None:
    lab = Lab()
    web = lab.docker.run("web", ports={80: 8080})
    lab.settle()

    lab.docker.kill(web)
    lab.hear()

    assert lab.running() == {"web": False}
    assert lab.told["web"].endpoints == ()


def test_inspection_older_than_a_death_is_ignored() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.settle()
    since, found = lab.inventory.sequence, lab.docker.found(web)

    lab.docker.kill(web)
    lab.hear()
    lab.perform(lab.inventory.inspected(web, found, since, lab.now_s))

    assert lab.running() == {"web": False}
    lab.inspect()
    assert lab.running() == {"web": False}


def test_listing_older_than_a_death_is_ignored() -> None:
    lab = Lab()
    lab.look()
    web = lab.docker.run("web")
    lab.settle()
    since, rows = lab.inventory.sequence, lab.docker.rows()

    lab.docker.kill(web)
    lab.settle()
    lab.perform(lab.inventory.listed(rows, since, lab.now_s))

    assert (lab.running(), lab.wanted, lab.unreported) == ({"web": False}, [], [])


def test_listing_before_a_pending_inspection_reports_no_stall() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.docker.kill(web)
    lab.settle()
    lab.look()
    lab.inspect()

    lab.docker.start_again(web)
    lab.hear()
    lab.look()

    assert lab.unreported == []


def test_listing_older_than_a_start_does_not_remove_the_container() -> None:
    lab = Lab()
    lab.look()
    since, rows = lab.inventory.sequence, lab.docker.rows()

    lab.docker.run("web")
    lab.settle()
    lab.perform(lab.inventory.listed(rows, since, lab.now_s))

    assert lab.running() == {"web": True}


def test_listing_finds_what_a_stalled_stream_did_not_report() -> None:
    lab = Lab()
    web, gone = lab.docker.run("web"), lab.docker.run("gone")
    lab.settle()
    lab.look()
    lab.inspect()
    lab.docker.mute()
    lab.docker.kill(web)
    lab.docker.remove(gone)

    lab.look()
    lab.inspect()

    assert lab.running() == {"web": False}
    (unreported,) = lab.unreported
    assert set(unreported.container_ids) == {web, gone}
    assert lab.inventory.has_stalled(unreported)


def test_events_just_after_the_listing_rule_out_a_stall() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.settle()
    lab.look()
    lab.inspect()
    lab.docker.kill(web)
    lab.look()

    lab.hear()

    (unreported,) = lab.unreported
    assert not lab.inventory.has_stalled(unreported)


def test_events_of_a_container_removed_meanwhile_rule_out_a_stall() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.settle()
    lab.look()
    lab.inspect()
    lab.docker.kill(web)
    lab.look()

    lab.docker.remove(web)
    lab.hear()
    lab.look()

    (unreported,) = lab.unreported
    assert not lab.inventory.has_stalled(unreported)


def test_first_listing_reports_no_stall() -> None:
    lab = Lab()
    lab.docker.mute()
    web = lab.docker.run("web")
    lab.look()
    lab.inspect()
    lab.inventory.disconnected()
    lab.docker.kill(web)
    lab.look()
    lab.inspect()

    assert (lab.running(), lab.unreported) == ({"web": False}, [])


def test_listing_without_changes_inspects_nothing() -> None:
    lab = Lab()
    lab.docker.run("web")
    lab.settle()
    lab.look()
    lab.inspect()

    lab.look()

    assert lab.wanted == []


def test_inventory_is_complete_once_everything_is_inspected() -> None:
    lab = Lab()
    lab.docker.run("web")
    lab.look()

    before = lab.inventory.everything().complete
    lab.inspect()

    assert (before, lab.inventory.everything().complete) == (False, True)


def test_failed_inspection_is_repeated() -> None:
    lab = Lab()
    lab.docker.run("web")
    lab.look()
    lab.perform(lab.inventory.not_inspected(lab.wanted.pop(), lab.now_s))
    assert lab.listings_due == 1

    lab.look()
    lab.inspect()

    assert lab.running() == {"web": True}
    assert lab.inventory.complete


def test_created_container_is_not_a_service_yet() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    found = lab.docker.found(web)
    assert found is not None
    found["State"] = {"Status": "created"}

    lab.perform(lab.inventory.inspected(web, found, 0, lab.now_s))

    assert lab.told == {}


def test_long_stopped_container_is_withdrawn_until_its_next_start() -> None:
    lab = Lab(stopped_expiry_s=300.0)
    web = lab.docker.run("web")
    lab.docker.kill(web)
    lab.settle()
    lab.now_s = 299.0
    lab.look()
    before = lab.running()
    lab.now_s = 301.0
    lab.look()

    assert (before, lab.running()) == ({"web": False}, {})
    lab.docker.start_again(web)
    lab.settle()
    assert lab.running() == {"web": True}


def test_unreadable_container_is_reported_once_and_affects_no_other() -> None:
    lab = Lab()
    lab.docker.run("")
    lab.docker.run("web")

    for _ in range(3):
        lab.settle()
        lab.look()
        lab.inspect()

    assert lab.notes == ["container_unreadable"]
    assert lab.running() == {"web": True}
    assert lab.inventory.complete
    assert lab.unreported == []


def test_labels_over_a_limit_are_reported_once() -> None:
    lab = Lab()
    web = lab.docker.run("web", labels={"a": "x" * 5000})
    lab.settle()
    lab.docker.kill(web)
    lab.settle()

    assert lab.notes == ["container_labels_left_out"]


def test_limit_of_containers_holds_and_is_reported_once_per_container() -> None:
    lab = Lab(containers_max=2)
    for number in range(4):
        lab.docker.run(f"web{number}")
    lab.settle()
    lab.look()
    lab.inspect()
    lab.look()

    assert len(lab.told) == 2
    assert lab.notes == ["container_refused"] * 2
    assert lab.unreported == []


def test_unwatched_containers_leave_no_trace() -> None:
    lab = Lab()
    for number in range(20):
        web = lab.docker.run(f"web{number}", labels={"constellation.enable": "false"})
        lab.docker.kill(web)
    lab.settle()
    lab.look()

    assert (lab.told, lab.wanted, lab.inventory.complete) == ({}, [], True)
    assert not lab.inventory.containers


def test_churn_leaves_no_trace() -> None:
    lab = Lab()
    for number in range(50):
        web = lab.docker.run(f"web{number}")
        typo = lab.docker.run(f"typo{number}", labels={"constellation.enable": "ture"})
        lab.hear()
        lab.perform(lab.inventory.overdue(web, lab.now_s))
        lab.look()
        lab.docker.rename(web, f"renamed{number}")
        lab.docker.remove(web)
        lab.docker.remove(typo)
    lab.settle()
    lab.look()

    owners = [
        lab.inventory,
        *(one for one in vars(lab.inventory).values() if hasattr(one, "__dict__")),
    ]
    sizes = {
        (type(owner).__name__, name): len(value)
        for owner in owners
        for name, value in vars(owner).items()
        if isinstance(value, dict | set)
    }
    assert len({owner for owner, _ in sizes}) > 3
    assert not any(sizes.values()), sizes


ACTIONS = st.sampled_from(
    [
        *("run", "borrow", "kill", "start_again", "pause", "remove", "rename"),
        *("mute", "hear", "inspect", "look", "hang", "settle_names"),
    ]
)


class Story:
    """What happens to some containers, and what the inventory is told of it."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.living: list[str] = []
        self._names = itertools.count()

    def happens(self, action: str, number: int) -> None:
        chosen = self.living[number] if number < len(self.living) else ""
        if action == "run":
            self._run("")
        elif action in {"hear", "inspect", "look", "settle_names"}:
            getattr(self.lab, action)()
        elif action == "mute":
            self.lab.docker.mute()
        elif chosen:
            self._happens_to(chosen, action)
        self.lab.now_s += 0.1

    def _happens_to(self, chosen: str, action: str) -> None:
        if action == "borrow":
            self._run(chosen)
        elif action == "rename":
            self.lab.docker.rename(chosen, f"web{next(self._names)}")
        elif action == "remove":
            self.lab.docker.remove(chosen)
            self.living.remove(chosen)
        elif action == "hang":
            if chosen in self.lab.wanted:
                self.lab.perform(self.lab.inventory.overdue(chosen, self.lab.now_s))
        else:
            getattr(self.lab.docker, action)(chosen)

    def _run(self, network_of: str) -> None:
        name = f"web{next(self._names)}"
        self.living.append(self.lab.docker.run(name, network_of=network_of))

    def ends(self) -> None:
        """Deliver everything that is still to be told."""
        self.lab.settle()
        self.lab.look()
        self.lab.inspect()
        self.lab.now_s += SETTLE_S_MAX
        self.lab.settle_names()
        self.lab.inspect()


@settings(max_examples=300)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 5)), max_size=40))
def test_reported_state_converges_to_the_actual_state(actions: list[tuple[str, int]]) -> None:
    story = Story()
    for action, number in actions:
        story.happens(action, number)
    story.ends()

    lab, rows = story.lab, story.lab.docker.rows()
    assert {name: (seen.instance, seen.running) for name, seen in lab.told.items()} == {
        row["Names"][0].lstrip("/"): (row["Id"], row["State"] == "running") for row in rows
    }
    for seen in lab.told.values():
        found = lab.docker.inspection(seen.instance)
        assert found is not None
        lent = lent_network(found)
        if lent is not None and seen.running:
            assert (seen.check == "failing") == bool(lent.problem)
    assert lab.inventory.complete
