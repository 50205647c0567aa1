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
from supervisor.kernel.plan import MODES, Cap, ModeRule, Permission, Program, Target
from supervisor.kernel.signal import Source
from supervisor.kernel.switchgear import Group, Need
from supervisor.kernel.trip import Latch, Narrowing, Rule, Severity
from supervisor.loader.documents import Item, name_of, nearest
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
    contactor that precharges, those that it does it for."""

    names: Names
    targets: Mapping[str, tuple[int, Target]]
    identities: Mapping[str, int]
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coils: frozenset[str] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)
    charging: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def value(self, item: Item, target: Target) -> int:
        """An amount for this target: a quantity, or the name of a changeover's position."""
        if target.id in self.places:
            return self.places[target.id].index(item.one_of(self.places[target.id]))
        return amount(item, target.unit)

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
        "interlocks": _interlock,
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


def _ordered(item: Item, words: Vocabulary) -> tuple[int, Target]:
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


def _cap(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
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


def _modes(item: Item) -> frozenset[int]:
    listed = item.need("in", f"list house modes of {', '.join(MODES)}")
    return frozenset(MODES.index(part.one_of(MODES)) for part in listed)


def _mode_rule(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    modes, reason = _modes(item), why(item)
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


def _permission(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = _ordered(item, words)
    for lo, hi in _bands(item, target, words):
        _permit(policies, identity, item, words, index, lo, hi)


def _bands(item: Item, target: Target, words: Vocabulary) -> list[tuple[int, int]]:
    """What may be asked: one band from .. to, or each of a changeover's positions by itself."""
    if target.id in words.places:
        listed = item.need("positions", f"list positions of {', '.join(words.places[target.id])}")
        return [(place, place) for place in (words.value(part, target) for part in listed)]
    smallest, largest = item.need("from", "the smallest value that may be asked"), item.need("to", "the largest")
    lo, hi = amount(smallest, target.unit), amount(largest, target.unit)
    if lo > hi:
        raise largest.error(f"'{largest.text()}' is below '{smallest.text()}'; write the smaller one as 'from'")
    return [(lo, hi)]


def _permit(policies: Policies, identity: str, item: Item, words: Vocabulary, index: int, lo: int, hi: int) -> None:
    kinds = item.get("kinds")
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
    index, target = _ordered(item, words)
    given = item.need("value", "what it does when nobody holds a lease")
    value = words.value(given, target)
    if not target.lo <= value <= target.hi or any(low < value < high for low, high in target.bands):
        raise given.error(f"{target.id} cannot do {shown(value, target.unit)}")
    policies.programs.append(Program(identity, why(item), index, _modes(item), value))


# ---- interlocks ----------------------------------------------------------------------------------------------------
def _interlock(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    """One interlock, in one of its four forms."""
    reason = why(item)
    forms = ("never_together", "at_most", "break_before_make", "contactor")
    given = [form for form in forms if item.get(form) is not None]
    if len(given) != 1:
        raise item.error(f"write exactly one of: {', '.join(forms)}")
    form = given[0]
    if form == "contactor":
        return _need(policies, identity, reason, item, words)
    if form == "at_most":
        listed = item.need("of", "list the contactors that it counts")
        members = _contactors(listed, words)
        most = item.need("at_most", "how many of them").whole(1, len(members) - 1)
    else:
        members, most = _contactors(item.need(form, "list contactors"), words), 1
    if most == 1:
        _not_its_own_precharge(item.need("of" if form == "at_most" else form, ""), words)
    dead_ms = _time(item, "dead_time", 10, HOUR_MS) if form == "break_before_make" else 0
    policies.groups.append(Group(identity, reason, members, most, dead_ms))
    return None


def _need(policies: Policies, identity: str, reason: str, item: Item, words: Vocabulary) -> None:
    given = item.need("contactor", "name the contactor")
    position = contactor(given, words)
    requires, only = item.get("requires"), item.get("only_while")
    if requires is None and only is None:
        raise item.error("say what it needs: 'requires: another contactor' or 'only_while: a question'")
    other = contactor(requires, words) if requires is not None else None
    if requires is not None and other == position:
        raise requires.error("a contactor cannot require itself; name the one that must be closed first")
    if requires is not None:
        names = given.text(), requires.text()
        if _charges(names[0], names[1], words) or _charges(names[1], names[0], words):
            raise requires.error("a contactor and its precharge are never closed for long together; leave this out")
    asked = question(only, words.names) if only is not None else None
    policies.needs.append(Need(identity, reason, position, other, asked))
    _no_circle(policies.needs, item if requires is None else requires)


def _charges(helper: str, main: str, words: Vocabulary) -> bool:
    return main in words.charging.get(helper, ())


def _not_its_own_precharge(item: Item, words: Vocabulary) -> None:
    """A contactor closes while its precharge still is, so the two cannot exclude each other."""
    names = [part.text() for part in item]
    for part in item:
        if any(_charges(part.text(), other, words) for other in names):
            raise part.error(
                f"{part.text()} precharges for another one in this list, which closes while it is closed; leave it out:"
                " it is kept apart from the others by itself"
            )


def _no_circle(needs: list[Need], item: Item) -> None:
    """Contactors that require each other could never close."""
    requires = {(need.target, need.requires) for need in needs if need.requires is not None}
    reached = {needs[-1].requires}
    while more := {b for a, b in requires if a in reached} - reached:
        reached |= more
    if needs[-1].target in reached:
        raise item.error("these contactors require each other in a circle, so none could ever close")


def _contactors(item: Item, words: Vocabulary) -> tuple[int, ...]:
    members: list[int] = []
    for part in item:
        if (position := contactor(part, words)) in members:
            raise part.error(f"{part.text()} stands here twice; list at least two contactors, each once")
        members.append(position)
    if len(members) < 2:
        raise item.error("list at least two contactors, each once")
    return tuple(members)


def contactor(item: Item, words: Vocabulary) -> int:
    """The target of a contactor, by its name."""
    position, target = find_target(item.text(), item, words)
    if target.id not in words.coils:
        raise item.error(f"{target.id} is no contactor{nearest(target.id, words.coils)}")
    return position
