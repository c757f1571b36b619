"""Two nodes that believe to hold dns-writer: the record ends as the later grant wants it."""

from __future__ import annotations

import pytest

from constellation.dns.mark import OwnerMark
from tests.simulation.dns_writers import APEX, MARK, Lab

OLD, NEW = 5, 9
OLD_ADDRESS, NEW_ADDRESS, FOREIGN = "203.0.113.1", "203.0.113.2", "198.51.100.7"
END_S = 600.0


class DeafMark(OwnerMark):
    """A planted fault: the tokens in the zone are not read."""

    def token(self, comment: str) -> int:
        return 0


def wrong_at_the_end(seed: int, *, is_old_deaf: bool = False) -> list[str]:
    """Run two believers of which the first goes on for a while; return what is wrong then."""
    lab = Lab(seed)
    foreign = lab.model.add("www.home.example", "A", FOREIGN)
    takes_over_s = 10.0 + 20.0 * lab.random.random()
    ends_s = END_S if is_old_deaf else takes_over_s + 90.0 * lab.random.random()
    mark = DeafMark(MARK.text) if is_old_deaf else MARK
    lab.add(OLD, OLD_ADDRESS, 0.0, ends_s, mark)
    lab.add(NEW, NEW_ADDRESS, takes_over_s, END_S)
    lab.run(END_S)
    wrong = []
    ours = [one for one in lab.model.records.values() if one.name == APEX]
    if [one.content for one in ours] != [NEW_ADDRESS]:
        wrong.append(f"records at the end: {[one.content for one in ours]}")
    if [one.comment for one in ours] != [f"constellation:home:{NEW}"]:
        wrong.append(f"tokens at the end: {[one.comment for one in ours]}")
    if lab.model.records.get(foreign.id) != foreign:
        wrong.append("a record of others was touched")
    return wrong


@pytest.mark.scenario(28)
def test_the_record_ends_with_the_higher_token_whatever_arrives_last(sim_seed: int) -> None:
    for one in range(20 * sim_seed, 20 * sim_seed + 20):
        assert wrong_at_the_end(one) == [], f"seed {one}"


def test_the_check_catches_a_writer_that_ignores_higher_tokens() -> None:
    caught = sum(bool(wrong_at_the_end(seed, is_old_deaf=True)) for seed in range(10))
    assert caught >= 2
