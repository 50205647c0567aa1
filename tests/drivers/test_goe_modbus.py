"""The go-e Charger: how a stop goes out, how a start is held back, and what is never written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from driver_cases import GOE, reply_to
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import Driver, Failure, Heard, ReadRegisters, Sample, WriteRegisters
from drivers.goe_modbus import FAMILY
from supervisor.kernel.signal import Quality

AMPERE, EEPROM, FORCE = 299, 300, 337
OFF, ON = 1, 2


def charger(max_ampere: int = 16) -> Driver:
    return FAMILY.build({"unit": 1, "host": "h", "port": 502, "max_ampere": max_ampere}, bytes(32))


@dataclass
class Box:
    """A charger of the test's own: registers, and a line that can be cut. Time stands in ``now_ms``."""

    driver: Driver
    registers: dict[int, tuple[int, ...]] = field(default_factory=lambda: dict(GOE))
    cut: bool = False
    deaf: bool = False
    now_ms: int = 0
    heard: dict[str, Sample] = field(default_factory=dict)
    writes: list[tuple[int, int, int]] = field(default_factory=list)

    def note(self, heard: Iterator[Heard]) -> None:
        self.heard |= {item.name: item for item in heard if isinstance(item, Sample)}

    def run(self, span_ms: int, current: int | None = None, step_ms: int = 20) -> None:
        """Lets time pass; with ``current`` the guardian says it in every step."""
        for _ in range(0, span_ms, step_ms):
            self.now_ms += step_ms
            for ask in self.driver.poll(self.now_ms):
                assert isinstance(ask, ReadRegisters)
                reply = Failure.TIMEOUT if self.cut else reply_to(ask, self.registers)
                self.note(iter(self.driver.on_registers(ask, reply, self.now_ms + 1)))
            if current is not None:
                self.say(current)

    def say(self, current: int) -> list[tuple[int, int]]:
        """What the driver writes now for this current; the box obeys unless it is deaf or cut."""
        told = []
        for ask in self.driver.say({"current": current}, self.now_ms):
            assert isinstance(ask, WriteRegisters)
            (word,) = ask.words
            told.append((ask.address, word))
            self.writes.append((self.now_ms, ask.address, word))
            if not self.deaf and not self.cut:
                self.registers[ask.address] = (word,)
            self.note(iter(self.driver.on_registers(ask, Failure.TIMEOUT if self.cut else (), self.now_ms + 2)))
        return told


def heard_box(**registers: int) -> Box:
    box = Box(charger())
    names = {"ampere": AMPERE, "force": FORCE}
    box.registers |= {names[name]: (value,) for name, value in registers.items()}
    box.run(1_500)
    return box


def test_a_stop_is_one_write_and_leaves_the_ampere_alone() -> None:
    box = heard_box(ampere=16, force=ON)
    assert box.say(0) == [(FORCE, OFF)]


@pytest.mark.parametrize("current", [0, 1, 5_999, -1])
def test_less_than_six_ampere_is_a_stop(current: int) -> None:
    assert heard_box(force=ON).say(current) == [(FORCE, OFF)]


def test_a_stop_is_said_even_when_nothing_was_ever_heard() -> None:
    assert Box(charger()).say(0) == [(FORCE, OFF)]


def test_a_stop_overtakes_a_start_that_was_only_just_said() -> None:
    """The read-back still shows "off", from before our start: it must not be taken for the answer to the stop."""
    box = heard_box(ampere=10, force=OFF)
    assert box.say(10_000) == [(FORCE, ON)]
    box.now_ms += 1
    assert box.say(0) == [(FORCE, OFF)]


def test_an_answer_that_was_on_its_way_when_we_wrote_proves_nothing() -> None:
    box = heard_box(ampere=10, force=OFF)
    while True:
        box.now_ms += 20
        asks = list(box.driver.poll(box.now_ms))
        if asks and isinstance(asks[0], ReadRegisters) and asks[0].address == 332:
            break
        for ask in asks:
            assert isinstance(ask, ReadRegisters)
            box.driver.on_registers(ask, reply_to(ask, box.registers), box.now_ms)
    assert box.say(10_000) == [(FORCE, ON)]
    assert isinstance(asks[0], ReadRegisters)
    old = reply_to(asks[0], {**box.registers, FORCE: (OFF,)})
    box.driver.on_registers(asks[0], old, box.now_ms + 5)
    box.now_ms += 10
    assert box.say(0) == [(FORCE, OFF)]


def test_a_start_writes_the_ampere_first_and_waits_until_it_is_shown() -> None:
    box = heard_box(ampere=16, force=OFF)
    assert box.say(10_000) == [(AMPERE, 10)]
    box.run(1_500, current=10_000)
    assert [(address, word) for _, address, word in box.writes] == [(AMPERE, 10), (FORCE, ON)]
    assert box.heard["current_limit"] == Sample("current_limit", 10_000)


def test_a_lost_ampere_never_starts_a_charge_at_the_old_one() -> None:
    box = heard_box(ampere=16, force=OFF)
    box.deaf = True
    box.run(20_000, current=10_000)
    assert {(address, word) for _, address, word in box.writes} == {(AMPERE, 10)}


def test_a_raise_of_a_running_charge_writes_the_ampere_only() -> None:
    box = heard_box(ampere=6, force=ON)
    assert box.say(16_000) == [(AMPERE, 16)]


def test_what_the_device_shows_already_is_not_written() -> None:
    box = heard_box(ampere=10, force=ON)
    box.run(10_000, current=10_000)
    assert box.writes == []


def test_a_value_that_does_not_take_is_repeated_twice_a_second_and_no_more() -> None:
    box = heard_box(ampere=16, force=ON)
    box.deaf = True
    box.run(5_000, current=10_000)
    times = [at_ms for at_ms, _, _ in box.writes]
    assert 8 <= len(times) <= 10
    assert min(after - before for before, after in pairwise(times)) >= 500


def test_a_lower_value_is_written_at_once_and_a_higher_one_waits() -> None:
    box = heard_box(ampere=16, force=ON)
    for ampere in (12, 9, 6):
        box.now_ms += 1
        assert box.say(ampere * 1000) == [(AMPERE, ampere)]
    box.now_ms += 1
    assert box.say(14_000) == []
    box.now_ms += 500
    assert box.say(14_000) == [(AMPERE, 14)]


def test_a_restarted_charger_that_fell_back_to_its_stored_ampere_is_brought_back() -> None:
    box = heard_box(ampere=10, force=ON)
    box.run(1_000, current=10_000)
    box.registers[AMPERE] = (16,)
    box.run(1_500, current=10_000)
    assert [(address, word) for _, address, word in box.writes] == [(AMPERE, 10)]


def charging(ampere: int = 10) -> Box:
    box = heard_box(ampere=ampere, force=ON)
    box.run(2_000, current=ampere * 1_000)
    box.writes.clear()
    return box


def test_less_than_we_want_is_anybodys_right_until_another_value_is_wanted() -> None:
    box = charging()
    box.registers[AMPERE] = (6,)
    box.run(30_000, current=10_000)
    assert box.writes == []
    assert box.heard["current_limit"].value == 6_000, "it is told, and so reported"
    box.run(3_000, current=12_000)
    assert box.registers[AMPERE] == (12,)


def test_a_stop_at_the_box_stays_until_another_value_is_wanted() -> None:
    box = charging()
    box.registers[FORCE] = (OFF,)
    box.run(30_000, current=10_000)
    assert box.writes == []
    box.run(3_000, current=0)
    box.run(3_000, current=10_000)
    assert (box.registers[AMPERE], box.registers[FORCE]) == ((10,), (ON,))


def test_more_than_we_want_is_brought_back() -> None:
    box = charging()
    box.registers[AMPERE] = (16,)
    box.run(2_000, current=10_000)
    assert box.registers[AMPERE] == (10,)


def test_a_charger_that_has_restarted_is_told_again_even_if_it_shows_less() -> None:
    box = charging()
    box.registers[AMPERE], box.registers[FORCE] = (6,), (0,)
    box.run(3_000, current=10_000)
    assert (box.registers[AMPERE], box.registers[FORCE]) == ((10,), (ON,))


def test_with_the_line_cut_what_was_shown_counts_for_five_seconds_only() -> None:
    box = heard_box(ampere=10, force=ON)
    box.cut = True
    box.run(8_000)
    assert box.say(10_000) == [(AMPERE, 10)]
    assert box.say(0) == [(FORCE, OFF)]


def test_the_rating_caps_every_order_and_fractions_round_down() -> None:
    assert heard_box(ampere=6, force=ON).say(32_000) == [(AMPERE, 16)]
    assert heard_box(ampere=6, force=ON).say(7_999) == [(AMPERE, 7)]
    box = Box(charger(max_ampere=32))
    box.run(1_500)
    assert box.say(32_000) == [(AMPERE, 32)]
    (output,) = FAMILY.shape({"max_ampere": 32}).outputs
    assert (output.hi, output.forbidden, output.step, output.silence.after_ms) == (32_000, ((0, 6_000),), 1_000, None)


@pytest.mark.parametrize(("force", "limit"), [(0, 13_000), (OFF, 0), (ON, 13_000)])
def test_the_limit_in_force(force: int, limit: int) -> None:
    assert heard_box(ampere=13, force=force).heard["current_limit"] == Sample("current_limit", limit)


def test_half_a_limit_is_no_measurement() -> None:
    box = heard_box(ampere=13, force=7)
    assert box.heard["force_state"].quality is Quality.INVALID
    assert box.heard["current_limit"] == Sample("current_limit", None, Quality.INVALID)
    box.registers |= {AMPERE: (99,), FORCE: (ON,)}
    box.run(1_500)
    assert box.heard["current_limit"] == Sample("current_limit", None, Quality.INVALID)
    box.registers[FORCE] = (OFF,)
    box.run(1_500)
    assert box.heard["current_limit"] == Sample("current_limit", 0)


def test_two_reads_that_are_seconds_apart_make_no_limit() -> None:
    """The ampere stops being answered; FORCE_STATE goes on. Its old half must not look fresh for ever."""
    driver = charger()
    last: dict[int, Heard] = {}
    for now_ms in range(0, 8_000, 20):
        for ask in driver.poll(now_ms):
            assert isinstance(ask, ReadRegisters)
            lost = ask.address == AMPERE and now_ms > 1_000
            for item in driver.on_registers(ask, Failure.TIMEOUT if lost else reply_to(ask, GOE), now_ms):
                if isinstance(item, Sample) and item.name == "current_limit":
                    last[now_ms] = item
    assert last[max(at for at in last if at < 3_000)] == Sample("current_limit", 16_000)
    assert last[max(last)] == Sample("current_limit", None, Quality.INVALID)


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(
        st.tuples(st.integers(1, 30), st.sampled_from([0, 3_000, 6_000, 7_500, 16_000, 40_000]), st.booleans()),
        max_size=12,
    )
)
def test_whatever_is_wanted_only_two_registers_are_written_within_their_ranges(
    script: list[tuple[int, int, bool]],
) -> None:
    box = Box(charger())
    for steps, current, deaf in script:
        box.deaf = deaf
        box.run(steps * 50, current=current, step_ms=50)
        assert EEPROM not in {address for _, address, _ in box.writes}
    for _, address, word in box.writes:
        assert (address == AMPERE and 6 <= word <= 16) or (address == FORCE and word in (OFF, ON))
