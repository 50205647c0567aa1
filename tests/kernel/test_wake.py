"""When a cycle is due: a quiet house, in which only time passes, may be left alone until ``wake_ms`` and no longer.

A toy house with one of everything that runs out: ages, holds, ramps, leases, graces, travel times, signs of life.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_toys import ALLOWED, BOX, START_MS, ask, coil, contact, current, plan, replace, rule

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.image import Image, absorb, blank
from supervisor.kernel.lease import Kind, Request, Verb
from supervisor.kernel.machines.meter import Meter
from supervisor.kernel.plan import MODES, Cap, Device, Permission, Program
from supervisor.kernel.question import Fresh, Outside, TooOld
from supervisor.kernel.signal import Quality, Sample, Source
from supervisor.kernel.state import State, boot
from supervisor.kernel.trip import Narrowing, Severity
from supervisor.loader.compiler import compile_machine

FLOW, LIMIT, SHOWN, CONTACT = range(4)
ANYWHERE = frozenset(range(len(MODES)))
HOUSE = plan(
    signals=(
        current("meter.current", max_age_ms=30_000),
        current("box.limit", max_age_ms=45_000),
        current("box.shown", max_age_ms=9_990),
        contact("relay.contact"),
    ),
    devices=(Device("box", compile_machine(Meter), (), Fresh(((LIMIT, 45_000),))),),
    targets=(
        replace(BOX, readback=Source(SHOWN, 9_990), readback_ms=2_010),
        coil(CONTACT),
    ),
    rules=(
        rule(Outside(FLOW, 30_000, None, 35_000), hold_ms=2_345, severity=Severity.DEGRADED),
        rule(TooOld(LIMIT, 20_020), id="limits.old", hold_ms=0, actions=(Narrowing(0, None, 9_000),), clear_ms=3_030),
    ),
    caps=(Cap("caps.limit", "", 0, Source(LIMIT, 45_000), 7_000),),
    permissions=(
        replace(ALLOWED, modes=ANYWHERE),
        Permission("permissions.coil", "", frozenset({0, 1}), 1, 0, 1, ANYWHERE, frozenset(Kind), 600_000),
    ),
    programs=(Program("programs.six", "", 0, frozenset({MODES.index("orchestrator_lost")}), 6_000),),
    ages=tuple(
        Source(*age) for age in ((0, 2_000), (0, 30_000), (1, 20_020), (1, 45_000), (2, 9_990), (3, 500), (3, 7_500))
    ),
)


@dataclass(frozen=True)
class Happening:
    """After ``cycles`` quiet ones: one sample, or one request."""

    cycles: int
    signal: int | None
    value: int
    verb: Verb
    identity: str


HAPPENINGS = st.lists(
    st.builds(
        Happening, st.integers(1, 400), st.sampled_from((None, FLOW, LIMIT, SHOWN, CONTACT)),
        st.sampled_from((0, 1, 8_000, 16_000, 36_000)),
        st.sampled_from((Verb.SET, Verb.SET, Verb.HEARTBEAT, Verb.STOP)), st.sampled_from(("anna", "ben")),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


class Pair:
    """The same house twice: stepped every cycle, and stepped when something comes or is due."""

    def __init__(self) -> None:
        self.now_ms, self.wake_ms = START_MS, START_MS
        self.every: State = boot(HOUSE, START_MS)
        self.some: State = self.every
        self.image: Image = blank(HOUSE.signals)
        self.last: Result | None = None
        self.skipped = 0

    def cycle(self, what: Happening | None = None) -> None:
        inbox: tuple[Request, ...] = ()
        if what is not None and what.signal is not None:
            sample = Sample(what.signal, what.value, self.now_ms, Quality.GOOD)
            self.image = absorb(HOUSE.signals, self.image, [sample], self.now_ms)
        elif what is not None:
            target, unit = ("relay.coil", "flag") if what.value == 1 else ("box.current", "mA")
            inbox = (ask(what.verb, what.identity, what.value, self.now_ms, target=target, unit=unit),)
        result = step(HOUSE, self.every, self.image, inbox, self.now_ms)
        self.every = result.state
        if what is not None or self.now_ms >= self.wake_ms:
            self.last = step(HOUSE, self.some, self.image, inbox, self.now_ms)
            self.some, self.wake_ms = self.last.state, self.last.wake_ms
            assert (self.last.events, self.last.decisions) == (result.events, result.decisions), self.now_ms
        else:
            assert result.events == (), self.now_ms
            self.skipped += 1
        assert self.last is not None
        assert self.last.outputs == result.outputs, self.now_ms
        assert self.wake_ms > self.now_ms
        self.now_ms += HOUSE.cycle_ms

    def quiet(self, cycles: int) -> None:
        for _ in range(cycles):
            self.cycle()


@settings(max_examples=60)
@given(HAPPENINGS)
def test_a_quiet_house_may_be_left_alone_until_its_wake(happenings: list[Happening]) -> None:
    pair = Pair()
    for happening in happenings:
        pair.quiet(happening.cycles)
        pair.cycle(happening)
    pair.quiet(200)
    assert replace(pair.some, now_ms=0, cycle=0) == replace(pair.every, now_ms=0, cycle=0)


def happens(pair: Pair, signal: int | None, value: int, verb: Verb = Verb.SET, identity: str = "anna") -> None:
    pair.cycle(Happening(0, signal, value, verb, identity))


def test_a_day_in_which_everything_runs_out_once_is_mostly_skipped() -> None:
    """The grace ends, the limit comes, a ramp runs, the fuse trips and clears, the hold ends, everybody is lost."""
    pair = Pair()
    pair.quiet(205)
    assert MODES[pair.every.house.state] == "degraded"
    happens(pair, LIMIT, 16_000)
    happens(pair, FLOW, 8_000)
    pair.quiet(210)
    happens(pair, None, 16_000)
    pair.quiet(160)
    happens(pair, LIMIT, 8_000)
    assert pair.every.targets[0].output == 8_000
    happens(pair, LIMIT, 16_000)
    pair.quiet(98)
    assert pair.every.targets[0].ramp_value is None
    pair.quiet(13)
    assert pair.every.targets[0].output == 9_000
    happens(pair, FLOW, 36_000)
    pair.quiet(60)
    assert pair.every.targets[0].output == 0
    happens(pair, FLOW, 8_000)
    pair.quiet(1_600)
    assert MODES[pair.every.house.state] == "orchestrator_lost"
    assert pair.every.targets[0].lease is None
    assert pair.skipped > 1_900
