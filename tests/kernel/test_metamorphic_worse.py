"""More that says nothing good makes nothing better: added stale, senseless, repeated or late samples, and heartbeats,
never raise a limit, never delay a trip, never make a lease longer. On random courses of the example house in trouble.

Each course is played twice: as it was, and with something added between its samples. Both are compared in every cycle,
target by target and row by row.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from kernel_house import PLAN, Input, trace
from kernel_toys import START_MS, ask

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.lease import Verb
from supervisor.kernel.question import NO
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import boot

COURSE_MS = 30_000
SEEDS = range(100, 112)
Added = Callable[[Input, random.Random, dict[int, Sample]], Input]


def stale(given: Input, dice: random.Random, last: dict[int, Sample]) -> Input:
    """Somebody says of a signal that its value is old."""
    return more(given, _one(given, dice, last, Quality.STALE))


def senseless(given: Input, dice: random.Random, last: dict[int, Sample]) -> Input:
    """No number at all, as NaN and "not implemented" come in."""
    return more(given, tuple(replace_value(s) for s in _one(given, dice, last, Quality.INVALID)))


def doubtful(given: Input, dice: random.Random, last: dict[int, Sample]) -> Input:
    return more(given, _one(given, dice, last, Quality.SUSPECT))


def repeated(given: Input, dice: random.Random, last: dict[int, Sample]) -> Input:
    """What was said last is delivered again, with its own time."""
    return more(given, tuple(last[signal] for signal in sorted(last) if dice.random() < 0.2))


def late(given: Input, dice: random.Random, last: dict[int, Sample]) -> Input:
    """What a signal said earlier arrives after what it said later."""
    older = (Sample(s.signal, dice.choice((0, s.value)), s.at_ms - 1, s.quality) for s in last.values())
    return more(given, tuple(sample for sample in older if dice.random() < 0.2))


def beats(given: Input, dice: random.Random, last: dict[int, Sample]) -> Input:
    """Signs of life of somebody who has just spoken."""
    heard = tuple(ask(Verb.HEARTBEAT, request.identity, now_ms=given.now_ms) for request in given.inbox)
    return Input(given.now_ms, given.samples, (*given.inbox, *heard))


def _one(given: Input, dice: random.Random, last: dict[int, Sample], quality: Quality) -> tuple[Sample, ...]:
    signals = [signal for signal in sorted(last) if dice.random() < 0.02]
    return tuple(Sample(signal, last[signal].value, given.now_ms, quality) for signal in signals)


def replace_value(sample: Sample) -> Sample:
    return Sample(sample.signal, None, sample.at_ms, sample.quality)


def more(given: Input, samples: tuple[Sample, ...]) -> Input:
    return Input(given.now_ms, (*given.samples, *samples), given.inbox)


def play(inputs: list[Input], add: Added | None, seed: int) -> list[Result]:
    dice, last = random.Random(seed), dict[int, Sample]()
    state, image, results = boot(PLAN, START_MS), blank(PLAN.signals), []
    for given in inputs:
        told = add(given, dice, last) if add else given
        last |= {sample.signal: sample for sample in given.samples}
        image = absorb(PLAN.signals, image, told.samples, told.now_ms)
        results.append(step(PLAN, state, image, told.inbox, told.now_ms))
        state = results[-1].state
    return results


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("add", [stale, senseless, doubtful, repeated, late, beats], ids=lambda add: add.__name__)
def test_what_says_nothing_good_makes_nothing_better(add: Added, seed: int) -> None:
    inputs, _ = trace(PLAN, seed, COURSE_MS)
    plain, worse = play(inputs, None, seed), play(inputs, add, seed)
    leases = {}
    for at, (was, now) in enumerate(zip(plain, worse, strict=True)):
        for target, wide, narrow in zip(PLAN.targets, was.outputs.envelopes, now.outputs.envelopes, strict=True):
            assert narrow.hi <= wide.hi or wide.empty_by, (at, target.id, wide, narrow)
            assert narrow.lo >= wide.lo or wide.empty_by, (at, target.id, wide, narrow)
        for rule, before, after in zip(PLAN.rules, was.state.trips, now.state.trips, strict=True):
            assert before.cause is NO or after.cause is not NO, (at, rule.id)
        for position, state in enumerate(was.state.targets):
            if state.lease is not None:
                leases[position, state.lease.holder, state.lease.granted_ms] = state.lease.expires_ms
        for position, state in enumerate(now.state.targets):
            if state.lease is not None:
                key = position, state.lease.holder, state.lease.granted_ms
                assert state.lease.expires_ms <= leases.get(key, state.lease.expires_ms), (at, position)


@pytest.mark.parametrize("add", [stale, senseless], ids=lambda add: add.__name__)
def test_the_courses_have_something_to_make_worse(add: Added) -> None:
    """What the test above would be worth nothing without."""
    differs = 0
    for seed in SEEDS:
        inputs, _ = trace(PLAN, seed, COURSE_MS)
        differs += play(inputs, None, seed)[-1].state.trips != play(inputs, add, seed)[-1].state.trips
    assert differs > len(SEEDS) // 2
