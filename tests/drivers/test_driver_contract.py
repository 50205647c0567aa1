"""The questions that every driver answers, with the numbers of driver_cases.py. No sleeping, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from driver_cases import CASES, Case, answer_all
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import (
    BusKind,
    Defect,
    DefectKind,
    Direction,
    Driver,
    Failure,
    Frame,
    Heard,
    ReadRegisters,
    RegisterTable,
    Sample,
    SignalSpec,
    SilenceKind,
    WriteLines,
)
from drivers.registry import FAMILIES
from supervisor.kernel.signal import Quality

MACHINES = {"battery", "inverter", "charger", "meter", "none"}
with_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
with_outputs = pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.safe], ids=[name for name, case in CASES.items() if case.safe]
)


def specs_of(case: Case) -> dict[str, SignalSpec]:
    return {spec.name: spec for spec in case.family.shape(case.complete()).signals}


def judge(case: Case, heard: Iterable[Heard]) -> None:
    """What may never come out of a driver, whatever went in."""
    specs = specs_of(case)
    for item in heard:
        if isinstance(item, Defect):
            assert isinstance(item.kind, DefectKind)
            assert len(item.detail) <= 200
            continue
        spec = specs[item.name]
        if item.value is None:
            assert item.quality in (Quality.INVALID, Quality.MISSING)
            continue
        assert item.quality in (Quality.GOOD, Quality.SUSPECT, Quality.STALE)
        assert type(item.value) is int
        assert spec.lo <= item.value <= spec.hi, item
        assert not spec.codes or item.value in spec.codes, item


# ---- what is declared ---------------------------------------------------------------------------------------------
def test_every_registered_family_is_under_test() -> None:
    assert set(CASES) == {*FAMILIES, "blueprint", "toy_handshake"}


@with_case
def test_what_is_declared_makes_sense(case: Case) -> None:
    family = case.family
    signals = family.shape(case.complete()).signals
    assert family.machine in MACHINES
    assert family.title
    assert len({spec.name for spec in signals}) == len(signals)
    assert any(spec.core for spec in signals), "nothing makes this device seen"
    for spec in signals:
        assert spec.lo < spec.hi
        assert spec.max_age_ms > 0
        assert not (spec.core and spec.optional), spec.name
        assert all(spec.lo <= code <= spec.hi for code in spec.codes)
    assert bool(family.listens(case.complete())) == (family.bus is BusKind.CAN)
    assert all(0 <= can_id <= 0x7FF for can_id in family.listens(case.complete()))
    lines = family.lines(case.complete())
    assert bool(lines) == (family.bus is BusKind.GPIO)
    assert len({line.number for line in lines}) == len(lines)


@with_case
def test_outputs_say_what_happens_when_we_fall_silent_and_where_to_look(case: Case) -> None:
    specs = specs_of(case)
    for output in case.family.shape(case.complete()).outputs:
        after_ms = output.silence.after_ms
        assert (after_ms is None) == (output.silence.kind is SilenceKind.NONE)
        assert after_ms is None or after_ms > 0
        assert output.lo <= output.safe <= output.hi
        assert output.enforce_ms > 0
        assert output.step >= 1
        assert (output.readback is None) == (output.readback_ms is None)
        assert output.readback is None or output.readback in specs
        assert output.contactor == (output.travel_ms > 0)
        for lo, hi in output.forbidden:
            assert output.lo <= lo < hi <= output.hi
            assert not lo < output.safe < hi


@with_case
def test_options_have_legal_defaults(case: Case) -> None:
    for option in case.family.options:
        value = option.default
        assert value is None or type(value) is option.kind
        assert not option.choices or value is None or value in option.choices
        if isinstance(value, int) and not isinstance(value, bool):
            assert option.lo is not None
            assert option.hi is not None
            assert option.lo <= value <= option.hi


@with_case
def test_facts_ask_about_signals_that_exist(case: Case) -> None:
    def words(question: object) -> Iterable[str]:
        if isinstance(question, str):
            yield question
        elif isinstance(question, dict):
            assert len(question) == 1
            assert next(iter(question)) in ("any of", "all of")
            for part in next(iter(question.values())):
                yield from words(part)
        else:
            raise TypeError(question)

    specs = specs_of(case)
    for question in case.family.facts.values():
        for text in words(question):
            signal, verb, *amount = text.split()
            assert verb in ("above", "below", "is")
            assert amount
            spec = specs[signal]
            if verb == "is" and not amount[0].isdigit():
                assert amount[0] in spec.codes.values()


# ---- a healthy conversation ---------------------------------------------------------------------------------------
@with_case
def test_a_healthy_round_gives_the_numbers_of_the_sheet(case: Case) -> None:
    heard = case.healthy(case.build(), 1_000)
    judge(case, heard)
    assert not [item for item in heard if isinstance(item, Defect)]
    samples = {item.name: item for item in heard if isinstance(item, Sample)}
    assert {name: samples[name].value for name in case.expect} == case.expect
    assert all(samples[name].quality is Quality.GOOD for name in case.expect)
    assert {spec.name for spec in specs_of(case).values() if spec.core} <= set(samples)


@with_case
def test_nothing_is_ordered_and_no_dead_man_renewed_before_somebody_says_so(case: Case) -> None:
    driver = case.build()
    case.healthy(driver, 0)
    for now_ms in range(1_000, 121_000, 20):
        for ask in driver.poll(now_ms):
            assert not case.order(ask)
            if isinstance(ask, ReadRegisters):
                driver.on_registers(ask, Failure.TIMEOUT, now_ms)


@with_outputs
def test_one_say_is_not_repeated_when_the_guardian_falls_silent(case: Case) -> None:
    driver = case.build()
    case.healthy(driver, 0)
    tuple(driver.say(case.bold, 1_000))
    for now_ms in range(1_000, 121_000, 20):
        for ask in driver.poll(now_ms):
            assert not case.order(ask)
            if isinstance(ask, ReadRegisters):
                driver.on_registers(ask, Failure.NO_CONNECTION, now_ms)


@with_outputs
def test_the_safe_value_goes_out_in_the_first_say_that_wants_it(case: Case) -> None:
    driver = case.build()
    case.healthy(driver, 0)
    bold = list(driver.say(case.bold, 1_000))
    assert any(case.order(ask) for ask in bold)
    safe = list(driver.say(case.safe, 1_005))
    assert any(case.order(ask) for ask in safe)
    assert safe != bold


@with_outputs
@pytest.mark.parametrize("image", ["bold", "safe"])
def test_say_works_before_anything_was_heard(case: Case, image: str) -> None:
    driver = case.build()
    for now_ms in range(0, 2_000, 50):
        tuple(driver.say(getattr(case, image), now_ms))


@with_outputs
def test_say_leaves_the_outputs_it_was_given_alone(case: Case) -> None:
    image = dict(case.bold)
    tuple(case.build().say(image, 0))
    assert image == case.bold


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.family.bus is BusKind.MODBUS])
@pytest.mark.parametrize("failure", list(Failure))
def test_a_failed_read_is_a_defect_without_a_value_and_reading_goes_on(name: str, failure: Failure) -> None:
    case = CASES[name]
    driver = case.build()
    heard = answer_all(driver, 0, failure)
    assert heard
    assert all(isinstance(item, Defect) for item in heard)
    again = case.healthy(driver, 10_000)
    assert {item.name for item in again if isinstance(item, Sample)} >= set(case.expect)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.family.bus is BusKind.GPIO])
def test_lines_are_claimed_at_the_level_that_is_safe_and_no_other_line_is_driven(name: str) -> None:
    case = CASES[name]
    claimed = {line.number: line.initial for line in case.family.lines(case.complete())}
    own = {line.number for line in case.family.lines(case.complete()) if line.direction is Direction.OUT}
    told: list[dict[int, int]] = []
    for image in (case.bold, case.safe):
        (order,) = case.build().say(image, 0)
        assert isinstance(order, WriteLines)
        assert len(dict(order.levels)) == len(order.levels)
        told.append(dict(order.levels))
    bold, safe = told
    assert set(bold) | set(safe) <= own
    assert {number: safe[number] for number in own if bold[number] != safe[number]} == {
        number: claimed[number] for number in own if bold[number] != safe[number]
    }


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.family.bus is BusKind.GPIO])
def test_lines_that_are_missing_or_no_level_are_a_defect_and_no_value(name: str) -> None:
    case = CASES[name]
    inputs = [line.number for line in case.family.lines(case.complete()) if line.direction is Direction.IN]
    for levels in ({}, dict.fromkeys(inputs, 2), dict.fromkeys(inputs, -1)):
        driver = case.build()
        case.healthy(driver, 0)
        heard = [item for at_ms in range(100, 400, 10) for item in driver.on_lines(levels, at_ms)]
        judge(case, heard)
        assert [item for item in heard if isinstance(item, Defect)]
        assert {item.quality for item in heard if isinstance(item, Sample)} == {Quality.INVALID}


@with_case
def test_what_comes_from_another_kind_of_wire_is_nothing(case: Case) -> None:
    driver, bus = case.build(), case.family.bus
    if bus is not BusKind.CAN:
        assert list(driver.on_frame(Frame(0x351, bytes(8)), 0)) == []
    if bus is not BusKind.SERIAL:
        assert list(driver.on_bytes(b"P 1", 0)) == []
    if bus is not BusKind.MODBUS:
        assert list(driver.on_registers(ReadRegisters(1, RegisterTable.INPUT, 0, 1), [0], 0)) == []
    if bus is not BusKind.GPIO:
        assert list(driver.on_lines({5: 0, 6: 1}, 0)) == []
    if not case.safe:
        assert list(driver.say({}, 0)) == []


# ---- arbitrary input ----------------------------------------------------------------------------------------------

words = st.lists(
    st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 0x7F80, 0x7FC0, 0x8000, 0xFF80, 0xFFFF]), min_size=1, max_size=30
)


@st.composite
def frames(draw: st.DrawFn, case: Case) -> Frame:
    can_id = draw(st.sampled_from(sorted(case.family.listens(case.complete()))) | st.integers(0, 0x7FF))
    raw = Frame(can_id, draw(st.binary(max_size=12) | st.binary(min_size=8, max_size=8)), draw(st.booleans()))
    return case.dress(raw) if draw(st.booleans()) else raw


def stimuli(case: Case) -> st.SearchStrategy[Callable[[Driver, int], Iterable[object]]]:
    """One thing that can happen to a driver of this kind of bus."""
    if case.family.bus is BusKind.CAN:
        return frames(case).map(lambda frame: lambda driver, now_ms: driver.on_frame(frame, now_ms))
    if case.family.bus is BusKind.GPIO:
        numbers = st.sampled_from([line.number for line in case.family.lines(case.complete())]) | st.integers(-1, 60)
        levels = st.dictionaries(numbers, st.integers(0, 1) | st.integers(-1, 3), max_size=12)
        return levels.map(lambda seen: lambda driver, now_ms: driver.on_lines(seen, now_ms))
    if case.family.bus is BusKind.SERIAL:
        tokens = st.sampled_from([b"WELCOME\n", b"DENIED\n", b"CHALLENGE 00c0ffee\n", b"P 99999\n", b"P 7\n"])
        return (st.binary(max_size=120) | tokens).map(lambda data: lambda driver, now_ms: driver.on_bytes(data, now_ms))
    replies = st.tuples(words, st.sampled_from([0, 0, 0, -1, 1])) | st.sampled_from(list(Failure))
    return replies.map(lambda reply: lambda driver, now_ms: _answer(driver, reply, now_ms))


def _answer(driver: Driver, reply: tuple[list[int], int] | Failure, now_ms: int) -> Iterable[object]:
    for ask in driver.poll(now_ms):
        assert isinstance(ask, ReadRegisters)
        if isinstance(reply, Failure):
            yield from driver.on_registers(ask, reply, now_ms)
        else:
            pattern, more = reply
            count = max(0, ask.count + more)
            yield from driver.on_registers(ask, (pattern * (count // len(pattern) + 1))[:count], now_ms)


def play(case: Case, script: list[tuple[int, Callable[[Driver, int], Iterable[object]], bool]]) -> list[object]:
    """Everything that a fresh driver hears and asks in this script."""
    driver, now_ms, told = case.build(), 0, []
    for wait_ms, stimulus, bold in script:
        now_ms += wait_ms
        heard = list(stimulus(driver, now_ms))
        judge(case, heard)  # type: ignore[arg-type]
        told += heard
        if case.safe:
            told += driver.say(case.bold if bold else case.safe, now_ms)
    return told


@with_case
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_bytes_raise_or_make_a_good_value_that_is_none_and_the_same_twice(case: Case, data: st.DataObject) -> None:
    steps = st.tuples(st.integers(0, 2_000), stimuli(case), st.booleans())
    script = data.draw(st.lists(steps, max_size=15))
    assert play(case, script) == play(case, script)
