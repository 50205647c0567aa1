"""Interlocks: never together, at most so many, break before make, and what a contactor needs before it closes.

Only what does not follow from the positions of a changeover has to be written here.
"""

from __future__ import annotations

from supervisor.kernel.switchgear import Group, Need
from supervisor.loader.documents import Item
from supervisor.loader.policies import HOUR_MS, Policies, Vocabulary, contactor, time_of, why
from supervisor.loader.questions import question


def interlock(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
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
    dead_ms = time_of(item, "dead_time", 10, HOUR_MS) if form == "break_before_make" else 0
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
