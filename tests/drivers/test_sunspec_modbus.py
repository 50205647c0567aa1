"""SunSpec inverters: finding the models, scale factors that move, what a limit looks like on the wire, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from driver_cases import SUNSPEC_CONTROLS, SUNSPEC_INVERTER
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Defect, DefectKind, Driver, Failure, Heard, ReadRegisters, Sample, WriteRegisters
from drivers.sunspec_modbus import FAMILY
from drivers.sunspec_table import TableError, load, parse, scaled
from supervisor.kernel.signal import Quality

SUNS, END = (0x5375, 0x6E53), (0xFFFF, 0)
COMMON, COMMON_PADDED = (1, 65, *[0] * 65), (1, 66, *[0] * 66)
UNKNOWN = (160, 8, *[0] * 8)
RATING_W = 10_000
RATING = RATING_W * 1000
NI_U16 = 0xFFFF


def inverter(base: str = "auto", revert_s: int = 60) -> Driver:
    options = {"unit": 1, "host": "h", "port": 1502, "base": base, "rating_w": RATING_W, "revert_s": revert_s}
    return FAMILY.build(options, bytes(32))


def with_words(model: Sequence[int], changes: dict[int, int]) -> tuple[int, ...]:
    return tuple(changes.get(offset, word) for offset, word in enumerate(model))


def memory(base: int, *models: Sequence[int]) -> dict[int, int]:
    """A register map: the marker, the models one after the other, and the end of the chain."""
    words = [*SUNS, *(word for model in models for word in model), *END]
    return {base + place: word for place, word in enumerate(words)}


@dataclass
class Box:
    """An inverter of the test's own: registers, and a line that can fail. Time stands in ``now_ms``."""

    driver: Driver = field(default_factory=inverter)
    registers: dict[int, int] = field(
        default_factory=lambda: memory(40000, COMMON, SUNSPEC_INVERTER, UNKNOWN, SUNSPEC_CONTROLS)
    )
    failure: Failure | None = None
    silent: frozenset[int] = frozenset()
    deaf: bool = False
    now_ms: int = 0
    reads: list[tuple[int, int, int]] = field(default_factory=list)
    heard: dict[str, Sample] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    writes: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)

    def note(self, heard: Iterable[Heard]) -> None:
        for item in heard:
            if isinstance(item, Sample):
                self.heard[item.name] = item
            else:
                self.defects.append(item)

    def reply(self, ask: ReadRegisters) -> Sequence[int] | Failure:
        if self.failure is not None:
            return self.failure
        if ask.address in self.silent:
            return Failure.TIMEOUT
        words = [self.registers.get(ask.address + place) for place in range(ask.count)]
        return Failure.EXCEPTION if None in words else [word for word in words if word is not None]

    def run(self, span_ms: int, power_limit: int | None = None) -> Box:
        """Lets time pass in steps of 20 ms; with ``power_limit`` the guardian says it in each of them."""
        for _ in range(0, span_ms, 20):
            self.now_ms += 20
            for ask in self.driver.poll(self.now_ms):
                assert isinstance(ask, ReadRegisters)
                self.reads.append((self.now_ms, ask.address, ask.count))
                self.note(self.driver.on_registers(ask, self.reply(ask), self.now_ms + 1))
            if power_limit is not None:
                self.say(power_limit)
        return self

    def say(self, power_limit: int) -> list[tuple[int, tuple[int, ...]]]:
        """What the driver writes now for this limit; the box obeys unless it is deaf or its line fails."""
        told = []
        for ask in self.driver.say({"power_limit": power_limit}, self.now_ms):
            assert isinstance(ask, WriteRegisters)
            told.append((ask.address, ask.words))
            self.writes.append((self.now_ms, ask.address, ask.words))
            if not self.deaf and self.failure is None:
                self.registers |= {ask.address + place: word for place, word in enumerate(ask.words)}
            self.note(self.driver.on_registers(ask, self.failure or (), self.now_ms + 2))
        return told

    @property
    def asked(self) -> list[tuple[int, int]]:
        return [(address, count) for _, address, count in self.reads]


# 40002 common (65), 40069 inverter (50), 40121 unknown (8), 40131 controls (24)
CONTROLS, LIMIT = 40131, 40136


# ---- discovery ----------------------------------------------------------------------------------------------------
def test_the_chain_is_walked_over_an_unknown_model_and_both_models_are_read_whole() -> None:
    box = Box().run(2_000)
    assert box.asked[:7] == [(40000, 2), (40002, 2), (40069, 2), (40121, 2), (40131, 2), (40069, 52), (40131, 26)]
    assert not box.defects
    assert box.heard["power"].value == 5_123_000


@pytest.mark.parametrize(("base", "others"), [(50000, [40000]), (0, [40000, 50000])])
def test_other_bases_are_tried_when_the_first_has_nothing(base: int, others: list[int]) -> None:
    box = Box(registers=memory(base, COMMON, SUNSPEC_INVERTER, SUNSPEC_CONTROLS)).run(2_000)
    assert [address for address, _ in box.asked][: len(others) + 1] == [*others, base]
    assert [defect.kind for defect in box.defects] == [DefectKind.DEVICE_EXCEPTION] * len(others)
    assert box.heard["power"].value == 5_123_000


def test_a_base_that_was_given_is_the_only_one() -> None:
    assert set(Box(inverter("50000")).run(12_000).asked) == {(50000, 2)}


def test_a_common_model_with_a_pad_register_moves_the_rest() -> None:
    box = Box(registers=memory(40000, COMMON_PADDED, SUNSPEC_INVERTER, SUNSPEC_CONTROLS)).run(2_000)
    assert (40070, 52) in box.asked
    assert box.heard["power"].value == 5_123_000


def test_a_base_that_never_answers_is_left_and_tried_again_after_five_seconds() -> None:
    box = Box(silent=frozenset({40000}), registers=memory(40000, COMMON)).run(12_000)
    times = [now_ms for now_ms, address, _ in box.reads if address == 40000]
    assert [defect.kind for defect in box.defects[:3]] == ["timeout", "device_exception", "device_exception"]
    assert 5_000 <= times[1] - times[0] <= 5_300


def test_an_ask_that_is_never_answered_at_all_is_given_up() -> None:
    driver = inverter()
    assert len([ask for now_ms in range(0, 6_500, 20) for ask in driver.poll(now_ms)]) == 3


def test_the_first_of_two_inverters_counts_and_questions_keep_their_distance() -> None:
    box = Box(registers=memory(40000, COMMON, SUNSPEC_INVERTER, SUNSPEC_INVERTER, SUNSPEC_CONTROLS)).run(2_000)
    assert (40069, 52) in box.asked
    assert all(later[0] - earlier[0] > 50 for earlier, later in pairwise(box.reads))


WRONG_L = with_words(SUNSPEC_INVERTER, {1: 49})


@pytest.mark.parametrize(
    ("registers", "says"),
    [
        ({40000 + place: 7 for place in range(9)}, "no SunS at 40000"),
        (memory(40000, COMMON, WRONG_L), "model 103 at 40069 has L 49"),
        (memory(40000, (1, 64, *[0] * 64)), "model 1 at 40002 has L 64"),
        (memory(40000, COMMON, (0, 0)), "model 0 at 40069 has L 0"),
        (memory(40000, COMMON, SUNSPEC_CONTROLS), "no model 103 among"),
        (memory(40000, COMMON, SUNSPEC_INVERTER), "no model 123 among"),
        (memory(40000, COMMON), "no model 103 and 123 among"),
        (memory(40000, *[UNKNOWN] * 60), "no model 103 and 123 among 40 models"),
        (memory(40000, (160, 0xFFF0)), "ends beyond the last register"),
    ],
)
def test_a_chain_that_makes_no_sense_is_a_defect_that_says_why(registers: dict[int, int], says: str) -> None:
    box = Box(inverter("40000"), registers).run(3_500)
    assert [defect.kind for defect in box.defects] == [DefectKind.GARBAGE]
    assert says in box.defects[0].detail
    assert len(box.reads) <= 41
    assert not box.heard


def test_a_short_answer_while_searching_is_a_defect_and_the_next_base_follows() -> None:
    driver = inverter()
    told = [item for ask in driver.poll(0) for item in driver.on_registers(ask, [0x5375], 5)]  # type: ignore[arg-type]
    assert [item.kind for item in told if isinstance(item, Defect)] == ["short_reply"]
    assert [following.address for following in driver.poll(100) if isinstance(following, ReadRegisters)] == [50000]


def test_two_failed_reads_change_nothing_and_a_third_of_one_model_begins_the_search_anew() -> None:
    box = Box().run(2_000)
    box.failure = Failure.NO_CONNECTION
    box.reads.clear()
    box.run(3_000)
    before = [address for address, count in box.asked if count > 2]
    assert sorted(map(before.count, set(before))) in ([2, 3], [3, 3])
    assert box.asked[len(before)] == (40000, 2)
    box.failure = None
    box.heard.clear()
    assert box.run(7_000).heard["power"].value == 5_123_000


def test_a_model_that_has_moved_is_looked_for_at_once() -> None:
    box = Box().run(2_000)
    box.registers = memory(40000, COMMON_PADDED, SUNSPEC_INVERTER, SUNSPEC_CONTROLS)
    box.run(2_000)
    assert DefectKind.GARBAGE in {defect.kind for defect in box.defects}
    assert (40070, 52) in box.asked


def test_reads_never_cross_a_model_boundary() -> None:
    box = Box().run(20_000)
    spans = [(40000, 2), (40002, 67), (40069, 52), (40121, 10), (40131, 26)]
    within = [(at, n) for at, n in box.asked if any(start <= at and at + n <= start + size for start, size in spans)]
    assert within == box.asked


# ---- values -------------------------------------------------------------------------------------------------------
def heard_from(inverter_words: dict[int, int], controls: dict[int, int] | None = None) -> Box:
    models = with_words(SUNSPEC_INVERTER, inverter_words), with_words(SUNSPEC_CONTROLS, controls or {})
    return Box(registers=memory(40000, COMMON, *models)).run(1_500)


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


# ---- the table ----------------------------------------------------------------------------------------------------
def test_the_shipped_table_loads_and_the_offsets_are_the_standards() -> None:
    table = load("sunspec_modbus")
    assert (table.bases, table.limit) == ((40000, 50000, 0), (5, 5))
    offsets = {name: point.offset for name, point in table.models[123].points.items()}
    assert offsets == {"connected": 4, "limit_percent": 5, "revert_time": 7, "limit_enabled": 9}
    with pytest.raises(TableError, match="here"):
        parse("title: x", "here")
