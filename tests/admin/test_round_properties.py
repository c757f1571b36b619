"""What holds of a round, whatever the order of questions, replies and silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from constellation.admin.round import Ask, Completed, Effect, Round, TooMany

NODES = ("alpha", "beta", "gamma")
TIMEOUT_S, ASK_AGAIN_S, ASKERS_MAX = 1.0, 5.0, 4
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sets(st.sampled_from(NODES))),
        st.tuples(st.just("answer"), st.sampled_from(NODES)),
        st.tuples(st.just("unreachable"), st.sampled_from(NODES)),
        st.tuples(st.just("wait"), st.floats(0.0, 2.0)),
    ),
    max_size=40,
)


class Run:
    """One round, and what can be seen of it from outside."""

    def __init__(self) -> None:
        self.round = Round[str, None, str](
            timeout_s=TIMEOUT_S, ask_again_s=ASK_AGAIN_S, askers_max=ASKERS_MAX
        )
        self.now_s = 0.0
        self.asked: dict[str, tuple[float, frozenset[str]]] = {}
        self.answers: dict[str, tuple[float, Completed[str, None, str]]] = {}
        self.refused: set[str] = set()
        self.owed_since_s: dict[str, float] = {}

    def step(self, kind: str, value: object) -> None:
        if kind == "ask":
            assert isinstance(value, set)
            asker = f"asker-{len(self.asked)}"
            self.asked[asker] = self.now_s, frozenset(value)
            self._see(self.round.begin(asker, None, value, self.now_s))
        elif kind == "wait":
            assert isinstance(value, float)
            self.now_s += value
            self._see(self.round.tick(self.now_s))
        else:
            assert isinstance(value, str)
            self.owed_since_s.pop(value, None)
            if kind == "answer":
                self._see(self.round.answered(value, f"of {value}", self.now_s))
            else:
                self._see(self.round.unreachable(value, self.now_s))

    def _see(self, effects: list[Effect[str, None, str]]) -> None:
        for effect in effects:
            match effect:
                case Ask(nodes):
                    for node in nodes:
                        self._see_question(node)
                case Completed(asker=asker):
                    assert asker not in self.answers, f"{asker} was answered twice"
                    self.answers[asker] = self.now_s, effect
                case TooMany(asker=asker):
                    self.refused.add(asker)
                case _:
                    pass

    def _see_question(self, node: str) -> None:
        since_s = self.owed_since_s.get(node)
        assert since_s is None or self.now_s >= since_s + ASK_AGAIN_S, f"{node} owes one already"
        self.owed_since_s[node] = self.now_s

    @property
    def waiting(self) -> set[str]:
        return self.asked.keys() - self.answers.keys() - self.refused


@given(STEPS)
def test_every_asker_is_answered_once_in_time_about_exactly_the_nodes_it_asked(
    steps: list[tuple[str, object]],
) -> None:
    run = Run()
    for kind, value in steps:
        run.step(kind, value)
        assert len(run.waiting) == run.round.waiting_count <= ASKERS_MAX
        if kind == "wait":
            assert all(run.now_s < run.asked[asker][0] + TIMEOUT_S for asker in run.waiting)

    run.step("wait", 2.0)

    assert run.waiting == set()
    for asker, (_, answer) in run.answers.items():
        told = [*answer.replies, *answer.missing]
        assert sorted(told) == sorted(run.asked[asker][1])
        assert all(reply == f"of {node}" for node, reply in answer.replies.items())


@given(STEPS)
def test_only_askers_beyond_the_limit_are_refused(steps: list[tuple[str, object]]) -> None:
    run = Run()
    for kind, value in steps:
        before, refused = len(run.waiting), len(run.refused)
        run.step(kind, value)
        was_full = kind == "ask" and before == ASKERS_MAX
        assert (len(run.refused) > refused) == was_full
