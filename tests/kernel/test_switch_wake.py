"""A yard that is left alone until its wake comes to the same end as one that is stepped every cycle.

Its senders speak every 400 ms, so seven of eight cycles bring nothing new.
"""

from __future__ import annotations

import random
from functools import cache

import pytest
from kernel_switchyard import AB, ISLAND, LAYOUTS, PHASES, Layout, Yard, yard
from kernel_toys import replace
from test_changeover_run import act

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Request
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.plan import Plan
from supervisor.kernel.trip import Latch

SPEAK_MS = 400
ODD: dict[str, Plan] = {
    "ab": yard(AB, dwell_ms=3_333, latch=Latch.DANGER),
    "phases": yard(PHASES, per_hour=20, against=False),
    "island": yard(ISLAND, breaks_ms=4_321),
}
DOINGS = ("a", "b", "a", "b", "open", "stop", "release", "press", "reset", "key", "charge", "alarm", "calm", "blind",
          "weld", "slow", "dead", "wire", "foreign", "whole", "stale", "unplugged", "fine", "fine", "stubborn", "meek",
          "calm", "whole")  # fmt: skip


class Twice(Yard):
    """Stepped every cycle, and beside it a second state that is stepped only when something comes or is due."""

    def __init__(self, layout: Layout, about: Plan) -> None:
        super().__init__(layout, about)
        self.some, self.wake_ms, self.skipped = self.state, 0, 0
        self.last: Outputs | None = None
        self.kinds: set[EventKind] = set()
        self.steps: set[str] = set()

    def cycle(self, *inbox: Request) -> Result:
        quiet = self.now_ms % SPEAK_MS != 0
        before, mute = self.say, dict.fromkeys((signal.id for signal in self.plan.signals), None)
        self.say = before | mute if quiet else before
        now_ms = self.now_ms
        result = super().cycle(*inbox)
        self.say = before
        assert result.wake_ms > now_ms
        if not quiet or inbox or now_ms >= self.wake_ms:
            lazy = step(self.plan, self.some, self.image, inbox, now_ms)
            assert (lazy.events, lazy.decisions) == (result.events, result.decisions), now_ms
            assert lazy.outputs == result.outputs, now_ms
            self.some, self.wake_ms, self.last = lazy.state, lazy.wake_ms, lazy.outputs
        else:
            self.skipped += 1
            assert result.events == (), (now_ms, self.wake_ms)
            assert result.outputs == self.last, now_ms
        self.kinds |= {event.kind for event in result.events}
        self.steps.add(self.step)
        return result


@cache
def course(name: str, seed: int) -> Twice:
    dice = random.Random(seed)
    run = Twice(LAYOUTS[name], ODD[name])
    run.go(500)
    for _ in range(14):
        act(run, dice.choice(DOINGS), dice.randrange(2))
        run.go(dice.choice((50, 300, 1_950, 6_000, 11_000)))
    if seed == 0:  # a wire breaks while its contact opens
        for what, ms in (("whole", 0), ("fine", 0), ("calm", 0), ("reset", 60_000), ("a", 11_000), ("b", 50)):
            act(run, what, 0)
            run.go(ms)
        act(run, "wire", 0)
        run.go(11_000)
    return run


COURSES = [(name, seed) for name in LAYOUTS for seed in range(6)]


@pytest.mark.parametrize(("name", "seed"), COURSES)
def test_skipping_quiet_cycles_of_a_yard_equals_stepping_them(name: str, seed: int) -> None:
    run = course(name, seed)
    assert replace(run.some, now_ms=0, cycle=0) == replace(run.state, now_ms=0, cycle=0)


def test_the_courses_lead_through_every_step_and_skip() -> None:
    """What the test above would be worth nothing without."""
    runs = [course(name, seed) for name, seed in COURSES]
    steps = set.union(*(run.steps for run in runs))
    assert steps == set(runs[0].plan.changeover.states)
    assert {EventKind.CHANGEOVER, EventKind.LOCAL} <= set.union(*(run.kinds for run in runs))
    assert sum(run.skipped for run in runs) > 2_000
