"""Questions: three answers, ages to the millisecond, and what a doubtful value may say."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import good

from supervisor.kernel.question import (
    NO,
    UNKNOWN,
    YES,
    AllOf,
    Answer,
    AnyOf,
    Disagree,
    Fresh,
    Is,
    Outside,
    Question,
    TooOld,
    Within,
)
from supervisor.kernel.signal import MISSING, Quality, Reading

NOW_MS, AGE_MS = 50_000, 1_000
BEYOND, WITHIN = 200, 50  # against ABOVE, FAR and ON
ABOVE = Outside(0, AGE_MS, None, 100)
ON = Is(0, AGE_MS, BEYOND)
FAR = Disagree(Outside(0, AGE_MS, None, None), Outside(1, AGE_MS, None, None), 100)
JUDGING = pytest.mark.parametrize("question", [ABOVE, ON, FAR], ids=["outside", "is", "disagree"])
DOUBTFUL = pytest.mark.parametrize("quality", [Quality.SUSPECT, Quality.STALE, Quality.INVALID])
ANSWERS = st.sampled_from(Answer)


def now(value: int | None, quality: Quality = Quality.GOOD, age_ms: int = 0) -> tuple[Reading, Reading]:
    """The reading in question, and a good zero for the question that compares."""
    return Reading(value, NOW_MS - age_ms, quality), good(0, NOW_MS)


class Say(Question, frozen=True):
    """Always gives the one answer."""

    answer: Answer

    def ask(self, image: object, now_ms: int, proof: bool = False) -> Answer:
        return self.answer

    def signals(self) -> tuple[int, ...]:
        return (7,)


# ---- and, or -----------------------------------------------------------------------------------------------------
KLEENE = {
    (NO, NO): (NO, NO), (NO, UNKNOWN): (NO, UNKNOWN), (NO, YES): (NO, YES),
    (UNKNOWN, NO): (NO, UNKNOWN), (UNKNOWN, UNKNOWN): (UNKNOWN, UNKNOWN), (UNKNOWN, YES): (UNKNOWN, YES),
    (YES, NO): (NO, YES), (YES, UNKNOWN): (UNKNOWN, YES), (YES, YES): (YES, YES),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second"), list(product(Answer, repeat=2)))
def test_and_and_or_are_those_of_three_valued_logic(first: Answer, second: Answer) -> None:
    parts = (Say(first), Say(second))
    both, either = KLEENE[first, second]
    assert AllOf(parts).ask((), 0) is both
    assert AnyOf(parts).ask((), 0) is either


@given(st.lists(ANSWERS, max_size=5), st.integers(0, 4), st.sampled_from([NO, YES]))
def test_an_unknown_part_never_turns_a_sure_answer(answers: list[Answer], place: int, truth: Answer) -> None:
    """What was sure with UNKNOWN in one place is the same whatever the truth in that place turns out to be."""
    unsure = [*answers[:place], UNKNOWN, *answers[place:]]
    known = [*answers[:place], truth, *answers[place:]]
    for kind in (AllOf, AnyOf):
        answer = kind(tuple(map(Say, unsure))).ask((), 0)
        assert answer is UNKNOWN or kind(tuple(map(Say, known))).ask((), 0) is answer


def test_nothing_to_ask_is_yes_for_all_and_no_for_any() -> None:
    assert AllOf(()).ask((), 0) is YES
    assert AnyOf(()).ask((), 0) is NO


# ---- values ------------------------------------------------------------------------------------------------------
@JUDGING
def test_a_good_value_says_yes_and_no(question: Question) -> None:
    for proof in (False, True):
        assert question.ask(now(BEYOND), NOW_MS, proof) is YES
        assert question.ask(now(WITHIN), NOW_MS, proof) is NO


@JUDGING
@DOUBTFUL
def test_a_doubtful_value_may_trip_but_never_reassures_and_proves_nothing(question: Question, quality: Quality) -> None:
    assert question.ask(now(BEYOND, quality), NOW_MS) is YES
    assert question.ask(now(WITHIN, quality), NOW_MS) is UNKNOWN
    assert question.ask(now(BEYOND, quality), NOW_MS, True) is UNKNOWN
    assert question.ask(now(WITHIN, quality), NOW_MS, True) is UNKNOWN


def test_the_limits_themselves_are_within() -> None:
    band = Outside(0, AGE_MS, -10, 10)
    answers = [band.ask((good(value, NOW_MS),), NOW_MS) for value in (-11, -10, 0, 10, 11)]
    assert answers == [YES, NO, NO, NO, YES]


def test_an_open_side_has_no_limit() -> None:
    assert Outside(0, AGE_MS, -10, None).ask((good(10**9, NOW_MS),), NOW_MS) is NO
    assert Outside(0, AGE_MS, None, 10).ask((good(-(10**9), NOW_MS),), NOW_MS) is NO


def test_two_signals_differ_when_they_are_further_apart_than_the_tolerance_either_way() -> None:
    for first, second, answer in ((0, 100, NO), (100, 0, NO), (0, 101, YES), (101, 0, YES)):
        assert FAR.ask((good(first, NOW_MS), good(second, NOW_MS)), NOW_MS) is answer


@DOUBTFUL
def test_one_doubtful_side_is_enough_to_doubt_that_two_signals_agree(quality: Quality) -> None:
    doubted, sure = Reading(0, NOW_MS, quality), good(0, NOW_MS)
    assert FAR.ask((doubted, sure), NOW_MS) is UNKNOWN
    assert FAR.ask((sure, doubted), NOW_MS) is UNKNOWN


# ---- ages --------------------------------------------------------------------------------------------------------
@JUDGING
def test_a_value_counts_up_to_exactly_its_maximum_age(question: Question) -> None:
    assert question.ask(now(BEYOND, age_ms=AGE_MS), NOW_MS) is YES
    assert question.ask(now(BEYOND, age_ms=AGE_MS + 1), NOW_MS) is UNKNOWN


@JUDGING
@pytest.mark.parametrize("reading", [MISSING, Reading(None, NOW_MS, Quality.INVALID)])
def test_without_a_value_nothing_is_known(question: Question, reading: Reading) -> None:
    assert question.ask((reading, good(0, NOW_MS)), NOW_MS) is UNKNOWN


def test_the_second_of_two_signals_ages_as_the_first_does() -> None:
    assert FAR.ask((good(0, NOW_MS), good(BEYOND, NOW_MS - AGE_MS)), NOW_MS) is YES
    assert FAR.ask((good(0, NOW_MS), good(BEYOND, NOW_MS - AGE_MS - 1)), NOW_MS) is UNKNOWN
    assert FAR.ask((good(0, NOW_MS), MISSING), NOW_MS) is UNKNOWN


@given(st.builds(Reading, st.none() | st.integers(-5, 5), st.integers(0, 2 * NOW_MS), st.sampled_from(Quality)))
def test_too_old_and_fresh_are_never_unknown_and_never_agree(reading: Reading) -> None:
    too_old = TooOld(0, AGE_MS).ask((reading,), NOW_MS)
    fresh = Fresh(((0, AGE_MS),)).ask((reading,), NOW_MS)
    assert {too_old, fresh} == {YES, NO}
    assert fresh is (YES if reading.quality is Quality.GOOD and NOW_MS - reading.at_ms <= AGE_MS else NO)


def test_fresh_wants_every_one_of_its_signals_at_its_own_age() -> None:
    fresh = Fresh(((0, 100), (1, 1_000)))
    assert fresh.ask((good(0, NOW_MS - 100), good(0, NOW_MS - 1_000)), NOW_MS) is YES
    assert fresh.ask((good(0, NOW_MS - 101), good(0, NOW_MS)), NOW_MS) is NO
    assert fresh.ask((good(0, NOW_MS), good(0, NOW_MS - 1_001)), NOW_MS) is NO


# ---- what they look at -------------------------------------------------------------------------------------------
def test_a_question_names_the_signals_that_it_looks_at() -> None:
    assert ABOVE.signals() == ON.signals() == TooOld(0, 1).signals() == Within(0, 1, 0, 1).signals() == (0,)
    assert FAR.signals() == Fresh(((0, 1), (1, 1))).signals() == (0, 1)
    assert AllOf((ABOVE, Say(YES))).signals() == AnyOf((ABOVE, Say(YES))).signals() == (0, 7)


def test_a_question_that_says_nothing_is_a_mistake_of_its_author() -> None:
    with pytest.raises(NotImplementedError):
        Question().ask((), 0)
    with pytest.raises(NotImplementedError):
        Question().signals()
