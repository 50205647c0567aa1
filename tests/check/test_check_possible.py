"""Can a rule ever act? The answer without trying equals the answer of trying every value that makes a difference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from check_fixtures import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.check.possible import possible
from supervisor.check.survey import Survey, leaves
from supervisor.kernel.question import NO, YES, AllOf, AnyOf, Disagree, Is, Outside, Question, Within
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.loader.load import load

SURVEY = Survey(load(ROOT / "policies" / "uc001"))
INDEX = {signal.id: i for i, signal in enumerate(SURVEY.plan.signals)}
SOC, STATE, FLAG = INDEX["battery.soc"], INDEX["wallbox.car_state"], INDEX["relays.permit"]
OTHER = INDEX["battery.soh"]
AMOUNT = st.integers(-5, 1_005)


@st.composite
def single(draw: st.DrawFn) -> Question:
    if draw(st.booleans()):
        return Is(signal := draw(st.sampled_from([STATE, FLAG])), 1, draw(st.integers(-1, 8 if signal == STATE else 2)))
    a, b = sorted((draw(AMOUNT), draw(AMOUNT)))
    match draw(st.sampled_from(["above", "below", "outside", "within"])):
        case "above":
            return Outside(SOC, 1, None, a)
        case "below":
            return Outside(SOC, 1, a, None)
        case "outside":
            return Outside(SOC, 1, a, b)
    return Within(SOC, 1, a, b)


def several(parts: st.SearchStrategy[Question]) -> st.SearchStrategy[Question]:
    listed = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(listed.map(AllOf), listed.map(AnyOf))


QUESTIONS = st.recursive(single(), several, max_leaves=6)


def values(signal: int, asked: Question) -> Iterator[int]:
    """Every value of a signal on either side of which an answer may change, as far as it can say it."""
    if codes := SURVEY.codes.get(signal):
        yield from codes
        return
    declared = SURVEY.plan.signals[signal]
    edges = {declared.lo, declared.hi}
    for leaf in leaves(asked):
        edges |= {e + d for e in (getattr(leaf, "lo", 0), getattr(leaf, "hi", 0)) if e is not None for d in (-1, 0, 1)}
    yield from (value for value in edges if declared.lo <= value <= declared.hi)


def answers(asked: Question) -> set[int]:
    signals = sorted(set(asked.signals()))
    found = set()
    for said in product(*(sorted(set(values(signal, asked))) for signal in signals)):
        image = [MISSING] * len(SURVEY.plan.signals)
        for signal, value in zip(signals, said, strict=True):
            image[signal] = Reading(value, 0, Quality.GOOD)
        found.add(asked.ask(tuple(image), 0))
    return found


@settings(max_examples=400, deadline=None)
@given(QUESTIONS)
def test_what_is_called_impossible_is_what_no_reading_can_bring_about(asked: Question) -> None:
    found = answers(asked)
    assert possible(SURVEY, asked, wanted=True) == (YES in found)
    assert possible(SURVEY, asked, wanted=False) == (NO in found)


@pytest.mark.parametrize(("tolerance", "can"), [(0, True), (999, True), (1_000, False)])
def test_two_signals_differ_by_no_more_than_their_ranges_allow(tolerance: int, can: bool) -> None:
    parts = (Outside(SOC, 1, None, None), Outside(OTHER, 1, None, None))
    assert possible(SURVEY, Disagree(*parts, tolerance)) == can
    assert possible(SURVEY, Disagree(*parts, tolerance), wanted=False)


def test_a_question_too_wide_to_look_through_counts_as_possible() -> None:
    one = AnyOf(tuple(Is(STATE, 1, code) for code in range(6)))
    assert possible(SURVEY, AllOf((one,) * 8))
