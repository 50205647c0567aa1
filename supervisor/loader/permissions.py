"""Who may ask for what, who may not, and what runs when nobody asks: permissions, refusals and programs.

Rules
* Permissions of one document add up; what several documents say about one identity and one target must all agree. So a
  document that is read later can only narrow, whatever it says.
* Only an orchestrator can be permitted something: an observer and an installer look, and stop.
* A refusal beats every permission. The safe value of a target can always be asked.
* For one target and one mode of the house there is one program.
"""

from __future__ import annotations

import re

from supervisor.kernel.lease import Kind
from supervisor.kernel.plan import MODES, Ban, Permission, Program, Target
from supervisor.kernel.wish import ASKS
from supervisor.loader.documents import Item, nearest
from supervisor.loader.policies import HOUR_MS, LEASE_MAX_MS, Policies, Vocabulary, ordered, read_modes, time_of, why
from supervisor.loader.quantity import amount, shown
from supervisor.loader.questions import question

PER_MIN_DEFAULT = 120  # two a second: an optimiser says one in some seconds, a slider some while it is dragged
RATE = re.compile(r"([1-9][0-9]{0,4}) per min")


def permission(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = ordered(item, words)
    kinds, only = item.get("kinds"), item.get("only_while")
    covers = Permission(
        id=identity,
        why=why(item),
        identities=_asking(item, words),
        target=index,
        lo=target.safe,
        hi=target.safe,
        modes=read_modes(item),
        kinds=frozenset(Kind(part.one_of([k.value for k in Kind])) for part in kinds) if kinds else frozenset(Kind),
        max_ms=time_of(item, "longest", 1_000, LEASE_MAX_MS, HOUR_MS),
        layer=policies.documents,
        per_min=_rate(item.get("rate")),
        only_while=question(only, words.names) if only is not None else None,
    )
    for lo, hi in _bands(item, target, words):
        policies.permissions.append(_within(covers, lo, hi))


def _within(covers: Permission, lo: int, hi: int) -> Permission:
    fields = {name: getattr(covers, name) for name in Permission.__struct_fields__}
    return Permission(**(fields | {"lo": lo, "hi": hi}))


def _rate(item: Item | None) -> int:
    if item is None:
        return PER_MIN_DEFAULT
    match = RATE.fullmatch(item.text().strip())
    if match is None:
        raise item.error(f"'{item.text()}' is no rate; write wishes in a minute, such as '30 per min'")
    return int(match[1])


def _identities(item: Item, words: Vocabulary) -> frozenset[int]:
    return frozenset(_identity(part, words) for part in item.need("who", "list the identities"))


def _asking(item: Item, words: Vocabulary) -> frozenset[int]:
    """Those who may ask; complains about one who has no business to."""
    found = _identities(item, words)
    for part in item.need("who", "list the identities"):
        role = words.roles.get(part.text(), ASKS)
        if role != ASKS:
            remedy = f"take it out of 'who', or give it the role {ASKS} in site.yaml"
            raise part.error(f"{part.text()} has the role {role}, which asks for nothing; {remedy}")
    return found


def _identity(item: Item, words: Vocabulary) -> int:
    if item.text() not in words.identities:
        raise item.error(f"there is no orchestrator '{item.text()}'{nearest(item.text(), words.identities)}")
    return words.identities[item.text()]


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


def ban(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    """What may not be asked: all values, or those of one band or of some positions."""
    index, target = ordered(item, words)
    condition = item.get("while")
    asked = question(condition, words.names) if condition is not None else None
    banded = any(item.get(key) is not None for key in ("from", "to", "positions"))
    modes = read_modes(item) if item.get("in") is not None else frozenset(range(len(MODES)))
    for lo, hi in _bands(item, target, words) if banded else [(target.lo, target.hi)]:
        policies.bans.append(Ban(identity, why(item), _identities(item, words), index, lo, hi, modes, asked))


def program(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    index, target = ordered(item, words)
    given = item.need("value", "what it does when nobody holds a lease")
    value = words.value(given, target)
    if not target.lo <= value <= target.hi or any(low < value < high for low, high in target.bands):
        raise given.error(f"{target.id} cannot do {shown(value, target.unit)}")
    modes = read_modes(item)
    for other in policies.programs:
        if other.target == index and (both := sorted(other.modes & modes)):
            at = policies.ids[other.id]
            raise item.error(
                f"in mode {MODES[both[0]]} {other.id} at {at.file}:{at.line} already says what {target.id} does;"
                " leave the mode out of one of the two"
            )
    policies.programs.append(Program(identity, why(item), index, modes, value))
