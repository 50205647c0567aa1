"""What a person means by a name: a target, a device, a changeover, or the house."""

from __future__ import annotations

from supervisor.explain import house
from supervisor.explain.account import Account
from supervisor.explain.target import account
from supervisor.explain.words import Words
from supervisor.loader.documents import nearest
from supervisor.replay.moment import Moment

HOUSE = "house"


class SubjectError(ValueError):
    """There is nothing of this name; the text has the nearest names."""


def explain(moment: Moment, subject: str = HOUSE) -> Account:
    """The account of a target, a device, a changeover or the house. Raises SubjectError for any other name."""
    words = Words(moment)
    plan = words.plan
    for position, target in enumerate(plan.targets):
        if subject in (target.id, target.id.removesuffix(".position")):
            return account(words, position)
    for device in plan.devices:
        if device.id == subject:
            return house.device(words, device)
    if subject == HOUSE:
        return house.house(words)
    raise SubjectError(f"this house has no '{subject}'{nearest(subject, names(moment))}")


def names(moment: Moment) -> list[str]:
    """Everything that can be asked about."""
    plan = moment.loaded.plan
    return [HOUSE, *(target.id for target in plan.targets), *(device.id for device in plan.devices)]
