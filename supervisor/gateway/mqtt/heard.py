"""A message as it came from the broker, a reply as it goes there, and who may sit at our connection.

Rules
* A guest says which topics it wants and hears what comes on them; nothing here waits, and nobody blocks the others.
* What a guest says may be dropped: :meth:`Mouth.say` answers False when the broker is not there or does not read.

This file must never decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Heard:
    """``retain``: its sender wanted it kept (we subscribe so that this is shown as sent), or the broker had kept it.
    ``duplicate``: the broker could not be sure that we had it. ``response_topic`` and ``correlation``: MQTT 5's."""

    topic: str
    payload: bytes
    retain: bool = False
    duplicate: bool = False
    response_topic: str = ""
    correlation: bytes = b""


class Mouth(Protocol):
    """How one speaks at the broker."""

    def say(self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b"") -> bool:
        """Publish with QoS 1. False when it was dropped."""


class Guest(Protocol):
    """A part of the gateway that uses the connection: the asks, the pictures, Home Assistant's announcements."""

    def filters(self) -> tuple[str, ...]:
        """What to subscribe to, asked at each connect. Our own messages do not come back."""

    def wants(self, topic: str) -> bool:
        """Does ``topic``, on which something was heard, concern this guest?"""

    def connected(self) -> None:
        """The broker is there, and may have forgotten everything: say all that is to be kept once more."""

    def hear(self, heard: Heard) -> None:
        """A message that concerns this guest."""

    def tick(self) -> None:
        """There is a new picture, or half a second has passed, or the guardian came or went. ``Link.view`` is what
        there is to say now."""

    def leave(self) -> None:
        """We are going for good, in order: say what should stand there without us."""
