"""The policy documents: limits, caps, house-mode rules, permissions and programs, turned into rows of the plan.

Rules
* Documents are read in the order of their names; an id stands once in all of them.
* Every rule has a ``why``. A quantity has its unit. A name must exist.
* A rule may not forbid an actuator's safe value: there would be nothing left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from supervisor.kernel.plan import MODES, Ban, Cap, ModeRule, Network, Permission, Program, Target
from supervisor.kernel.signal import Source
from supervisor.kernel.switchgear import Group, Need
from supervisor.kernel.trip import Narrowing, Rule, Severity
from supervisor.loader.documents import Item, name_of, nearest
from supervisor.loader.latches import read_latching
from supervisor.loader.quantity import amount, duration, shown
from supervisor.loader.questions import Names, question

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CLEAR_DEFAULT_MS = 10_000
LEASE_MAX_MS = 12 * HOUR_MS
STARTING = MODES.index("starting")


@dataclass(frozen=True)
class Vocabulary:
    """The names that a policy may use. ``places``: the positions of each changeover's target; ``coils``: the targets
    that are contactors; ``moved``: the changeover that each of its contactors belongs to; ``charging``: for each
    contactor that precharges, those that it does it for; ``roles``: of each orchestrator."""

    names: Names
    targets: Mapping[str, tuple[int, Target]]
    identities: Mapping[str, int]
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coils: frozenset[str] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)
    charging: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)

    def value(self, item: Item, target: Target) -> int:
        """An amount for this target: a quantity, or the name of a changeover's position."""
        if target.id in self.places:
            return self.places[target.id].index(item.one_of(self.places[target.id]))
        return amount(item, target.unit)

    def said(self, value: int, target: Target) -> str:
        """An amount of this target as a document would have it."""
        if target.id in self.places:
            return self.places[target.id][value]
        return ("open", "closed")[value] if target.id in self.coils else shown(value, target.unit)

    def orderable(self, target: Target, item: Item) -> None:
        """Complain when only its changeover may move this contactor, or only the one that it precharges."""
        if by := self.moved.get(target.id):
            raise item.error(f"{target.id} is moved by {by} alone; write {by}.position instead")
        for main in self.charging.get(target.id, ()):
            raise item.error(f"{target.id} precharges for {main} alone and closes only with it; name {main} instead")


@dataclass
class Policies:
    """All documents together, in order."""

    rules: list[Rule] = field(default_factory=list)
    caps: list[Cap] = field(default_factory=list)
    mode_rules: list[ModeRule] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    ids: dict[str, Item] = field(default_factory=dict)
    bans: list[Ban] = field(default_factory=list)
    network: list[Network] = field(default_factory=list)
    documents: int = 0
    situations: dict[str, Item] = field(default_factory=dict)
    examples: dict[str, Item] = field(default_factory=dict)

    def claim(self, section: str, name: str, item: Item) -> str:
        """The id of a rule, ``section.name``, which nobody else has."""
        identity = f"{section}.{name_of(name, item)}"
        if identity in self.ids:
            first = self.ids[identity]
            raise item.error(f"'{identity}' is already at {first.file}:{first.line}; an id stands once")
        self.ids[identity] = item
        return identity


def why(item: Item) -> str:
    """The reason of a rule; one without a reason does not load."""
    reason = item.need("why", "every rule says why it is there")
    text = reason.text().strip()
    if not 5 <= len(text) <= 400:
        raise reason.error("write a sentence of 5 to 400 characters")
    return text


def limit(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    hold_ms = time_of(item, "hold", 0, HOUR_MS)
    actions = _actions(item, "then", words) or ()
    unknown = _actions(item, "unknown", words)
    clear_ms = time_of(item, "clear", 0, DAY_MS, CLEAR_DEFAULT_MS)
    latching = read_latching(item, clear_ms)
    policies.rules.append(
        Rule(
            id=identity,
            why=why(item),
            question=question(
                item.need("when", "a limit asks a question, such as 'meter.power above 8 kW'"), words.names
            ),
            hold_ms=hold_ms,
            unknown_ms=time_of(item, "unknown_after", 0, HOUR_MS, hold_ms),
            clear_ms=clear_ms,
            actions=actions,
            unknown_actions=actions if unknown is None else unknown,
            latch=latching.latch,
            latch_unknown=_choice(item, "latch_unknown", ["true", "false"], "false") == "true",
            severity=_severity(item, "house"),
            unknown_severity=_severity(item, "unknown_house"),
            recovers_ms=latching.recovers_ms,
            repeats=latching.repeats,
            repeats_ms=latching.repeats_ms,
        )
    )
    if not actions and not unknown and item.get("house") is None:
        raise item.error("this limit does nothing; say 'then: {target: at most …}' or 'house: degraded'")


def time_of(item: Item, key: str, lo_ms: int, hi_ms: int, default_ms: int | None = None) -> int:
    given = item.get(key)
    if given is not None:
        return duration(given, lo_ms, hi_ms)
    if default_ms is None:
        raise item.error(f"'{key}' is missing; write a time, such as '{key}: 2 s'")
    return default_ms


def _choice(item: Item, key: str, choices: list[str], default: str) -> str:
    given = item.get(key)
    return given.one_of(choices) if given is not None else default


def _severity(item: Item, key: str) -> Severity:
    return Severity[_choice(item, key, ["none", "degraded", "fault"], "none").upper()]


def _actions(item: Item, key: str, words: Vocabulary) -> tuple[Narrowing, ...] | None:
    given = item.get(key)
    if given is None:
        return None
    return tuple(narrowing(name, part, words) for name, part in given.fields().items())


def _target(item: Item, words: Vocabulary) -> tuple[int, Target]:
    """The target that a rule names in its own line."""
    given = item.need("target", "name the target, such as wallbox.current")
    return find_target(given.text(), given, words)


def ordered(item: Item, words: Vocabulary) -> tuple[int, Target]:
    """The target of a rule that lets somebody or something move it."""
    index, target = _target(item, words)
    words.orderable(target, item.need("target", ""))
    return index, target


def find_target(name: str, item: Item, words: Vocabulary) -> tuple[int, Target]:
    """A target by name. Raises DocumentError with the nearest names."""
    if name not in words.targets:
        raise item.error(f"there is no target '{name}'{nearest(name, words.targets)}")
    return words.targets[name]


def narrowing(name: str, item: Item, words: Vocabulary) -> Narrowing:
    """``target: at most 6 A``, ``at least …`` or ``stop`` (its safe value)."""
    index, target = find_target(name, item, words)
    text = item.text().strip()
    if text == "stop":
        return Narrowing(index, target.safe, target.safe)
    if name in words.places:
        raise item.error(f"'{text}' is no action for {name}; write 'stop', which means its safe position")
    for words_before, side in (("at most ", "hi"), ("at least ", "lo")):
        if text.startswith(words_before):
            value = amount(Item(item.file, item.line, item.path, text[len(words_before) :]), target.unit)
            lo, hi = (None, value) if side == "hi" else (value, None)
            if (hi is not None and hi < target.safe) or (lo is not None and lo > target.safe):
                raise item.error(f"'{text}' forbids the safe value {shown(target.safe, target.unit)} of {name}")
            return Narrowing(index, lo, hi)
    raise item.error(f"'{text}' is no action; write 'at most …', 'at least …' or 'stop'")


def cap(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = _target(item, words)
    if target.id in words.places or target.id in words.coils:
        raise item.need("target", "").error(
            f"{target.id} is a switch, and a cap is for amounts; write a limit with 'then: {{{target.id}: stop}}'"
        )
    signal = item.need("signal", "name the signal that tells the limit")
    named = words.names.find(signal.text(), signal)
    if named.signal.unit is not target.unit:
        raise signal.error(f"{named.signal.id} is in {named.signal.unit}, {target.id} in {target.unit}")
    blind = amount(item.need("blind", "say what is allowed while the signal is not known"), target.unit)
    policies.caps.append(Cap(identity, why(item), index, Source(named.index, named.signal.max_age_ms), blind))


def read_modes(item: Item) -> frozenset[int]:
    listed = item.need("in", f"list house modes of {', '.join(MODES)}")
    return frozenset(MODES.index(part.one_of(MODES)) for part in listed)


def mode_rule(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    modes, reason = read_modes(item), why(item)
    actions = _actions(item, "then", words)
    if not actions:
        raise item.error("'then' is missing or empty; say what is narrowed, such as {wallbox.current: stop}")
    for name, part in item.need("then", "").fields().items():
        if STARTING in modes and (name in words.places or name in words.moved):
            raise part.error(
                f"this would move {words.moved.get(name, name.partition('.')[0])} at every restart; leave"
                f" '{MODES[STARTING]}' out of 'in': after a start a changeover stays as it is found"
            )
    for action in actions:
        policies.mode_rules.append(ModeRule(identity, reason, modes, action.target, action.lo, action.hi))


def contactor(item: Item, words: Vocabulary) -> int:
    """The target of a contactor, by its name."""
    position, target = find_target(item.text(), item, words)
    if target.id not in words.coils:
        raise item.error(f"{target.id} is no contactor{nearest(target.id, words.coils)}")
    return position
