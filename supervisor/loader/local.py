"""The local hand of a site: its reset, its maintenance key, and the buttons that speak like an orchestrator.

A button's orders become permissions of an identity of its own, so that a lease from the basement looks like any other;
what binds everybody binds it, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Kind
from supervisor.kernel.plan import MODES, Identity, Permission
from supervisor.kernel.question import Question
from supervisor.kernel.switchgear import Hand, Local
from supervisor.loader.documents import Item, name_of
from supervisor.loader.policies import Vocabulary, contactor, find_target, why
from supervisor.loader.proofs import pressed
from supervisor.loader.quantity import duration, shown
from supervisor.loader.sites import Parts

PRIORITY = 1_000  # no orchestrator has more than 100
WORKING = frozenset(MODES.index(mode) for mode in ("normal", "degraded", "orchestrator_lost"))
DAY_MS = 86_400_000


@dataclass
class LocalPart:
    """What the section says. ``identities`` come after those of the orchestrators."""

    local: Local = field(default_factory=Local)
    identities: list[Identity] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)


def read_local(item: Item | None, parts: Parts, words: Vocabulary) -> LocalPart:
    """The section ``local``; nothing where there is none. Identities are numbered from ``len(words.identities)``."""
    part = LocalPart()
    if item is None:
        return part
    reset = item.get("reset")
    maintenance = item.get("maintenance")
    key, locks = _maintenance(maintenance, parts, words)
    if maintenance is not None and reset is None:
        raise maintenance.error(
            "after maintenance somebody must confirm; say what resets: 'reset: panel.reset is pressed'"
        )
    hands = item.get("hands")
    read = tuple(_hand(part, name, given, parts, words) for name, given in (hands.fields() if hands else {}).items())
    part.local = Local(read, pressed(reset, parts) if reset else None, key, locks)
    item.done()
    return part


def _maintenance(item: Item | None, parts: Parts, words: Vocabulary) -> tuple[Question | None, tuple[int, ...]]:
    if item is None:
        return None, ()
    key = pressed(item.need("when", "the key switch, such as 'panel.key is on'"), parts)
    locks = tuple(contactor(part, words) for part in item.need("locks", "list the contactors that it keeps open"))
    item.done()
    return key, locks


def _hand(part: LocalPart, key: str, item: Item, parts: Parts, words: Vocabulary) -> Hand:
    name, identity = f"hands.{name_of(key, item)}", len(words.identities) + len(part.identities)
    reason = why(item)
    for_ms = duration(item.need("for", "how long its order lasts, such as 12 h"), 1_000, DAY_MS)
    orders = []
    wanted = item.need("set", "what it asks for, such as {wallbox.current: 16 A}")
    if not wanted.fields():
        raise wanted.error("is empty; say what it asks for, such as {wallbox.current: 16 A}")
    for target_name, given in wanted.fields().items():
        index, target = find_target(target_name, given, words)
        words.orderable(target, given)
        value = words.value(given, target)
        if not target.lo <= value <= target.hi or any(low < value < high for low, high in target.bands):
            raise given.error(f"{target.id} cannot do {shown(value, target.unit)}")
        orders.append((index, value))
        part.permissions.append(
            Permission(
                name, reason, frozenset({identity}), index, value, value, WORKING, frozenset({Kind.SETTING}), for_ms
            )
        )
    part.identities.append(Identity(name, LOCAL, PRIORITY, False, 10_000, 30_000))
    asked = pressed(item.need("when", "the button, such as 'panel.car_button is pressed'"), parts)
    item.done()
    return Hand(name, reason, identity, asked, tuple(orders), for_ms)
