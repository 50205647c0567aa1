"""The policy documents: limits, caps, house-mode rules, permissions and programs, turned into rows of the plan.

Rules
* Documents are read in the order of their names; an id stands once in all of them.
* Every rule has a ``why``. A quantity has its unit. A name must exist.
* A rule may not forbid an actuator's safe value: there would be nothing left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from supervisor.kernel.lease import Kind
from supervisor.kernel.plan import MODES, Cap, ModeRule, Permission, Program, Source, Target
from supervisor.kernel.trip import Latch, Narrowing, Rule, Severity
from supervisor.loader.documents import Item, name_of, nearest
from supervisor.loader.quantity import amount, duration, shown
from supervisor.loader.questions import Names, question

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CLEAR_DEFAULT_MS = 10_000
LEASE_MAX_MS = 12 * HOUR_MS


@dataclass(frozen=True)
class Vocabulary:
    """The names that a policy may use."""

    names: Names
    targets: Mapping[str, tuple[int, Target]]
    identities: Mapping[str, int]


@dataclass
class Policies:
    """All documents together, in order."""

    rules: list[Rule] = field(default_factory=list)
    caps: list[Cap] = field(default_factory=list)
    mode_rules: list[ModeRule] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    ids: dict[str, Item] = field(default_factory=dict)

    def claim(self, section: str, name: str, item: Item) -> str:
        """The id of a rule, ``section.name``, which nobody else has."""
        identity = f"{section}.{name_of(name, item)}"
        if identity in self.ids:
            first = self.ids[identity]
            raise item.error(f"'{identity}' is already at {first.file}:{first.line}; an id stands once")
        self.ids[identity] = item
        return identity


def add(policies: Policies, document: Item, words: Vocabulary) -> None:
    """Read one document into ``policies``."""
    sections = {
        "limits": _limit,
        "caps": _cap,
        "house_modes": _mode_rule,
        "permissions": _permission,
        "programs": _program,
    }
    for section, reader in sections.items():
        part = document.get(section)
        if part is not None:
            for name, item in part.fields().items():
                reader(policies, policies.claim(section, name, item), item, words)
                item.done()
    document.done()


def why(item: Item) -> str:
    """The reason of a rule; one without a reason does not load."""
    reason = item.need("why", "every rule says why it is there")
    text = reason.text().strip()
    if not 5 <= len(text) <= 400:
        raise reason.error("write a sentence of 5 to 400 characters")
    return text


def _limit(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    hold_ms = _time(item, "hold", 0, HOUR_MS)
    actions = _actions(item, "then", words) or ()
    unknown = _actions(item, "unknown", words)
    policies.rules.append(
        Rule(
            id=identity,
            why=why(item),
            question=question(
                item.need("when", "a limit asks a question, such as 'meter.power above 8 kW'"), words.names
            ),
            hold_ms=hold_ms,
            unknown_ms=_time(item, "unknown_after", 0, HOUR_MS, hold_ms),
            clear_ms=_time(item, "clear", 0, DAY_MS, CLEAR_DEFAULT_MS),
            actions=actions,
            unknown_actions=actions if unknown is None else unknown,
            latch=Latch(_choice(item, "latch", [latch.value for latch in Latch], "none")),
            latch_unknown=_choice(item, "latch_unknown", ["true", "false"], "false") == "true",
            severity=_severity(item, "house"),
            unknown_severity=_severity(item, "unknown_house"),
        )
    )
    if not actions and not unknown and item.get("house") is None:
        raise item.error("this limit does nothing; say 'then: {target: at most …}' or 'house: degraded'")


def _time(item: Item, key: str, lo_ms: int, hi_ms: int, default_ms: int | None = None) -> int:
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
    for words_before, side in (("at most ", "hi"), ("at least ", "lo")):
        if text.startswith(words_before):
            value = amount(Item(item.file, item.line, item.path, text[len(words_before) :]), target.unit)
            lo, hi = (None, value) if side == "hi" else (value, None)
            if (hi is not None and hi < target.safe) or (lo is not None and lo > target.safe):
                raise item.error(f"'{text}' forbids the safe value {shown(target.safe, target.unit)} of {name}")
            return Narrowing(index, lo, hi)
    raise item.error(f"'{text}' is no action; write 'at most …', 'at least …' or 'stop'")


def _cap(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = _target(item, words)
    signal = item.need("signal", "name the signal that tells the limit")
    named = words.names.find(signal.text(), signal)
    if named.signal.unit is not target.unit:
        raise signal.error(f"{named.signal.id} is in {named.signal.unit}, {target.id} in {target.unit}")
    blind = amount(item.need("blind", "say what is allowed while the signal is not known"), target.unit)
    policies.caps.append(Cap(identity, why(item), index, Source(named.index, named.signal.max_age_ms), blind))


def _modes(item: Item) -> frozenset[int]:
    listed = item.need("in", f"list house modes of {', '.join(MODES)}")
    return frozenset(MODES.index(part.one_of(MODES)) for part in listed)


def _mode_rule(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    modes, reason = _modes(item), why(item)
    actions = _actions(item, "then", words)
    if not actions:
        raise item.error("'then' is missing or empty; say what is narrowed, such as {wallbox.current: stop}")
    for action in actions:
        policies.mode_rules.append(ModeRule(identity, reason, modes, action.target, action.lo, action.hi))


def _permission(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = _target(item, words)
    kinds = item.get("kinds")
    smallest, largest = item.need("from", "the smallest value that may be asked"), item.need("to", "the largest")
    lo, hi = amount(smallest, target.unit), amount(largest, target.unit)
    if lo > hi:
        raise largest.error(f"'{largest.text()}' is below '{smallest.text()}'; write the smaller one as 'from'")
    policies.permissions.append(
        Permission(
            id=identity,
            why=why(item),
            identities=frozenset(_identity(part, words) for part in item.need("who", "list the identities")),
            target=index,
            lo=lo,
            hi=hi,
            modes=_modes(item),
            kinds=frozenset(Kind(part.one_of([k.value for k in Kind])) for part in kinds) if kinds else frozenset(Kind),
            max_ms=_time(item, "longest", 1_000, LEASE_MAX_MS, HOUR_MS),
        )
    )


def _identity(item: Item, words: Vocabulary) -> int:
    if item.text() not in words.identities:
        raise item.error(f"there is no orchestrator '{item.text()}'{nearest(item.text(), words.identities)}")
    return words.identities[item.text()]


def _program(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = _target(item, words)
    given = item.need("value", "what it does when nobody holds a lease")
    value = amount(given, target.unit)
    if not target.lo <= value <= target.hi or any(low < value < high for low, high in target.bands):
        raise given.error(f"{target.id} cannot do {shown(value, target.unit)}")
    policies.programs.append(Program(identity, why(item), index, _modes(item), value))
