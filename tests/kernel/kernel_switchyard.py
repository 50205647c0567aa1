"""A toy yard for the tests of changeovers: N positions over M contactors, and a plant that can go wrong in every way.

:func:`yard` builds the plan, :class:`Yard` steps it with its plant (kernel_yard_plant.py), :func:`parked` is one that
rests in a place with a car that draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from kernel_toys import (
    ALLOWED,
    BOX,
    CHANGEOVER,
    CONTACTOR,
    IDENTITIES,
    Run,
    ask,
    contact,
    current,
    plan,
    replace,
)
from kernel_yard_plant import HOUR_MS, PHASES_COUNT, ZERO_MA, Contact, Plant

from supervisor.kernel.cycle import Result
from supervisor.kernel.event import EventKind
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.image import blank
from supervisor.kernel.lease import Decision, Kind, Request, Verb
from supervisor.kernel.plan import MODES, Identity, Permission, Plan, Target
from supervisor.kernel.question import Fresh, Is, Question, TooOld, Within
from supervisor.kernel.signal import Signal, Source, Unit
from supervisor.kernel.state import Switch, boot
from supervisor.kernel.switchgear import Changeover, Contactor, Flow, Group, Hand, Local, Place
from supervisor.kernel.trip import Latch, Narrowing, Rule

WORKING = frozenset(MODES.index(mode) for mode in ("normal", "degraded", "orchestrator_lost"))
BOX_AT, SWITCH_AT, COILS_AT = 0, 1, 2
"""Where the yard's targets stand: what is drained, the changeover's own, the first coil."""
TRAVEL_MS, DEAD_MS, SETTLE_MS, CALM_MS, SKEW_MS, DRAIN_MS, PROBE_MS = 150, 1_000, 2_000, 1_000, 500, 8_000, 3_000
SHOWN_MA, AGE_MS, CONTACT_AGE_MS, GONE_MS, LOOK_MS, DOUBT_MS = 1_000, 2_000, 500, 7_500, 3_000, 200
HAND = "hands.car"


@dataclass(frozen=True)
class Layout:
    """``places``: the closed contactors of each position, by number from 0. ``feeds``: the phases behind each
    contactor. ``onto``: the positions that ask for a dead bus."""

    places: dict[str, tuple[int, ...]]
    feeds: tuple[tuple[int, ...], ...]
    onto: frozenset[str] = frozenset()


AB = Layout({"a": (0,), "b": (1,)}, ((0, 1, 2), (0, 1, 2)))
PHASES = Layout({"one": (0,), "three": (0, 1)}, ((0,), (1, 2)))
ISLAND = Layout({"grid": (0,), "island": (1, 2)}, ((0, 1, 2), (), (0, 1, 2)), frozenset({"grid", "island"}))
LAYOUTS = {"ab": AB, "phases": PHASES, "island": ISLAND}


def signals(layout: Layout) -> tuple[Signal, ...]:
    """What the yard says, in a fixed order."""
    phases = range(1, PHASES_COUNT + 1)
    return (
        *(replace(current(f"meter.current_l{n}"), max_age_ms=AGE_MS) for n in phases),
        *(replace(current(f"box.current_l{n}"), max_age_ms=AGE_MS) for n in phases),
        Signal("bus.voltage", Unit.VOLTAGE, AGE_MS, -500_000, 500_000),
        *(contact(f"panel.{name}") for name in ("reset", "key", "button")),
        Signal("guard.alarm", Unit.CODE, AGE_MS, 0, 1),
        *(contact(f"k{n + 1}.{name}") for n in range(len(layout.feeds)) for name in ("contact", "alive")),
    )


def exclusions(members: tuple[int, ...], places: tuple[Place, ...]) -> tuple[Group, ...]:
    """Two contactors that share no position are never closed together."""
    return tuple(
        Group("switch", "two feeders on one conductor", pair, 1, DEAD_MS)
        for pair in combinations(sorted(members), 2)
        if not any(set(pair) <= set(place.members) for place in places)
    )


def yard(
    layout: Layout = AB,
    *,
    breaks_ms: int | None = None,
    per_hour: int = 0,
    dwell_ms: int = 0,
    against: bool = True,
    safe: int = 0,
    latch: Latch = Latch.NONE,
    **changes: object,
) -> Plan:
    """The plan of a layout. ``against``: the box, too, says what flows. ``changes``: parts of the plan, by name."""
    listed = signals(layout)
    at = {signal.id: i for i, signal in enumerate(listed)}
    dead = Within(at["bus.voltage"], AGE_MS, -20_000, 20_000)
    places = (
        Place("open", ()),
        *(
            Place(name, tuple(COILS_AT + n for n in members), onto=dead if name in layout.onto else None)
            for name, members in layout.places.items()
        ),
    )
    changeover = _changeover(layout, at, places, against, dwell_ms, breaks_ms or 0)
    position = Target(
        "switch.position", Unit.CODE, 0, len(places) - 1, safe, 1, (), 0, None, None, 0, None, changeover=0
    )
    coils = tuple(
        yard_coil(f"k{n + 1}", at, breaks_ms=breaks_ms, per_hour=per_hour, changeover=0)
        for n in range(len(layout.feeds))
    )
    hand = Hand(HAND, "the car", len(IDENTITIES), Is(at["panel.button"], CONTACT_AGE_MS, 1), ((SWITCH_AT, 1),), HOUR_MS)
    stop = (Narrowing(SWITCH_AT, safe, safe),)
    parts: dict[str, object] = {
        "signals": listed,
        "targets": (replace(BOX, hold_ms=0, ramp=None), position, *coils),
        "permissions": (
            replace(ALLOWED, modes=WORKING),
            permission("permissions.switch", SWITCH_AT, len(places) - 1, {0, 1}),
            permission(HAND, SWITCH_AT, len(places) - 1, {len(IDENTITIES)}),
        ),
        "identities": (
            *(replace(identity, expected=False) for identity in IDENTITIES),
            Identity(HAND, LOCAL, 1_000, False, 10_000, 30_000),
        ),
        "rules": (
            Rule("limits.alarm", "smoke", Is(at["guard.alarm"], AGE_MS, 1), 0, 0, 1_000, stop, stop, latch=latch),
        ),
        "changeovers": (changeover,),
        "groups": exclusions(changeover.members, places),
        "local": Local(
            (hand,), Is(at["panel.reset"], CONTACT_AGE_MS, 1), Is(at["panel.key"], CONTACT_AGE_MS, 1),
            tuple(range(COILS_AT, COILS_AT + len(coils))),
        ),
        "ages": (
            *(Source(i, signal.max_age_ms) for i, signal in enumerate(listed)),
            *(Source(at[f"k{n + 1}.alive"], GONE_MS) for n in range(len(coils))),
        ),
    }  # fmt: skip
    return plan(**(parts | changes))


def _changeover(
    layout: Layout, at: dict[str, int], places: tuple[Place, ...], against: bool, dwell_ms: int, breaks_ms: int
) -> Changeover:
    members = tuple(dict.fromkeys(member for place in places for member in place.members))
    return Changeover(
        id="switch", why="one conductor, one feeder", target=SWITCH_AT, members=members, places=places,
        drains=(Narrowing(BOX_AT, 0, 0),),
        flows=tuple(
            Flow(
                current=Source(at[f"meter.current_l{phase + 1}"], AGE_MS),
                against=Source(at[f"box.current_l{phase + 1}"], AGE_MS) if against else None,
                zero=ZERO_MA, shown=SHOWN_MA,
                through=tuple(COILS_AT + n for n, fed in enumerate(layout.feeds) if phase in fed),
            )
            for phase in range(PHASES_COUNT)
        ),
        calm_ms=CALM_MS, skew_ms=SKEW_MS, dwell_ms=dwell_ms,
        timeouts=_timeouts(len(members) * TRAVEL_MS + 1_000, breaks_ms),
    )  # fmt: skip


def permission(name: str, target: int, most: int, identities: set[int]) -> Permission:
    """May do anything there, as a slider or as a program."""
    return Permission(name, "it may", frozenset(identities), target, 0, most, WORKING, frozenset(Kind), 24 * HOUR_MS)


def _timeouts(moving_ms: int, breaks_ms: int) -> tuple[int | None, ...]:
    """A changeover's, per state."""
    waits = {
        "draining": DRAIN_MS, "breaking": moving_ms + breaks_ms, "waiting": DEAD_MS, "probing": PROBE_MS,
        "making": moving_ms, "settling": SETTLE_MS,
    }  # fmt: skip
    return tuple(waits.get(state) for state in CHANGEOVER.states)


def yard_coil(
    name: str, at: dict[str, int], zero_flow: Question | None = None, charging_ms: int | None = None, **changes: object
) -> Target:
    """A contactor with its own feedback and its own sign of life. ``changes``: fields of its Contactor."""
    shown, alive = at[f"{name}.contact"], at[f"{name}.alive"]
    waits = {"looking": LOOK_MS, "precharging": charging_ms, "closing": TRAVEL_MS, "opening": TRAVEL_MS}
    made = Contactor(
        shown_open=Is(shown, CONTACT_AGE_MS, 0), shown_closed=Is(shown, CONTACT_AGE_MS, 1),
        seen=Fresh(((alive, CONTACT_AGE_MS),)), gone=TooOld(alive, GONE_MS), zero_flow=zero_flow,
        timeouts=tuple(waits.get(state) for state in CONTACTOR.states), doubt_ms=DOUBT_MS,
    )  # fmt: skip
    return Target(
        f"{name}.coil", Unit.FLAG, 0, 1, 0, 1, (), 0, None, Source(shown, CONTACT_AGE_MS), TRAVEL_MS,
        replace(made, **changes),
    )  # fmt: skip


# ---- by hand -------------------------------------------------------------------------------------------------------
def exclusive(about: Plan) -> list[tuple[int, int]]:
    """The pairs of contacts that must never be closed together."""
    return [
        (one - COILS_AT, other - COILS_AT) for group in about.groups for one, other in combinations(group.members, 2)
    ]


class Yard(Run):
    """A yard that is stepped by hand. ``say`` overrides readings; None in it: its sender says nothing at all."""

    def __init__(self, layout: Layout = AB, about: Plan | None = None) -> None:
        super().__init__(yard(layout) if about is None else about)
        self.layout = layout
        self.plant = Plant([Contact() for _ in layout.feeds], layout.feeds, exclusive(self.plan))
        self.say: dict[str, int | None] = {}
        self.decided: list[Decision] = []

    def cycle(self, *inbox: Request) -> Result:
        self.plant.advance(self.coils, self.state.targets[BOX_AT].output or 0, self.now_ms)
        said = self.plant.readings(self.now_ms) | self.say
        silent = {name for name, value in self.say.items() if value is None}
        self.tell({name: value for name, value in said.items() if name not in silent})
        result = super().cycle(*inbox)
        self.decided += result.decisions
        return result

    # ---- what people do ------------------------------------------------------------------------------------------
    def order(self, place: str, identity: str = "anna", **changes: object) -> Decision:
        """Somebody wants the changeover there."""
        return self.asks(SWITCH_AT, self.number(place), identity, **changes)

    def charge(self, value: int = 16_000) -> Decision:
        """The car may draw so much."""
        return self.asks(BOX_AT, value)

    def asks(self, target: int, value: int, identity: str = "anna", **changes: object) -> Decision:
        about = self.plan.targets[target]
        given: dict[str, object] = {
            "target": about.id, "unit": about.unit.value, "kind": "setting", "duration_ms": HOUR_MS, **changes,
        }  # fmt: skip
        (decision,) = self.cycle(ask(Verb.SET, identity, value, self.now_ms, **given)).decisions
        return decision

    def stop(self, target: str = "switch.position", identity: str = "ben") -> None:
        self.cycle(ask(Verb.STOP, identity, now_ms=self.now_ms, target=target))

    def release(self, identity: str = "anna") -> None:
        self.cycle(ask(Verb.RELEASE, identity, now_ms=self.now_ms, target="switch.position"))

    def press(self, name: str = "button", ms: int = 150) -> None:
        """Press and let go: ``button``, ``reset`` or (turned and turned back) ``key``."""
        self.say |= {f"panel.{name}": 1}
        self.go(ms)
        del self.say[f"panel.{name}"]
        self.go(100)

    def restart(self) -> None:
        """The box restarts: everything is forgotten but what a contactor has been through."""
        worn = [target.wear for target in self.state.targets]
        fresh = boot(self.plan, self.now_ms)
        targets = tuple(replace(t, wear=w and replace(w, unproven_ms=None, unwanted_ms=None))
                        for t, w in zip(fresh.targets, worn, strict=True))  # fmt: skip
        self.state, self.image = replace(fresh, targets=targets), blank(self.plan.signals)

    # ---- what can be seen ----------------------------------------------------------------------------------------
    def number(self, place: str) -> int:
        return [p.name for p in self.plan.changeovers[0].places].index(place)

    @property
    def switch(self) -> Switch:
        return self.state.switches[0]

    @property
    def at(self) -> str:
        """The place where it rests or from which it comes."""
        return self.plan.changeovers[0].places[self.switch.at].name

    @property
    def step(self) -> str:
        """The state of the changeover's machine."""
        return self.plan.changeover.states[self.switch.machine.state]

    @property
    def reason(self) -> str:
        return self.switch.reason

    @property
    def contactors(self) -> list[str]:
        """The states of all contactors' machines."""
        return [self.position(f"k{n}.coil") for n in range(1, len(self.plant.contacts) + 1)]

    @property
    def coils(self) -> list[int | None]:
        return [self.output(f"k{n}.coil") for n in range(1, len(self.plant.contacts) + 1)]

    @property
    def changes(self) -> int:
        """How often any coil was told something else."""
        return sum(iron.changes for iron in self.plant.contacts)

    def way(self) -> list[str]:
        """The steps of the changeover, as its events tell."""
        told = (e.text.split(" -> ") for e in self.events if e.kind is EventKind.CHANGEOVER and " -> " in e.text)
        return [parts[1].split(" ")[0] for parts in told]

    def until(self, *steps: str, within_ms: int = 30_000) -> int:
        """Cycles until the changeover is in one of these steps; how long it took (ms)."""
        began_ms = self.now_ms
        while self.step not in steps:
            assert self.now_ms - began_ms < within_ms, f"still {self.step}: {self.reason}"
            self.cycle()
        return self.now_ms - began_ms


def parked(layout: Layout = AB, place: str = "", about: Plan | None = None, drawing: bool = True) -> Yard:
    """A yard that rests in a place (the first where none is said), with a car that draws 16 A."""
    run = Yard(layout, about)
    run.go(300)
    assert (run.mode, run.step, run.at) == ("normal", "resting", "open"), (run.mode, run.step, run.at, run.reason)
    place = place or next(iter(layout.places))
    run.order(place)
    run.until("making")
    run.until("resting")
    assert run.at == place
    if drawing:
        run.charge()
        run.go(500)
        assert max(run.plant.flow_ma) == 16_000
    return run
