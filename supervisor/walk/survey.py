"""What the site's documents say about loads, the places that measure them, and contacts.

Rules
* A place is one conductor as one meter sees it: a signal of its current and, where the documents name it, of its power.
* What the documents leave open (an own current that nobody measures) is left open here, never guessed.

It must never know how a reading came to be, nor what is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.question import AllOf, AnyOf, Is, Question
from supervisor.kernel.signal import Unit
from supervisor.kernel.switchgear import Changeover
from supervisor.loader.load import Loaded
from supervisor.walk import amounts


@dataclass(frozen=True)
class Place:
    """``conductor`` as people say it, such as L1. ``power`` is None where no document names it. ``through``: the
    contactors that carry it, of a flow."""

    conductor: str
    current: str
    power: str | None
    through: tuple[int, ...] = ()


@dataclass(frozen=True)
class Group:
    """The places of one meter: of a circuit, or of the flow of a changeover. ``section`` is where the documents name
    it. ``absolute``: what these places show is somebody else's current, and not only changes with it."""

    id: str
    section: str
    places: tuple[Place, ...]
    absolute: bool = False

    @property
    def device(self) -> str:
        """Whose signals they are (of the first, where several are)."""
        return self.places[0].current.partition(".")[0]

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place.current.partition(".")[0] for place in self.places))


@dataclass(frozen=True)
class Row:
    """A load in a group: ``own`` by place is its own current there; "" where it has no wire, None where nobody
    measures it."""

    group: str
    own: tuple[str | None, ...]


@dataclass(frozen=True)
class Load:
    """A target that can be moved. ``draws``: it is raised from nothing to ``value`` (A); otherwise it is a generator,
    and reduced. ``own``: its own measurements, as far as the documents name them; ``power`` of a generator."""

    target: str
    draws: bool
    value: float
    step: float
    rows: tuple[Row, ...]
    power: str | None = None

    @property
    def device(self) -> str:
        return self.target.partition(".")[0]

    @property
    def own(self) -> tuple[str, ...]:
        """Its own currents, each once."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.own if name))


@dataclass(frozen=True)
class Contact:
    """A contactor: ``closed`` and ``open`` are the signals and codes that prove it. ``breaks``: the documents say that
    it may break its load. ``changeover`` moves it, "" where it moves by itself. ``used``: something may close it.
    ``source``: it is precharged, or precharges."""

    target: str
    closed: tuple[tuple[str, float], ...]
    open: tuple[tuple[str, float], ...]
    breaks: bool
    changeover: str
    used: bool
    source: bool = False


@dataclass(frozen=True)
class Positions:
    """A changeover. ``places``: by number, name and contactors that are closed there. ``sources``: it switches sources
    of which only one may feed, and is never moved by a walk."""

    id: str
    target: str
    places: tuple[tuple[str, tuple[str, ...]], ...]
    members: tuple[str, ...]
    sources: bool
    dwell_ms: int


@dataclass(frozen=True)
class Survey:
    """Everything that a walk goes by. ``permitted``: targets that this identity may ever ask for. ``families``: devices
    by the name of their driver, to know whose addresses could be exchanged. ``commanded``: devices with targets."""

    groups: tuple[Group, ...]
    loads: tuple[Load, ...]
    contacts: tuple[Contact, ...]
    changeovers: tuple[Positions, ...]
    families: tuple[tuple[str, str], ...]
    commanded: frozenset[str]
    houses: tuple[str, ...]

    def group(self, name: str) -> Group:
        return next(group for group in self.groups if group.id == name)


def survey(loaded: Loaded) -> Survey:
    """What a walk of this site has to prove."""
    plan = loaded.plan
    circuits, houses = _circuits(plan)
    flows = tuple(_flow_group(plan, changeover) for changeover in plan.changeovers if changeover.flows)
    devices = [device for bus in loaded.site.buses for device in bus.devices]
    return Survey(
        groups=(*circuits, *flows),
        loads=tuple(_loads(loaded)),
        contacts=tuple(_contacts(plan)),
        changeovers=tuple(_positions(loaded, changeover) for changeover in plan.changeovers),
        families=tuple((device.name, device.family.stem) for device in devices),
        commanded=frozenset(device.name for device in devices if device.outputs),
        houses=houses,
    )


def _circuits(plan: Plan) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """A group for each circuit with a meter of its own, and those at which a person's load would show by itself. A
    circuit that is measured by the load itself proves nothing."""
    groups, houses = [], []
    for circuit in plan.circuits:
        own = {plan.targets[feed.target].id.partition(".")[0] for feed in circuit.feeds}
        places = tuple(
            Place(
                f"L{at + 1}",
                plan.signals[phase.current.signal].id,
                None if phase.power is None else plan.signals[phase.power.signal].id,
            )
            for at, phase in enumerate(circuit.phases)
        )
        if places and places[0].current.partition(".")[0] not in own:
            groups.append(Group(circuit.id, circuit.id, places))
            if circuit.parent is None:
                houses.append(circuit.id)
    return tuple(groups), tuple(houses)


def _flow_group(plan: Plan, changeover: Changeover) -> Group:
    places = tuple(
        Place(f"flow {at + 1}", plan.signals[flow.current.signal].id, None, flow.through)
        for at, flow in enumerate(changeover.flows)
    )
    return Group(_flow(changeover), f"changeovers.{changeover.id}.flow", places, absolute=True)


def _flow(changeover: Changeover) -> str:
    return f"{changeover.id}.flow"


# ---- loads -----------------------------------------------------------------------------------------------------------
def _loads(loaded: Loaded) -> Iterator[Load]:
    plan = loaded.plan
    metered = {group.id for group in _circuits(plan)[0]}
    names = {signal.id for signal in plan.signals}
    for at, target in enumerate(plan.targets):
        if (
            target.contactor is not None
            or target.changeover is not None
            or target.unit not in (Unit.CURRENT, Unit.POWER)
        ):
            continue
        device = target.id.partition(".")[0]
        rows = (*_feed_rows(plan, at, metered), *_flow_rows(plan, device))
        feeds = any(feed.target == at for circuit in plan.circuits for feed in circuit.feeds)
        if feeds and target.unit is Unit.CURRENT:
            yield Load(target.id, True, _smallest_a(target), 1.0, rows)
        elif not feeds and target.unit is Unit.POWER and f"{device}.power" in names:
            yield Load(target.id, False, 0.0, target.step / 1_000, rows, f"{device}.power")


def _smallest_a(target: Target) -> float:
    """The least that it can do, and at least LOAD_A."""
    least_ma = round(amounts.LOAD_A * 1_000)
    for low, high in sorted(target.bands):
        least_ma = high if low < least_ma < high else least_ma
    return least_ma / 1_000


def _feed_rows(plan: Plan, at: int, metered: set[str]) -> Iterator[Row]:
    for circuit in plan.circuits:
        for feed in circuit.feeds:
            if feed.target == at and circuit.id in metered:
                own = (None if one is None else plan.signals[one.signal].id for one in feed.own)
                yield Row(circuit.id, tuple("" if i in feed.absent else name for i, name in enumerate(own)))


def _flow_rows(plan: Plan, device: str) -> Iterator[Row]:
    for changeover in plan.changeovers:
        own = [None if flow.against is None else plan.signals[flow.against.signal].id for flow in changeover.flows]
        mine = tuple(name if name is not None and name.startswith(f"{device}.") else "" for name in own)
        if any(mine):
            yield Row(_flow(changeover), mine)


# ---- contacts --------------------------------------------------------------------------------------------------------
def _contacts(plan: Plan) -> Iterator[Contact]:
    for at, target in enumerate(plan.targets):
        contactor = target.contactor
        if contactor is not None and not target.observe:
            asked = any(permission.target == at and permission.hi > 0 for permission in plan.permissions)
            kept = any(program.target == at and program.value > 0 for program in plan.programs)
            owner = "" if contactor.changeover is None else plan.changeovers[contactor.changeover].id
            yield Contact(
                target.id,
                _codes(plan, contactor.shown_closed),
                _codes(plan, contactor.shown_open),
                contactor.breaks_ms is not None,
                owner,
                asked or kept or bool(owner) or bool(contactor.charges),
                source=contactor.precharge is not None or bool(contactor.charges),
            )


def _codes(plan: Plan, question: Question) -> tuple[tuple[str, float], ...]:
    """The contacts that a proof looks at. A proof by voltage has none: a walk cannot tell whose voltage it is."""
    if isinstance(question, Is):
        return ((plan.signals[question.signal].id, float(question.code)),)
    if isinstance(question, AllOf | AnyOf):
        return tuple(code for part in question.parts for code in _codes(plan, part))
    return ()


def _positions(loaded: Loaded, changeover: Changeover) -> Positions:
    plan = loaded.plan
    written = loaded.root.fields()["changeovers"].fields()[changeover.id].get("sources")
    guarded = any(place.onto is not None for place in changeover.places)
    return Positions(
        changeover.id,
        plan.targets[changeover.target].id,
        tuple((place.name, tuple(plan.targets[member].id for member in place.members)) for place in changeover.places),
        tuple(plan.targets[member].id for member in changeover.members),
        guarded or (written is not None and written.flag()),
        changeover.dwell_ms,
    )
