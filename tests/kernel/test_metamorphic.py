"""More of what says nothing new makes nothing larger: repeated words, late words, old words, signs of life."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from kernel_house import INDEX, PLAN, Input, trace
from kernel_toys import START_MS, ask, replace

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.lease import Request, Verb
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import boot

COURSE_MS = 40_000
CAR = next(i for i, target in enumerate(PLAN.targets) if target.id == "wallbox.current")
Change = Callable[[Input, random.Random], Input]
SEEDS = pytest.mark.parametrize("seed", range(20, 24))


def play(inputs: list[Input], change: Change | None = None) -> list[Result]:
    """The course once more, with something added to each of its inputs."""
    dice = random.Random(0)
    state, image = boot(PLAN, START_MS), blank(PLAN.signals)
    results = []
    for given in inputs:
        told = change(given, dice) if change else given
        image = absorb(PLAN.signals, image, told.samples, told.now_ms)
        results.append(step(PLAN, state, image, told.inbox, told.now_ms))
        state = results[-1].state
    return results


def doubled(given: Input, _: random.Random) -> Input:
    return replace_samples(given, (*given.samples, *given.samples))


def replace_samples(given: Input, samples: tuple[Sample, ...]) -> Input:
    return Input(given.now_ms, samples, given.inbox)


class Late:
    """Each sample comes again a while later, when newer ones have already been heard."""

    def __init__(self) -> None:
        self.kept: list[Sample] = []

    def __call__(self, given: Input, dice: random.Random) -> Input:
        newest: dict[int, int] = {}
        for sample in self.kept:
            newest[sample.signal] = max(sample.at_ms, newest.get(sample.signal, 0))
        late = tuple(sample for sample in self.kept if sample.at_ms < newest[sample.signal] and dice.random() < 0.3)
        self.kept = [*self.kept, *given.samples][-300:]
        return replace_samples(given, (*given.samples, *late))


def beating(given: Input, _: random.Random) -> Input:
    """A heartbeat of an identity that has just been heard, and one of nobody's."""
    heard = tuple(heartbeat(request.identity, given.now_ms) for request in given.inbox)
    return Input(given.now_ms, given.samples, (*given.inbox, *heard, heartbeat("nobody", given.now_ms)))


def heartbeat(identity: str, now_ms: int) -> Request:
    return ask(Verb.HEARTBEAT, identity, now_ms=now_ms)


@SEEDS
@pytest.mark.parametrize("change", [lambda: doubled, Late, lambda: beating], ids=["doubled", "late", "beating"])
def test_what_says_nothing_new_changes_nothing(seed: int, change: Callable[[], Change]) -> None:
    inputs, results = trace(PLAN, seed, COURSE_MS)
    for plain, more in zip(results, play(inputs, change()), strict=True):
        assert more.outputs == plain.outputs
        assert [t.lease for t in more.state.targets] == [t.lease for t in plain.state.targets]


def steady(seed: int) -> list[Input]:
    """A course of a house that is well, with leases, and a meter that leaves room for what it leaves blind as well."""
    inputs, _ = trace(PLAN, seed, COURSE_MS)
    return [
        Input(
            given.now_ms,
            tuple(
                replace(sample, quality=Quality.GOOD, value=min(sample.value, 25_000))
                if PLAN.signals[sample.signal].id.startswith("meter.current") and sample.value is not None
                else sample
                for sample in given.samples
            ),
            tuple(request for request in given.inbox if request.verb is not Verb.SET or request.kind == "setting"),
        )
        for given in inputs
    ]


@SEEDS
@pytest.mark.parametrize("name", ["battery.soc", "meter.voltage_l2", "wallbox.car_state", "relays.permit"])
def test_a_reading_that_its_sender_calls_old_never_gives_the_car_more(seed: int, name: str) -> None:
    inputs = steady(seed)

    def aged(given: Input, dice: random.Random) -> Input:
        old = Sample(INDEX[name], 0, given.now_ms, Quality.STALE)
        return replace_samples(given, (*given.samples, old) if dice.random() < 0.05 else given.samples)

    for plain, more in zip(play(inputs), play(inputs, aged), strict=True):
        assert (more.outputs.values[CAR] or 0) <= (plain.outputs.values[CAR] or 0)
