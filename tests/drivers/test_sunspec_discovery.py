"""Finding the models of a SunSpec device: bases, chains, answers that make no sense, and starting anew."""

from __future__ import annotations

from itertools import pairwise

import pytest
from driver_cases import SUNSPEC_CONTROLS, SUNSPEC_INVERTER
from sunspec_box import COMMON, COMMON_PADDED, SUNS, UNKNOWN, Box, inverter, memory, with_words

from drivers.contract import Defect, DefectKind, Failure, ReadRegisters
from drivers.sunspec_discovery import walk
from drivers.sunspec_table import load


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


def test_the_walk_ends_at_the_last_model_that_is_wanted() -> None:
    walking = walk(load("sunspec_modbus"), 40000, (103,))
    assert next(walking) == 40000
    assert walking.send(SUNS) == 40002
    assert walking.send((1, 65)) == 40069
    with pytest.raises(StopIteration) as found:
        walking.send((103, 50))
    assert found.value.value == {1: 40002, 103: 40069}


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
