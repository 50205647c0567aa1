"""What a driver answers is judged thing by thing, however often it is the same answer: the plain definition is here."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

import pytest
from bus_toys import LEVEL, MODE, CanToy, bus, device
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BusKind, Defect, DefectKind, Frame, Heard, Sample
from supervisor.bus import host
from supervisor.bus.device import ANSWERS_KEPT, DeviceHost
from supervisor.kernel.signal import Quality
from supervisor.kernel.signal import Sample as Stamped

SPECS = {"level": (0, LEVEL), "mode": (1, MODE)}
VALUES = st.none() | st.integers(-3, 12) | st.sampled_from([999, 1_000, 1_001, True, 0.5])
SAMPLES = st.builds(
    Sample, st.sampled_from(["level", "level", "mode", "mode", "other"]), VALUES, st.sampled_from(Quality)
)
NOTHING = st.sampled_from([None, 7, "level", ("level", 1)])  # what no driver should hand in
THINGS = SAMPLES | st.builds(Defect, st.sampled_from(DefectKind), st.just("toy")) | NOTHING
ANSWERS = st.lists(st.lists(THINGS, max_size=4).map(tuple), min_size=1, max_size=5)


class Teller(CanToy):
    """Answers a frame with the answer that its first byte names: the very same tuple, as drivers with a memory do."""

    def __init__(self, answers: list[tuple[Heard, ...]]) -> None:
        self.answers = answers

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        return self.answers[frame.data[0]] if frame.data else tuple(self.answers.pop())


class Plain:
    """The judgement of one thing after the other, with nothing remembered but whether the device is broken."""

    def __init__(self) -> None:
        self.out: list[Stamped] = []
        self.counts: Counter[str] = Counter()
        self.broken = False

    def hear(self, answer: tuple[Heard, ...], now_ms: int) -> None:
        for thing in answer:
            if isinstance(thing, Defect):
                self.counts[thing.kind] += 1
            elif (
                not isinstance(thing, Sample)
                or thing.name not in SPECS
                or not (thing.value is None or type(thing.value) is int)
            ):
                self.counts[DefectKind.DRIVER_ERROR] += 1
                if not self.broken:
                    self.out += [Stamped(index, None, now_ms, Quality.MISSING) for index in (0, 1)]
                self.broken = True
            else:
                self.broken = False
                self.take(thing, now_ms)

    def take(self, sample: Sample, now_ms: int) -> None:
        index, spec = SPECS[sample.name]
        value, quality = sample.value, sample.quality
        if quality >= Quality.INVALID:
            value = None
        elif value is None or not spec.lo <= value <= spec.hi:
            self.counts[DefectKind.RANGE] += 1
            value, quality = None, Quality.INVALID
        elif spec.codes and value not in spec.codes:
            self.counts[DefectKind.ENUM] += 1
            value, quality = None, Quality.INVALID
        self.out.append(Stamped(index, value, now_ms, quality))


def hosted(answers: list[tuple[Heard, ...]]) -> tuple[DeviceHost, list[Stamped], Counter[str]]:
    out: list[Stamped] = []
    counts: Counter[str] = Counter()

    def count(kind: str) -> None:
        counts[kind] += 1

    return DeviceHost(device(BusKind.CAN, toy=Teller(answers)), bytes(32), out.extend, count), out, counts


@given(ANSWERS, st.lists(st.integers(0, 4), max_size=12))
def test_an_answer_that_comes_again_is_judged_stamped_and_counted_as_the_first_time(
    answers: list[tuple[Heard, ...]], order: list[int]
) -> None:
    fast, out, counts = hosted(answers)
    plain = Plain()
    for now_ms, number in enumerate(order):
        fast.on_frame(Frame(0x100, bytes((number % len(answers),))), now_ms)
        plain.hear(answers[number % len(answers)], now_ms)
    assert out == plain.out
    assert [type(sample.quality) for sample in out] == [Quality] * len(out)
    assert counts == plain.counts


@pytest.mark.parametrize(("value", "fine"), [(-1, False), (0, True), (1_000, True), (1_001, False)])
def test_the_edges_of_a_range_belong_to_it_each_time(value: int, fine: bool) -> None:
    fast, out, counts = hosted([(Sample("level", value),)])
    for now_ms in range(3):
        fast.on_frame(Frame(0x100, b"\0"), now_ms)
    assert [sample.value for sample in out] == [value if fine else None] * 3
    assert counts[DefectKind.RANGE] == (0 if fine else 3)


def test_no_answer_is_taken_for_another_that_lay_in_the_same_place_of_memory() -> None:
    rounds = 10 * ANSWERS_KEPT
    numbers = [index % 900 for index in range(rounds)]
    made: list[tuple[Heard, ...]] = []
    fast, out, _ = hosted(made)
    for now_ms, number in enumerate(numbers):
        made.append(())
        made[0] = (Sample("level", number), Sample("mode", now_ms % 2))  # nobody else keeps it
        fast.on_frame(Frame(0x100, b""), now_ms)
    assert [sample.value for sample in out if sample.signal == 0] == numbers
    assert len(fast._judged) <= ANSWERS_KEPT, "what is remembered is bounded"


def test_a_broken_device_heals_with_an_answer_that_has_been_heard_before() -> None:
    fine: tuple[Heard, ...] = (Sample("level", 7),)
    fast, out, counts = hosted([fine, (Sample("other", 1),)])
    for now_ms, number in enumerate((0, 1, 1, 0, 1)):
        fast.on_frame(Frame(0x100, bytes((number,))), now_ms)
    assert [(sample.at_ms, sample.value) for sample in out] == [
        (0, 7),
        (1, None),
        (1, None),
        (3, 7),
        (4, None),
        (4, None),
    ]
    assert counts == {DefectKind.DRIVER_ERROR: 3}


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(1, 9))
def test_of_what_nobody_takes_the_oldest_go_one_by_one_and_are_counted(sizes: list[int], most: int) -> None:
    """However many samples come at once: kept, dropped and woken are those of one after the other."""
    woken: list[int] = []
    before, host.SAMPLES_MAX = host.SAMPLES_MAX, most
    try:
        core = host.HostCore(bus(BusKind.CAN, device(BusKind.CAN)), bytes, lambda: woken.append(1))
        plain: deque[Stamped] = deque()
        dropped = wakes = 0
        for at_ms, size in enumerate(sizes):
            said = [Stamped(0, value, at_ms, Quality.GOOD) for value in range(size)]
            core._out(said)
            for sample in said:
                wakes += not plain
                if len(plain) >= most:
                    plain.popleft()
                    dropped += 1
                plain.append(sample)
    finally:
        host.SAMPLES_MAX = before
    assert core.tally.total("bus0", "dropped") == dropped
    assert len(woken) == wakes
    assert core.take(most) == tuple(plain)
    assert core.take(most) == ()
