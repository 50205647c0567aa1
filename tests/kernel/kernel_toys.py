"""Small houses for the kernel's tests: one target, one rule, no document; and :class:`Run`, to step them by hand.

A toy is the smallest plan that shows the behaviour; what a test is about, it says itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.lease import Decision, Kind, Request, Verb
from supervisor.kernel.machines.changeover import Changeover
from supervisor.kernel.machines.contactor import Contactor as ContactorMachine
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.plan import MODES, Identity, Permission, Plan, Target
from supervisor.kernel.question import Fresh, Is, Outside, Question, TooOld
from supervisor.kernel.signal import Quality, Reading, Sample, Signal, Source, Unit
from supervisor.kernel.state import TargetState, boot
from supervisor.kernel.switchgear import Contactor
from supervisor.kernel.trip import Narrowing, Rule
from supervisor.loader.compiler import compile_machine

START_MS = 100_000
HOUSE, CONTACTOR, ORCHESTRATOR = map(compile_machine, (House, ContactorMachine, Orchestrator))
CHANGEOVER = compile_machine(Changeover)
COILS = {"looking": None, "closing": 1, "closed": 1, "doubted": 1}
TIMEOUTS_MS = {"looking": 3_000, "closing": 300, "opening": 300}
NORMAL = MODES.index("normal")
replace = msgspec.structs.replace

IDENTITIES = (
    Identity("anna", "orchestrator", 10, True, 20_000, 60_000),
    Identity("ben", "orchestrator", 20, False, 10_000, 30_000),
    Identity("cara", "orchestrator", 10, False, 10_000, 30_000),
)
BOX = Target("box.current", Unit.CURRENT, 0, 16_000, 0, 1_000, ((0, 6_000),), 5_000, 2_000, None, 0, None)
ALLOWED = Permission(
    "permissions.box", "the box may be set", frozenset({0, 1, 2}), 0, 0, 16_000, frozenset({NORMAL}), frozenset(Kind),
    3_600_000,
)  # fmt: skip


def current(name: str, jump: int | None = None, max_age_ms: int = 2_000) -> Signal:
    """A current from -100 A to 100 A."""
    return Signal(name, Unit.CURRENT, max_age_ms, -100_000, 100_000, jump)


def contact(name: str) -> Signal:
    return Signal(name, Unit.CODE, 500, 0, 1)


def coil(signal: int, zero_flow: Question | None = None) -> Target:
    """A contactor whose main contact shows itself in ``signal``, which is also what makes its device seen."""
    return Target(
        "relay.coil", Unit.FLAG, 0, 1, 0, 1, (), 0, None, Source(signal, 500), 500,
        Contactor(
            shown_open=Is(signal, 500, 0),
            shown_closed=Is(signal, 500, 1),
            seen=Fresh(((signal, 500),)),
            gone=TooOld(signal, 7_500),
            zero_flow=zero_flow,
            timeouts=tuple(TIMEOUTS_MS.get(state) for state in CONTACTOR.states),
            breaks_ms=0 if zero_flow is None else None,
        ),
    )  # fmt: skip


def rule(question: Question = Outside(0, 2_000, None, 35_000), **changes: object) -> Rule:  # noqa: B008  frozen
    """More than 35 A of signal 0 for 1 s stops target 0; not knowing for 5 s leaves it 6 A; it clears after 10 s."""
    row = Rule("limits.fuse", "the fuse gets hot", question, 1_000, 5_000, 10_000, (Narrowing(0, 0, 0),),
               (Narrowing(0, None, 6_000),))  # fmt: skip
    return replace(row, **changes)


def plan(**changes: object) -> Plan:
    """A house with one wallbox that everybody may set, and nothing else."""
    parts: dict[str, object] = {
        "site": "toy", "digest": "", "cycle_ms": 50, "grace_ms": 10_000, "observe": False, "signals": (),
        "devices": (), "targets": (BOX,), "rules": (), "caps": (), "circuits": (), "mode_rules": (),
        "permissions": (ALLOWED,), "programs": (), "identities": IDENTITIES,
        "house": HOUSE, "contactor": CONTACTOR, "orchestrator": ORCHESTRATOR, "changeover": CHANGEOVER,
        "coils": tuple(COILS.get(state, 0) for state in CONTACTOR.states), **changes,
    }  # fmt: skip
    signals = parts["signals"]
    assert isinstance(signals, tuple)
    ages = tuple(Source(i, signal.max_age_ms) for i, signal in enumerate(signals))
    return Plan(**({"ages": ages, "watched": ((),) * len(signals)} | parts))  # type: ignore[arg-type]


def idle(target: Target = BOX, **changes: object) -> TargetState:
    """A target that is told its safe value and has been for long."""
    booted = boot(plan(targets=(target,)), 0).targets[0]
    fresh = TargetState(target.safe, None, booted.machine, None, 0, 0, 0, "", False, booted.wear)
    return replace(fresh, **changes)


def good(value: int, at_ms: int = START_MS) -> Reading:
    return Reading(value, at_ms, Quality.GOOD)


def ask(
    verb: Verb = Verb.SET, identity: str = "anna", value: int | None = None, now_ms: int = START_MS, **changes: object
) -> Request:
    """A request that arrives now. A value comes with the box's unit and as a live lease."""
    request = Request(
        1, verb, identity, "box.current", value, "mA" if value is not None else "", "live" if value is not None else "",
        None, "", now_ms, False,
    )  # fmt: skip
    return replace(request, **changes)


class Run:
    """A house that is stepped by hand. ``keep``: what every cycle's samples say, by signal id."""

    def __init__(self, house: Plan, now_ms: int = START_MS) -> None:
        self.plan, self.now_ms = house, now_ms
        self.state, self.image = boot(house, now_ms), blank(house.signals)
        self.keep: dict[str, int] = {}
        self.events: list[Event] = []
        self.result: Result | None = None
        self.recording = True

    def cycle(self, *inbox: Request) -> Result:
        """One cycle now; the clock then stands at the next."""
        self.tell(self.keep)
        result = step(self.plan, self.state, self.image, inbox, self.now_ms, self.recording)
        self.state, self.result = result.state, result
        self.events.extend(result.events)
        self.now_ms += self.plan.cycle_ms
        return result

    def tell(self, values: Mapping[str, int | None], quality: Quality = Quality.GOOD, at_ms: int | None = None) -> None:
        """Samples that arrive now."""
        at_ms = self.now_ms if at_ms is None else at_ms
        samples = [Sample(self.signal(name), value, at_ms, quality) for name, value in values.items()]
        self.image = absorb(self.plan.signals, self.image, samples, self.now_ms)

    def go(self, ms: int) -> list[int | None]:
        """Quiet cycles for ``ms``; the first target's output in each."""
        return [self.cycle().outputs.values[0] for _ in range(0, ms, self.plan.cycle_ms)]

    def signal(self, name: str) -> int:
        return next(i for i, signal in enumerate(self.plan.signals) if signal.id == name)

    def target(self, name: str) -> int:
        return next(i for i, target in enumerate(self.plan.targets) if target.id == name)

    @property
    def mode(self) -> str:
        return MODES[self.state.house.state]

    def output(self, name: str) -> int | None:
        return self.state.targets[self.target(name)].output

    def position(self, name: str) -> str:
        """The state of a contactor's machine."""
        machine = self.state.targets[self.target(name)].machine
        assert machine is not None
        return self.plan.contactor.states[machine.state]

    def moves(self, name: str) -> list[str]:
        """What a machine went through, as its events tell."""
        return [e.text for e in self.events if e.kind is EventKind.MACHINE and e.subject == name]


def settled(about: Plan | None = None) -> Run:
    """A house that has come to its normal mode; :data:`TWO` where nothing else is said."""
    run = Run(TWO if about is None else about)
    run.go(200)
    assert run.mode == "normal"
    return run


def said(
    run: Run, verb: Verb = Verb.SET, identity: str = "anna", value: int | None = None, **changes: object
) -> Decision:
    """The answer to one request, asked in a cycle of its own."""
    (decision,) = run.cycle(ask(verb, identity, value, run.now_ms, **changes)).decisions
    return decision


QUICK = replace(BOX, hold_ms=0, ramp=None)
TWO = plan(targets=(QUICK, replace(QUICK, id="other.current")), permissions=(ALLOWED, replace(ALLOWED, target=1)))
"""Two boxes that do at once what they are told."""
