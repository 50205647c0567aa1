"""A loaded site as the findings look at it: the plan, and where in the documents each thing stands.

Indices are those of the plan. Nothing here judges anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from drivers.contract import OutputSpec
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.plan import MODES, Target
from supervisor.kernel.question import AllOf, AnyOf, Disagree, Is, Question, TooOld
from supervisor.kernel.signal import shown
from supervisor.kernel.trip import Narrowing, Severity
from supervisor.loader.cut_offs import CutOff
from supervisor.loader.documents import Item
from supervisor.loader.load import Loaded
from supervisor.site import BusSite, DeviceSite


class Survey:
    """One site. Cheap to make; everything is looked up when it is asked for."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded, self.plan, self.site = loaded, loaded.plan, loaded.site
        self.devices: dict[str, DeviceSite] = {d.name: d for bus in self.site.buses for d in bus.devices}
        self.bus_of: dict[str, BusSite] = {d.name: bus for bus in self.site.buses for d in bus.devices}
        places = [place for device in self.devices.values() for place in device.outputs]
        self.specs: dict[int, OutputSpec] = {place.index: place.spec for place in places}
        self.positions: dict[str, int] = {target.id: at for at, target in enumerate(self.plan.targets)}

    # ---- where things stand ------------------------------------------------------------------------------------
    def at(self, *path: str) -> Item:
        """The place in site.yaml, as deep as the path goes there."""
        return inside(self.loaded.root, *path)

    def of_target(self, position: int, *keys: str) -> Item:
        owner, _, name = self.plan.targets[position].id.partition(".")
        if owner in self.devices:
            return self.at("devices", owner, "targets", name, *keys)
        return self.at("changeovers", owner, *keys)

    def of_rule(self, identity: str, *keys: str) -> Item:
        """A rule of any document, a circuit, a changeover or a hand, by its id."""
        section, _, name = identity.partition(".")
        if identity in self.loaded.policies.ids:
            return inside(self.loaded.policies.ids[identity], *keys)
        if section == "hands":
            return self.at("local", "hands", name, *keys)
        return self.at(section, *name.split("."), *keys) if name else self.at("changeovers", section, *keys)

    # ---- what belongs together ---------------------------------------------------------------------------------
    def device_of(self, position: int) -> DeviceSite | None:
        """The device that carries a target; None for the position of a changeover."""
        return self.devices.get(self.plan.targets[position].id.partition(".")[0])

    def owner(self, signal: int) -> str:
        return self.plan.signals[signal].id.partition(".")[0]

    def said(self, value: int, target: Target) -> str:
        """An amount of a target in words: a switch by its position."""
        if target.changeover is not None:
            return self.plan.changeovers[target.changeover].places[value].name
        if target.contactor is not None:
            return ("open", "closed")[value]
        return shown(value, target.unit)

    @cached_property
    def codes(self) -> dict[int, Mapping[int, str]]:
        places = (place for device in self.devices.values() for place in device.signals)
        return {place.index: place.spec.codes for place in places}

    @cached_property
    def contactors(self) -> list[int]:
        """Every contactor that we may move."""
        return [at for at, target in enumerate(self.plan.targets) if target.contactor and not target.observe]

    @cached_property
    def moved(self) -> set[int]:
        """The contactors that only a changeover or another contactor moves."""
        helpers = {at for at in self.contactors if (c := self.plan.targets[at].contactor) is not None and c.charges}
        return helpers | {member for changeover in self.plan.changeovers for member in changeover.members}

    def may_close(self, position: int) -> bool:
        """Can anybody, or any program, ever want this switch closed?"""
        asked = any(p.target == position and p.hi > 0 for p in self.plan.permissions)
        return asked or any(p.target == position and p.value > 0 for p in self.plan.programs)

    @cached_property
    def remote(self) -> list[int]:
        """The identities that speak over the network."""
        return [at for at, identity in enumerate(self.plan.identities) if identity.role != LOCAL]

    @cached_property
    def modes(self) -> set[int]:
        """The house modes that this house can ever be in."""
        if self.plan.observe:
            return set(range(len(MODES)))
        worst = [(rule.severity, rule.unknown_severity) for rule in self.plan.rules]
        possible = {
            "starting": True,
            "normal": True,
            "degraded": True,
            "orchestrator_lost": any(identity.expected for identity in self.plan.identities),
            "fault": bool(self.contactors) or any(Severity.FAULT in pair for pair in worst),
            "maintenance": self.plan.local.maintenance is not None,
        }
        return {MODES.index(mode) for mode, comes in possible.items() if comes}

    @cached_property
    def cut_offs(self) -> dict[int, CutOff]:
        """What cuts a target off without us: as the site says, or as its changeovers' flows show."""
        return self._derived() | {self.positions[name]: cut for name, cut in self.loaded.cut_offs.items()}

    def _derived(self) -> dict[int, CutOff]:
        """A device whose own current is compared with a flow draws or gives it through the contactors of that flow."""
        found: dict[int, CutOff] = {}
        for flow in (flow for changeover in self.plan.changeovers for flow in changeover.flows):
            if flow.against is None or not all(reverts(self.specs[member]) for member in flow.through):
                continue
            for place in self.devices[self.owner(flow.against.signal)].outputs:
                earlier = found.get(place.index, CutOff("", ()))
                found[place.index] = CutOff("", (*dict.fromkeys((*earlier.contactors, *flow.through)),))
        return found


def reverts(spec: OutputSpec) -> bool:
    """Does the device bring this to its safe value by itself?"""
    return spec.silence.kind.value == "reverts-safe"


def inside(item: Item, *path: str) -> Item:
    """``item`` or what stands below it, as deep as the path goes."""
    for key in path:
        if not isinstance(item.value, dict) or key not in item.value:
            return item
        item = item.value[key]
    return item


def leaves(asked: Question) -> Iterator[Question]:
    """The single questions of which this one is made."""
    if isinstance(asked, AllOf | AnyOf):
        for part in asked.parts:
            yield from leaves(part)
    else:
        yield asked


def kinds_of(asked: Question, *kinds: type[Question]) -> list[Question]:
    return [leaf for leaf in leaves(asked) if isinstance(leaf, kinds)]


def ages(asked: Question) -> list[int]:
    """The signals whose loss this question asks for."""
    return [leaf.signal for leaf in leaves(asked) if isinstance(leaf, TooOld)]


def comparisons(asked: Question) -> list[tuple[int, int]]:
    """The pairs of signals that it compares."""
    return [(leaf.first.signal, leaf.second.signal) for leaf in leaves(asked) if isinstance(leaf, Disagree)]


def codes_of(asked: Question) -> list[tuple[int, int]]:
    """(signal, code) of each question for a code."""
    return [(leaf.signal, leaf.code) for leaf in leaves(asked) if isinstance(leaf, Is)]


def narrowings(survey: Survey) -> Iterator[tuple[Item, Narrowing]]:
    """Everything that any document narrows, and where it says so."""
    name = [target.id for target in survey.plan.targets]
    for rule in survey.plan.rules:
        yield from ((survey.of_rule(rule.id, "then", name[action.target]), action) for action in rule.actions)
        if rule.unknown_actions is not rule.actions:
            yield from ((survey.of_rule(rule.id, "unknown", name[a.target]), a) for a in rule.unknown_actions)
    for row in survey.plan.mode_rules:
        yield survey.of_rule(row.id, "then", name[row.target]), Narrowing(row.target, row.lo, row.hi)
    for changeover in survey.plan.changeovers:
        for place in changeover.places:
            for action in place.allows:
                path = ("positions", place.name, "allows", name[action.target])
                yield survey.of_rule(changeover.id, *path), action
