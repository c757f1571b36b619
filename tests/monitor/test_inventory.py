"""Events and full looks, in the orders in which they overtake each other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.monitor.lab import Lab


def test_death_is_told_before_anything_is_inspected() -> None:
    lab = Lab()
    web = lab.docker.run("web", ports={80: 8080})
    lab.settle()

    lab.docker.kill(web)
    lab.hear()

    assert lab.running() == {"web": False}
    assert lab.told["web"].endpoints == ()


def test_inspection_overtaken_by_a_death_is_not_believed() -> None:
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


def test_look_overtaken_by_a_death_is_not_believed() -> None:
    lab = Lab()
    lab.look()
    web = lab.docker.run("web")
    lab.settle()
    since, rows = lab.inventory.sequence, lab.docker.rows()

    lab.docker.kill(web)
    lab.settle()
    lab.perform(lab.inventory.listed(rows, since, lab.now_s))

    assert (lab.running(), lab.wanted, lab.unreported) == ({"web": False}, [], [])


def test_look_before_the_inspection_that_an_event_asked_for_accuses_no_stream() -> None:
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


def test_look_overtaken_by_a_start_does_not_forget_it() -> None:
    lab = Lab()
    lab.look()
    since, rows = lab.inventory.sequence, lab.docker.rows()

    lab.docker.run("web")
    lab.settle()
    lab.perform(lab.inventory.listed(rows, since, lab.now_s))

    assert lab.running() == {"web": True}


def test_look_finds_what_a_silent_stream_did_not_tell() -> None:
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


def test_events_a_little_later_than_the_look_clear_the_stream() -> None:
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


def test_events_of_a_container_that_is_gone_by_the_next_look_clear_the_stream_too() -> None:
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


def test_first_look_accuses_no_stream() -> None:
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


def test_look_that_finds_nothing_new_asks_nothing() -> None:
    lab = Lab()
    lab.docker.run("web")
    lab.settle()
    lab.look()
    lab.inspect()

    lab.look()

    assert lab.wanted == []


def test_complete_only_when_everything_was_read() -> None:
    lab = Lab()
    lab.docker.run("web")
    lab.look()

    before = lab.inventory.everything().complete
    lab.inspect()

    assert (before, lab.inventory.everything().complete) == (False, True)


def test_container_that_could_not_be_inspected_is_asked_for_again() -> None:
    lab = Lab()
    lab.docker.run("web")
    lab.look()
    lab.inventory.not_inspected(lab.wanted.pop())

    lab.look()
    lab.inspect()

    assert lab.running() == {"web": True}
    assert lab.inventory.complete


def test_created_container_is_no_service_yet() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    found = lab.docker.found(web)
    assert found is not None
    found["State"] = {"Status": "created"}

    lab.perform(lab.inventory.inspected(web, found, 0, lab.now_s))

    assert lab.told == {}


def test_long_dead_container_is_withdrawn_and_comes_back_with_its_next_start() -> None:
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


def test_unreadable_container_is_reported_once_and_harms_no_other() -> None:
    lab = Lab()
    lab.docker.run("___")
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


def test_limit_on_containers_is_kept_and_said_once_a_container() -> None:
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

    assert (lab.inventory.sequence, lab.wanted, lab.inventory.complete) == (0, [], True)


def test_churn_leaves_no_trace() -> None:
    lab = Lab()
    for number in range(50):
        lab.docker.remove(lab.docker.run(f"web{number}"))
    lab.settle()
    lab.look()

    sizes = {
        name: len(value)
        for name, value in vars(lab.inventory).items()
        if isinstance(value, dict | set)
    }
    assert not any(sizes.values()), sizes


ACTIONS = st.sampled_from(["run", "kill", "pause", "remove", "mute", "hear", "inspect", "look"])


@settings(max_examples=200)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 5)), max_size=40))
def test_what_is_told_ends_as_what_is(story: list[tuple[str, int]]) -> None:
    lab = Lab()
    living: list[str] = []
    for action, number in story:
        chosen = living[number] if number < len(living) else None
        if action == "run":
            living.append(lab.docker.run(f"web{len(lab.docker.rows())}-{lab.now_s}"))
        elif action in {"kill", "pause"} and chosen:
            getattr(lab.docker, action)(chosen)
        elif action == "remove" and chosen:
            lab.docker.remove(chosen)
            living.remove(chosen)
        elif action == "mute":
            lab.docker.mute()
        elif action in {"hear", "inspect", "look"}:
            getattr(lab, action)()
        lab.now_s += 0.1

    lab.settle()
    lab.look()
    lab.inspect()

    rows = lab.docker.rows()
    is_running = {row["Id"]: row["State"] == "running" for row in rows}
    assert {seen.instance: seen.running for seen in lab.told.values()} == is_running
    assert lab.inventory.complete
