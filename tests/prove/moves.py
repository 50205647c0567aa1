"""What the world may do in one micro-step, and how the step may end (model.py)."""

from __future__ import annotations

from typing import NamedTuple

NOW_MS, LONG_AGO_MS = 1_000_000_000, 0


class Inputs(NamedTuple):
    """What the world does to one contactor in one cycle."""

    shows: str = "nothing"
    unshown: bool = False
    sight: str = ""
    late: bool = False
    rested: bool = True
    waited: bool = False
    keeps: str = ""
    failed: tuple[int, int] = (0, NOW_MS)
    charged: bool = False
    calm: bool = False
    reset: bool = False
    travelled: bool = True


class Push(NamedTuple):
    """What the world does to the changeover in one cycle. ``fresh``: it has only just arrived, and no contact shows
    itself; so whatever refuses a wish for a while does."""

    wish: int = 0
    urgent: bool = False
    fresh: bool = False
    late: bool = False
    dead: bool = False


class Outcome(NamedTuple):
    """How one micro-step may end: ``words`` what the world did; ``wrong``: the invariants that it breaks by itself;
    ``closes``: a coil has gone to 1, so the others are to be looked at; ``fails``: a failure has been counted."""

    words: str
    wrong: tuple[str, ...] = ()
    closes: bool = False
    fails: bool = False
    found: bool = False


def said(push: Push, calm: bool, place: str) -> str:
    """What the world did to the changeover, in words."""
    words = [f"{'ordered' if push.urgent else 'wished'} to {place}"]
    words += ["zero flow is proven" if calm else "zero flow is not proven"]
    words += [
        text
        for true, text in (
            (push.fresh, "just arrived"),
            (push.late, "its time is over"),
            (push.dead, "the bus is proven dead"),
        )
        if true
    ]
    return ", ".join(words)


def did(letter: str, inputs: Inputs) -> str:
    """What the world did to a contactor, in words."""
    words = [f"{letter} shows {inputs.shows}"]
    words += [
        text
        for true, text in (
            (inputs.unshown, "has not shown itself for long"),
            (inputs.sight != "", f"is {inputs.sight}"),
            (inputs.late, "its time is over"),
            (inputs.waited, "has waited for its rated opening"),
            (inputs.keeps != "", f"{inputs.keeps} keeps it open"),
            (inputs.failed[0] > 0, f"has failed {inputs.failed[0]} times"),
            (inputs.charged, "is precharged"),
            (inputs.calm, "zero flow is proven"),
            (inputs.reset, "reset is pressed"),
            (not inputs.travelled, "has not had its travel time"),
        )
        if true
    ]
    return " and ".join(words)
