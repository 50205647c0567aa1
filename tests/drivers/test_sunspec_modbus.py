"""SunSpec inverters: scale factors that move, what a limit looks like on the wire, when, and what it can express."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from driver_cases import SUNSPEC_CONTROLS, SUNSPEC_INVERTER
from hypothesis import given
from hypothesis import strategies as st
from sunspec_box import (
    COMMON,
    CONTROLS,
    LIMIT,
    NI_U16,
    RATING,
    RATING_W,
    Box,
    heard_from,
    inverter,
    memory,
    options,
    with_words,
)

from drivers.contract import Defect, DefectKind, Failure, ReadRegisters, Sample, Silence, SilenceKind
from drivers.sunspec_modbus import FAMILY
from drivers.sunspec_table import TableError, load, parse, scaled
from supervisor.kernel.signal import Quality


# ---- values -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("factor", "power"), [(1, 51_230_000), (0, 5_123_000), (0xFFFE, 51_230), (0xFFFA, 6)])
def test_the_scale_factor_is_the_one_of_the_same_answer(factor: int, power: int) -> None:
    """The last one is 5.123 mW, shown as 6: never smaller than it is. A negative power flows out of the house."""
    assert heard_from({14: 5123, 15: factor}).heard["power"] == Sample("power", power)
    assert heard_from({14: 0x10000 - 5123, 15: factor}).heard["power"] == Sample("power", -power)


@pytest.mark.parametrize(
    ("factor", "kind"), [(0x8000, DefectKind.NOT_AVAILABLE), (11, DefectKind.RANGE), (0xFFF5, DefectKind.RANGE)]
)
def test_a_scale_factor_that_is_none_makes_its_values_invalid_and_no_others(factor: int, kind: DefectKind) -> None:
    box = heard_from({6: factor})
    assert {box.heard[f"current_l{phase}"].quality for phase in (1, 2, 3)} == {Quality.INVALID}
    assert [defect.kind for defect in box.defects[:3]] == [kind] * 3
    assert box.heard["power"].quality is Quality.GOOD


def test_unused_phases_are_no_measurement() -> None:
    box = heard_from({4: NI_U16, 5: NI_U16, 11: NI_U16, 12: NI_U16, 33: 0x8000, 24: 0, 25: 0})
    absent = {"current_l2", "current_l3", "voltage_l2", "voltage_l3", "temperature", "energy"}
    assert {name for name, sample in box.heard.items() if sample.value is None} == absent
    assert {defect.kind for defect in box.defects} == {DefectKind.NOT_AVAILABLE}
    assert {box.heard[name].quality for name in absent} == {Quality.INVALID}


def test_a_state_without_a_name_and_a_voltage_out_of_range_are_no_measurement() -> None:
    box = heard_from({38: 9, 10: 60_000})
    assert [defect.kind for defect in box.defects[:2]] == [DefectKind.RANGE, DefectKind.ENUM]
    assert box.heard["state"].value is box.heard["voltage_l1"].value is None


@given(st.integers(-0x8000, 0xFFFF), st.sampled_from([1, 10, 1000]), st.integers(-10, 10))
def test_scaling_is_exact_or_one_unit_away_from_zero(raw: int, scale: int, power: int) -> None:
    value, shift = scaled(raw, scale, power), 10 ** max(0, -power)
    exact = raw * scale * 10 ** max(0, power)
    assert abs(value * shift) >= abs(exact) > (abs(value) - 1) * shift or value == exact == 0


@pytest.mark.parametrize(
    ("controls", "limit"),
    [
        ({5: 5000, 9: 0}, RATING),
        ({5: NI_U16, 9: 0}, RATING),
        ({5: 5000, 9: 1}, RATING // 2),
        ({5: 66, 23: 0, 9: 1}, 6_600_000),
        ({5: 5000, 9: 2}, None),
        ({5: NI_U16, 9: 1}, None),
        ({5: 101, 23: 0, 9: 1}, None),
    ],
)
def test_the_limit_in_force_is_the_share_where_it_is_enabled_and_the_rating_where_not(
    controls: dict[int, int], limit: int | None
) -> None:
    quality = Quality.INVALID if limit is None else Quality.GOOD
    assert heard_from({}, controls).heard["power_limit"] == Sample("power_limit", limit, quality)


def test_a_short_answer_of_a_model_is_a_defect_without_values() -> None:
    box = Box().run(2_000)
    while not (asks := list(box.driver.poll(box.now_ms))):
        box.now_ms += 20
    assert isinstance(asks[0], ReadRegisters)
    (defect,) = box.driver.on_registers(asks[0], [103, 50, 1], box.now_ms)
    assert isinstance(defect, Defect)
    assert defect.kind is DefectKind.SHORT_REPLY


# ---- the limit ----------------------------------------------------------------------------------------------------
def test_a_limit_is_one_write_of_five_words() -> None:
    """WMaxLimPct 33.3 % in hundredths, window 0, RvrtTms 900 s, ramp 0, enabled. 3339 W are rounded down."""
    assert Box(inverter(revert_s=900)).run(1_000).say(3_339_000) == [(LIMIT, (3330, 0, 900, 0, 1))]


@pytest.mark.parametrize(
    ("factor", "word"), [(0xFFFE, 6660), (0xFFFF, 666), (0, 66), (1, 6), (2, 0), (0xFFF6, 0xFFFE), (0xFFFD, 0xFFFE)]
)
def test_the_share_is_written_in_the_scale_last_read_and_rounded_down(factor: int, word: int) -> None:
    assert heard_from({}, {5: 0, 23: factor}).say(6_660_000)[0][1][0] == word


@pytest.mark.parametrize(("asked", "word"), [(-1, 0), (0, 0), (RATING, 10_000), (RATING * 2, 10_000)])
def test_what_is_asked_is_kept_within_the_rating(asked: int, word: int) -> None:
    assert Box().run(1_000).say(asked)[0][1][0] == word


def test_nothing_is_written_before_the_models_and_the_scale_factor_are_known() -> None:
    box = Box()
    assert box.say(0) == []
    while (CONTROLS, 26) not in box.asked:
        assert not box.writes
        box.run(20)
    assert box.say(0)


def test_nothing_is_written_with_a_scale_factor_that_is_none() -> None:
    assert heard_from({}, {23: 0x8000}).run(3_000, 0).writes == []


def test_nothing_is_written_while_the_search_is_on_again() -> None:
    box = Box().run(2_000, 0)
    box.failure = Failure.TIMEOUT
    box.run(4_000)
    assert box.say(RATING // 2) == []


def test_a_tighter_limit_goes_out_at_once_and_a_looser_one_rests() -> None:
    box = Box().run(1_000)
    assert box.say(5_000_000)
    assert box.say(4_000_000)
    assert not box.say(6_000_000)
    assert box.run(1_000).say(6_000_000)


def test_a_limit_that_is_in_force_is_renewed_each_third_of_the_time_and_only_from_say() -> None:
    box = Box().run(1_000).run(65_000, 4_000_000)
    times = [now_ms for now_ms, _, _ in box.writes]
    assert [later - earlier for earlier, later in pairwise(times)] == [20_000] * 3
    box.run(100_000)
    assert len(box.writes) == 4


def test_a_limit_that_somebody_else_set_is_made_ours() -> None:
    """It shows the right value, but whose timer runs behind it is not known."""
    assert heard_from({}, {5: 4000, 9: 1}).say(4_000_000)


def test_an_inverter_that_does_not_obey_is_told_each_second() -> None:
    box = Box(deaf=True).run(1_000).run(5_000, 4_000_000)
    assert len(box.writes) == 5


def test_a_lifted_limit_is_seen_and_written_again() -> None:
    box = Box().run(1_000).run(3_000, 4_000_000)
    assert len(box.writes) == 1
    box.registers[LIMIT + 4] = 0
    assert len(box.run(1_500, 4_000_000).writes) == 2
    assert box.heard["power_limit"].value == 4_000_000


def test_a_lost_write_is_no_renewal() -> None:
    box = Box().run(1_000).run(3_000, 4_000_000)
    box.failure = Failure.TIMEOUT
    box.now_ms += 20_000
    assert box.say(4_000_000)
    box.failure = None
    assert box.run(2_000).heard["power_limit"].value == 4_000_000
    assert box.say(4_000_000)


def test_a_write_is_followed_by_a_read_of_its_model() -> None:
    box = Box().run(1_000)
    box.reads.clear()
    box.say(4_000_000)
    assert box.run(100).asked[0] == (CONTROLS, 26)


def test_an_accepted_write_without_a_later_read_proves_nothing() -> None:
    box = Box().run(1_000)
    assert box.say(4_000_000)
    box.now_ms += 1_000
    assert box.say(4_000_000)


def test_what_was_shown_too_long_ago_proves_nothing() -> None:
    box = Box().run(1_000).run(3_000, 4_000_000)
    box.now_ms += 6_000
    assert box.say(4_000_000)


def test_a_refused_tightening_is_a_defect_and_said_again() -> None:
    box = Box().run(1_000)
    box.failure = Failure.EXCEPTION
    assert len(box.run(1_500, 0).writes) == 2
    assert box.defects[-1].kind is DefectKind.DEVICE_EXCEPTION


def test_a_scale_factor_that_changes_makes_the_limit_be_written_anew() -> None:
    box = Box().run(1_000).run(3_000, 4_000_000)
    box.registers[CONTROLS + 23] = 0xFFFF
    box.run(1_500, 4_000_000)
    assert box.writes[-1][2] == (400, 0, 60, 0, 1)


# ---- what the device can express ------------------------------------------------------------------------------------
def factor_word(power: int) -> int:
    return power & 0xFFFF


@given(st.integers(0, RATING), st.integers(-10, 10))
def test_a_limit_is_never_rounded_up(asked: int, power: int) -> None:
    """Whatever the register counts in: what is in force is at most what was asked."""
    ((_, words),) = heard_from({}, {5: 0, 23: factor_word(power)}).say(asked)
    assert words[0] * Fraction(10) ** power / 100 * RATING <= asked
    assert words[0] < NI_U16


@pytest.mark.parametrize(("power", "step"), [(-2, 10), (-1, 10), (0, 10), (-2, 1), (-1, 1), (0, 50), (1, 100)])
def test_each_declared_step_is_shown_as_it_was_told(power: int, step: int) -> None:
    (output,) = FAMILY.shape(options(step_permille=step)).outputs
    assert output.step == step * RATING_W
    controls = with_words(SUNSPEC_CONTROLS, {5: 0, 23: factor_word(power)})
    box = Box(inverter(step_permille=step), memory(40000, COMMON, SUNSPEC_INVERTER, controls)).run(1_000)
    for told in range(output.lo, output.hi + 1, 7 * output.step):
        box.run(1_200, told)
        assert box.heard["power_limit"].value == told
    assert not box.defects


@pytest.mark.parametrize(
    ("power", "step", "word", "shown"),
    [(0, 1, 33, 3_300_000), (0, 15, 33, 3_300_000), (1, 10, 3, 3_000_000), (2, 10, 0, 0)],
)
def test_a_step_that_the_register_does_not_know_goes_down_is_shown_as_it_is_and_is_a_defect(
    power: int, step: int, word: int, shown: int
) -> None:
    controls = with_words(SUNSPEC_CONTROLS, {5: 0, 23: factor_word(power)})
    box = Box(inverter(step_permille=step), memory(40000, COMMON, SUNSPEC_INVERTER, controls)).run(1_000)
    box.run(3_000, 3_390_000)
    assert [words[0] for _, _, words in box.writes] == [word], "written once: it shows what it can"
    assert box.heard["power_limit"].value == shown
    assert {defect.kind for defect in box.defects} == {DefectKind.READBACK}
    assert f"scale factor {power} cannot say" in box.defects[0].detail


def test_a_register_too_narrow_for_the_whole_rating_is_a_defect() -> None:
    """In thousandths of a percent 100 % are no 16-bit number: the limit stays at 65.534 %."""
    box = heard_from({}, {5: 0, 23: factor_word(-3)}).run(2_000, RATING)
    assert box.writes[0][2][0] == 0xFFFE
    assert {defect.kind for defect in box.defects} == {DefectKind.READBACK}


# ---- silence and connection -----------------------------------------------------------------------------------------
def test_the_family_declares_that_silence_lifts_the_limit_after_the_revert_time() -> None:
    (output,) = FAMILY.shape(options(revert_s=90)).outputs
    assert (output.name, output.silence) == ("power_limit", Silence(SilenceKind.REVERTS_UNSAFE, 90_000))


def test_only_sleeping_and_off_are_asleep_and_only_a_fault_is_one() -> None:
    assert FAMILY.facts == {
        "asleep_now": {"any of": ["state is off", "state is sleeping"]},
        "limited_now": "state is throttled",
        "faulted_now": "state is fault",
    }


def test_a_silence_image_goes_out_at_once_and_holds_for_the_whole_revert_time() -> None:
    box = Box().run(1_000).run(3_000, 4_000_000)
    assert box.say(1_000_000) == [(LIMIT, (1000, 0, 60, 0, 1))]


def test_a_silence_image_that_is_in_force_holds_for_two_thirds_of_the_revert_time_at_least() -> None:
    box = Box().run(1_000).run(3_000, 1_000_000)
    written_ms = box.writes[-1][0]
    for _ in range(100):
        box.run(500)
        if box.say(1_000_000):
            break
    left_ms = 60_000 - (box.now_ms - written_ms)
    assert 39_000 <= left_ms <= 40_000


@given(st.lists(st.tuples(st.integers(0, 12_000_000), st.integers(20, 4_000)), max_size=8))
def test_nothing_but_the_limit_is_ever_written(orders: list[tuple[int, int]]) -> None:
    """Not the connection, not a ramp, not half of the five words, and never without the revert time."""
    box = Box().run(1_000)
    for power_limit, span_ms in orders:
        box.run(span_ms, power_limit)
    assert all(address == LIMIT and words[1:] == (0, 60, 0, 1) for _, address, words in box.writes)


# ---- the table ----------------------------------------------------------------------------------------------------
def test_the_shipped_table_loads_and_the_offsets_are_the_standards() -> None:
    table = load("sunspec_modbus")
    assert (table.bases, table.limit) == ((40000, 50000, 0), (5, 5))
    offsets = {name: point.offset for name, point in table.models[123].points.items()}
    assert offsets == {"connected": 4, "limit_percent": 5, "revert_time": 7, "limit_enabled": 9}
    with pytest.raises(TableError, match="here"):
        parse("title: x", "here")
