"""Which records are ours: their comments, and the settings that must agree on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.dns.mark import OwnerMark, check_managed
from constellation.dns.plan_parts import Marking
from messages.dns_calls import COMMENT_CHARACTERS_MAX

LONGEST = OwnerMark("constellation:" + "x" * 50)  # as long as dns.owner may be
MARKS = [OwnerMark("constellation:home"), LONGEST, OwnerMark("b:home", "[ab]:home:.*")]


@given(st.sampled_from(MARKS), st.integers(1, 10**20 - 1), st.text(max_size=120))
def test_what_is_marked_is_ours_with_its_token_and_within_the_limit(
    mark: OwnerMark, token: int, before: str
) -> None:
    comment = Marking(mark, token).comment(before)
    assert len(comment) <= COMMENT_CHARACTERS_MAX
    assert mark.is_ours(comment)
    assert mark.token(comment) == token


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "constellation:home",
        "constellation:home:",
        "constellation:home:7x",
        "constellation:home:7:8",
        "constellation:home.example:7",
        "Constellation:home:7",
        " constellation:home:7",
        "of constellation:home:7",
    ],
)
def test_a_comment_that_only_resembles_ours_is_another_s(comment: str) -> None:
    assert not OwnerMark("constellation:home").is_ours(comment)


@pytest.mark.parametrize(
    "managed", ["constellation:.*", "a:home:.*", r"b:home:\d", ".*", "(b:.*)?"]
)
def test_marks_that_are_not_found_again_or_match_everything_are_refused(managed: str) -> None:
    with pytest.raises(ValueError, match=r"dns\.managed"):
        check_managed(OwnerMark("b:home", managed))


def test_an_earlier_mark_is_replaced_and_the_rest_of_a_comment_stays() -> None:
    mark = OwnerMark("b:home", r"[ab]:home:\d+( .*)?")
    check_managed(mark)
    assert mark.comment(7, "a:home:3 of the router") == "b:home:7"
    assert mark.comment(7, "b:home:3 of the router") == "b:home:7 of the router"
    assert mark.comment(7, "made by hand") == "b:home:7 made by hand"
