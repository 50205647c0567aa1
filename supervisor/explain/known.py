"""What stands behind the id of a rule: where it was written, and the sentence that its author gave as reason.

An id that no row of the plan has, such as one of a later kind or a part of another rule (``circuits.house.curve``), is
looked up by the rule that it belongs to; what nobody knows is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from supervisor.explain.words import Words

KINDS = {
    "rules": "limit",
    "caps": "limit that a device tells",
    "circuits": "circuit",
    "mode_rules": "house-mode rule",
    "permissions": "permission",
    "programs": "program",
    "changeovers": "changeover",
    "needs": "interlock",
    "groups": "interlock",
    "bans": "ban",
    "network": "bound of the whole network",
    "curves": "fuse curve",
    "grid": "grid operator",
}
BUILT_IN = {
    "rating": "what the device itself can do",
    "step": "the device knows only whole steps",
    "stop": "a stop always passes",
    "lease.held": "one holder per target; another one yields only to a higher priority",
    "lease.none": "only the holder of a lease can renew it",
    "permission.none": "what no permission names cannot be asked",
    "local.reset": "somebody in the house has to look after it first",
    "house.observe": "this house only observes: nothing is written to any wire",
    "default": "no program says anything for this mode, so it gets its safe value",
    "as found": "nobody moves a house before it has been seen whole",
}


class Known(msgspec.Struct, frozen=True):
    """``row`` is the plan's own, None where there is none. ``place``: document and line, "" where nobody wrote it."""

    id: str
    kind: str
    why: str
    place: str
    row: msgspec.Struct | None


def known(words: Words, rule: str) -> Known:
    """What is known of this id. Never raises."""
    for name, row in rows(words):
        if getattr(row, "id", None) == rule:
            return Known(rule, KINDS.get(name, name.rstrip("s").replace("_", " ")), _why(row), place(words, rule), row)
    if rule in BUILT_IN:
        return Known(rule, "built in", BUILT_IN[rule], "", None)
    for part, reason in (("request.", "how a request has to be"), ("identity.", "who may speak at all")):
        if rule.startswith(part):
            return Known(rule, "built in", reason, "", None)
    if "." in rule and (of := known(words, rule.rpartition(".")[0])).row is not None:
        return Known(rule, f"part of {of.id}", of.why, of.place, None)
    return Known(rule, "unknown", "no document of this site says why", "", None)


def rows(words: Words) -> Iterator[tuple[str, msgspec.Struct]]:
    """Every row of the plan that has an id and a reason, with the name of the list that it stands in."""
    plan = words.plan
    for name in plan.__struct_fields__:
        listed = getattr(plan, name)
        if isinstance(listed, tuple) and name not in ("signals", "devices", "targets"):
            for row in listed:
                if isinstance(row, msgspec.Struct) and hasattr(row, "id"):
                    yield name, row
    for circuit in plan.circuits:
        if circuit.curve is not None:
            yield "curves", circuit.curve
    for part in (plan.grid.export, plan.grid.dimming) if plan.grid is not None else ():
        if part is not None:
            yield "grid", part
    for hand in plan.local.hands:
        yield "local hands", hand


def place(words: Words, rule: str) -> str:
    """ "10-limits.yaml:3", where a document says this rule."""
    item = words.moment.loaded.policies.ids.get(rule)
    return f"{item.file.rpartition('/')[2]}:{item.line}" if item is not None else ""


def _why(row: msgspec.Struct) -> str:
    return str(getattr(row, "why", "")) or "its document gives no reason"
