"""What the scan loop tells the journal, and when: heads before a cycle, records and checkpoints after it.

Rules
* A head is handed over before the cycle that it begins with, so that the journal's answer counts for this very cycle.
* A cycle is written when it had input, did something, was due, or stands at a head or checkpoint. The quiet ones in
  between follow from the others (kernel/wake.py).
* Nothing of a login is written (provenance.py).

This file reads the state and hands it over; it never keeps a cycle waiting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from supervisor.guardian.budget import Level
from supervisor.guardian.inbox import Inbox
from supervisor.guardian.journal import Journal
from supervisor.guardian.provenance import code_digest, masked
from supervisor.guardian.record import FORMAT, NOTHING, Checkpoint, Head, Said, packed, record
from supervisor.kernel.cycle import Result
from supervisor.kernel.state import State
from supervisor.loader.load import Loaded

CHECKPOINT_MS = 300_000  # a look at any moment replays at most so much
UNKNOWN = "unknown"
log = logging.getLogger("journal")


def wall_clock() -> str:
    """Local knowledge of people only: UTC in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Scribe:
    """``lean``: how many segments had to go without samples. ``unrecorded``: cycles that could not be recorded."""

    def __init__(self, loaded: Loaded, journal: Journal, wall: Callable[[], str] = wall_clock) -> None:
        self._loaded, self._journal, self._wall = loaded, journal, wall
        self._plan = loaded.plan
        self._texts = masked(loaded.texts, loaded.tokens)
        self._said = NOTHING
        self._anew = False
        self._checked_ms = self._wake_ms = 0
        self._turned: dict[tuple[str, str], int] = {}
        self._names = {identity.name for identity in self._plan.identities}
        self.lean = self.unrecorded = 0

    def turned_away(self, identity: str, rule: str) -> None:
        """A request that did not come to the kernel. Names that the site does not know share one place."""
        key = (identity if identity in self._names else UNKNOWN, rule)
        self._turned[key] = self._turned.get(key, 0) + 1

    def before(self, state: State, inbox: Inbox, at_ms: int) -> bool:
        """Before a cycle: begin a segment where one is due. Can the cycle be recorded?"""
        reason = self._journal.due(at_ms)
        if reason and self._journal.accept(self._head(state, inbox, at_ms, reason)):
            self._said, self._anew, self._checked_ms = NOTHING, True, at_ms
        recording = self._journal.room()
        self.unrecorded += not recording
        return recording

    def _head(self, state: State, inbox: Inbox, at_ms: int, reason: str) -> Head:
        lean = self._journal.level is Level.LEAN
        self.lean += lean
        if reason == "budget":
            text = "samples are left out until it has refilled" if lean else "samples are recorded again"
            log.warning("the journal's budget of bytes a day: %s", text)
        return Head(
            format=FORMAT,
            segment=0,
            site=self._loaded.site.name,
            digest=self._loaded.site.digest,
            code=code_digest(),
            would_have=self._plan.observe,
            wall=self._wall(),
            n=state.cycle,
            t=at_ms,
            reason=reason,
            lean=lean,
            previous="",
            budget=0,
            texts=self._texts,
            image=inbox.recorded,
            state=state,
        )

    def after(self, before: State, result: Result, inbox: Inbox, at_ms: int, recording: bool) -> None:
        """After a cycle: what came and what it did."""
        check = self._checked_ms + CHECKPOINT_MS <= at_ms
        input_came = bool(inbox.samples or inbox.requests or self._turned)
        due = at_ms >= self._wake_ms
        self._wake_ms = result.wake_ms
        if input_came or result.events or due or check or self._anew:
            requests = [request for _, request in inbox.requests]
            samples = packed(inbox.samples, inbox.recorded, at_ms)
            one = record(self._plan, before, result, self._said, samples, requests, recording, self._turned)
            if self._journal.accept(one):
                self._said, self._anew = Said(result.outputs.values, result.outputs.wanted_by), False
                self._turned = {}
                if check:
                    self._journal.accept(Checkpoint(result.state.cycle, at_ms, self._wall(), inbox.image, result.state))
                    self._checked_ms = at_ms


__all__ = ["CHECKPOINT_MS", "Scribe", "wall_clock"]
