"""The recorded decisions again: the kernel's step over the recorded inputs, compared with what was recorded.

Rules
* A head or checkpoint is where it begins; the plan comes from the documents in the head, the code is today's.
* The record that today's code would write must be the recorded one, byte for byte. What came from outside (samples,
  requests, what was turned away, whether it could be recorded) is taken from the record.
* Cycles that are not there were quiet: the number of a cycle is taken from its record.

This file opens no journal (reader.py) and shows nothing (said.py).
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import msgspec

from supervisor.guardian.record import (
    NOTHING,
    Checkpoint,
    Head,
    Record,
    Said,
    body,
    folded,
    record,
    unfolded,
    unpacked,
)
from supervisor.kernel.cycle import Result, step
from supervisor.kernel.image import absorb
from supervisor.kernel.keep import guarded
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.state import State
from supervisor.loader.documents import Item
from supervisor.loader.load import DocumentError, Loaded, load
from supervisor.replay.reader import ReplayError

replace = msgspec.structs.replace


def documents(head: Head) -> Loaded:
    """The site as it was loaded, from the texts in the head. Raises ReplayError."""
    if not head.texts:
        raise ReplayError("the journal carries no documents (its logins could not be masked); nothing can replay it")
    with tempfile.TemporaryDirectory(prefix="powerwarden-") as made:
        folder = Path(made)
        for name, text in head.texts.items():
            if Path(name).name != name:
                raise ReplayError(f"{name!r} is no name of a document; the head is not one of ours")
            (folder / name).write_text(text, "utf-8")
        try:
            loaded = load(folder, observe=head.would_have)
        except DocumentError as error:
            text = str(error).replace(f"{folder}/", "")
            raise ReplayError(f"today's program refuses the recorded documents: {text}; use {head.code[:12]}") from None
        for item in (loaded.root, *loaded.policies.ids.values()):
            _renamed(item, folder)
    return loaded


def _renamed(item: Item, folder: Path) -> None:
    """A place in a document is told by the document's name, not by where it was unpacked."""
    item.file = item.file.removeprefix(f"{folder}/")
    parts = item.value if isinstance(item.value, list) else item.value.values() if isinstance(item.value, dict) else ()
    for part in parts:
        _renamed(part, folder)


class Player:
    """One house, stepped through recorded cycles. ``result``: of the last one, None before any."""

    def __init__(self, loaded: Loaded, start: Head | Checkpoint) -> None:
        self.plan: Plan = guarded(loaded.plan)
        self.loaded = dataclasses.replace(loaded, plan=self.plan)
        self.state, self.image = thawed(self.plan, start)
        self.said = NOTHING
        self.result: Result | None = None

    def line(self, last: Record) -> tuple[Record, Record | None, Record | None]:
        """All cycles of a line. Returns the line that would be written now; where a cycle differs, that cycle as it was
        recorded and as it comes out now."""
        plains: list[Record] = []
        for one in unfolded(last):
            now = self.cycle(one)
            if body(now) != body(one):
                return now, one, now
            plains.append(now)
        again = folded(plains[:-1], plains[-1])
        return again, None, None

    def cycle(self, one: Record) -> Record:
        """One recorded cycle, and the record of it that would be written now."""
        samples = unpacked(one.s, self.image, one.t)
        self.image = absorb(self.plan.signals, self.image, samples, one.t)
        before = replace(self.state, cycle=one.n)
        requests = tuple(one.q)
        result = step(self.plan, before, self.image, requests, one.t, one.r)
        turned = {(who, rule): count for who, rule, count in one.x}
        now = record(self.plan, before, result, self.said, one.s, requests, one.r, turned)
        self.said = Said(result.outputs.values, result.outputs.wanted_by)
        self.state, self.result = result.state, result
        return now

    def quiet(self, now_ms: int) -> Result:
        """A cycle without input at ``now_ms``, such as was not recorded."""
        result = step(self.plan, self.state, self.image, (), now_ms)
        self.state, self.result = result.state, result
        return result

    def matches(self, there: Checkpoint) -> bool:
        """Is the recorded checkpoint, to the byte, what replaying has come to?"""
        mine = Checkpoint(self.state.cycle, there.t, there.wall, self.image, self.state)
        return body(mine) == body(there)

    def leads_to(self, head: Head) -> bool:
        """Does the segment before end where this one begins? Quiet cycles in between only count."""
        state, image = thawed(self.plan, head)
        mine = replace(self.state, cycle=state.cycle, now_ms=state.now_ms)
        return (mine, self.image) == (state, image)


def thawed(plan: Plan, start: Head | Checkpoint) -> tuple[State, Image]:
    """State and image of a head or checkpoint. Raises ReplayError when they are of another shape."""
    try:
        state, image = msgspec.convert(start.state, State), msgspec.convert(start.image, Image)
    except msgspec.ValidationError as error:
        text = f"its state is of another shape than today's program has ({error}); use the version that wrote it"
        raise ReplayError(text) from None
    pairs = ((state.devices, plan.devices), (state.trips, plan.rules), (state.targets, plan.targets))
    more = ((state.orchestrators, plan.identities), (state.switches, plan.changeovers), (image, plan.signals))
    if any(len(of) != len(rows) for of, rows in (*pairs, *more)):
        raise ReplayError("today's program makes other rows of the recorded documents; use the version that wrote it")
    return state, image


__all__ = ["Player", "ReplayError", "documents", "thawed"]
