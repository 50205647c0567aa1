"""What happened in a cycle, for the journal and for people. Events never feed back into a decision."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """A bounded set: it labels metrics and journal records."""

    HOUSE = "house"  # the house changed its mode
    MACHINE = "machine"  # a device's or contactor's machine moved
    TRIP = "trip"  # a row began to act
    CLEARED = "cleared"  # a row ended acting
    DECISION = "decision"  # a request was judged
    LEASE_ENDED = "lease_ended"
    LEASE_STARTED = "lease_started"  # a program that was asked for earlier begins
    HUNTING = "hunting"  # a level goes up and down too often, or no longer does
    OUTPUT = "output"  # a target's output changed
    READBACK = "readback"  # a device shows something else than it was told
    CHANGEOVER = "changeover"  # a changeover moved, or does not and says why
    LOCAL = "local"  # somebody in the house pressed, turned or reset something
    IDENTITY = "identity"  # an orchestrator came, was late or was lost


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``subject`` is the id of the thing that it happened to."""

    at_ms: int
    kind: EventKind
    subject: str
    text: str
