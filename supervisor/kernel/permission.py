"""Who may ask for what: permissions in layers, and bans.

Rules
* Default is refusal. A permission counts only while its house modes, its kinds of lease and its question say so, and a
  question that cannot be answered permits nothing.
* Permissions of one document add up; what several documents say about one identity and one target must all agree, so a
  later document can only narrow.
* A ban beats every permission, and one whose question cannot be answered holds.
* Neither the order of permissions nor a duplicate makes a difference: where several would do, the widest counts, and of
  equals the first by name.

This file never looks at an envelope: that is fit.py's.
"""

from __future__ import annotations

from typing import NamedTuple

from supervisor.kernel.lease import Kind, Lease
from supervisor.kernel.plan import MODES, Ban, Permission, Plan
from supervisor.kernel.question import NO, YES, Answer, Image, Question

NORMAL = MODES.index("normal")
Layer = tuple[Permission, ...]


class Around(NamedTuple):
    """When and where a wish is judged."""

    plan: Plan
    position: int
    holder: int
    mode: int
    image: Image
    now_ms: int


class Miss(NamedTuple):
    """Why nothing covers a wish: the nearest miss. ``by`` names the permission that it missed, or nobody."""

    by: str
    text: str


def layers(around: Around) -> list[list[Permission]]:
    """What each document says about this identity and this target, first document first, by name."""
    found: dict[int, dict[str, Permission]] = {}
    for index, permission in enumerate(around.plan.permissions):
        if permission.target == around.position and around.holder in permission.identities:
            found.setdefault(permission.layer, {})[f"{permission.id} {index:09d}"] = permission
    return [[said for _, said in sorted(found[layer].items())] for layer in sorted(found)]


def covering(around: Around, kind: Kind, place: int | None) -> list[Layer] | Miss:
    """For each document, the permissions that cover this kind of wish now. ``place``: the position that is asked of a
    changeover; places have no order, so each is permitted by itself."""
    written = layers(around)
    if not written:
        return Miss("", "no permission names you for this target")
    covered = []
    for layer in written:
        misses = [_miss(around, permission, kind, place) for permission in layer]
        fitting = tuple(said for said, (_, missing) in zip(layer, misses, strict=True) if not missing)
        if not fitting:
            (_, text), permission = max(zip(misses, layer, strict=True), key=lambda at: at[0][0])
            return Miss(permission.id, text)
        covered.append(fitting)
    return covered


def _miss(around: Around, permission: Permission, kind: Kind, place: int | None) -> tuple[int, str]:
    """How near a permission comes to covering a wish, and what is missing; "" when it covers it."""
    if place is not None and not permission.lo <= place <= permission.hi:
        return 0, "no permission names you for this position"
    if kind not in permission.kinds:
        return 1, f"{permission.id} does not cover leases of kind {kind.value}"
    if not in_mode(around.plan, permission.modes, around.mode):
        return 2, f"{permission.id} does not apply while the house is in mode {MODES[around.mode]}"
    answer = YES if permission.only_while is None else _answer(around, permission.only_while)
    if answer is not YES:
        words = "its condition is not met" if answer is NO else "its condition cannot be known now"
        return 3, f"{permission.id} does not apply: {words}"
    return 4, ""


def in_mode(plan: Plan, modes: frozenset[int], mode: int) -> bool:
    """In observe a permission counts as in normal: the answer is what would have been."""
    return (NORMAL if plan.observe else mode) in modes


def longest_ms(covered: list[Layer], value: int, safe: int) -> int:
    """How long a lease at ``value`` may last."""
    return min(max(said.max_ms for said in _at(layer, value, safe)) for layer in covered)


def naming(covered: list[Layer], value: int, safe: int) -> list[Permission]:
    """For each document, the permission that permits ``value``: the one that permits it longest."""
    return [max(_at(layer, value, safe), key=lambda said: said.max_ms) for layer in covered]


def _at(layer: Layer, value: int, safe: int) -> list[Permission]:
    """Those of a layer whose band holds ``value``; the safe value belongs to every band."""
    return [said for said in layer if said.lo <= value <= said.hi or value == safe]


def banned(around: Around, value: int) -> Ban | None:
    """The first ban, by name, on this value for this identity; None when nothing stands against it."""
    safe = around.plan.targets[around.position].safe
    found = [
        ban
        for ban in around.plan.bans
        if ban.target == around.position
        and around.holder in ban.identities
        and value != safe
        and ban.lo <= value <= ban.hi
        and in_mode(around.plan, ban.modes, around.mode)
        and (ban.question is None or _answer(around, ban.question) is not NO)
    ]
    return min(found, key=lambda ban: ban.id, default=None)


def lapsed(around: Around, lease: Lease) -> str:
    """Why the permissions behind a running lease no longer hold; "" while they do. Only a question that says NO ends
    one, and only a ban that is known to hold: a reading that is out of sight for a moment bars new wishes, and does not
    take away what was granted."""
    safe = around.plan.targets[around.position].safe
    written = layers(around)
    if not written:
        return "nothing permits it any longer"
    for layer in written:
        at = [said for said in _at(tuple(layer), lease.value, safe) if lease.kind in said.kinds]
        open_now = [said for said in at if in_mode(around.plan, said.modes, around.mode)]
        if not open_now:
            return "its permission does not cover this house mode" if at else "nothing permits it any longer"
        if all(said.only_while is not None and _answer(around, said.only_while) is NO for said in open_now):
            return "the condition of its permission is no longer met"
    ban = banned(around, lease.value)
    if ban is not None and (ban.question is None or _answer(around, ban.question) is YES):
        return f"{ban.id} bars it now"
    return ""


def _answer(around: Around, question: Question) -> Answer:
    return question.ask(around.image, around.now_ms, True)
