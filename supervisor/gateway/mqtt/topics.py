"""Every topic that we speak or listen to, in one place; docs/mqtt.md shows them to people.

    said, retained      BASE/status  BASE/house/state  BASE/device/DEVICE/status and state  BASE/target/TARGET/state
    said, not retained  BASE/answer/IDENTITY  BASE/response/IDENTITY  BASE/event
    heard               BASE/ask/IDENTITY/VERB[/TARGET]  BASE/request/IDENTITY

Rules
* Who asks is what the topic says, and nothing else: the broker's access list lets each login write below its own name
  only (``powerwarden acl``). The payload is never asked who it comes from.
* A topic that has a level too many, too few or an empty one is nobody's: it is not guessed at.

This file must never know what exists; that a name is known is looked up by whoever uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ONLINE, OFFLINE = b"online", b"offline"
TOPIC_MAX = 300  # characters; a name of ours has at most 80

Act = Literal["set", "slide", "renew", "release", "stop", "heartbeat", "request"]
OF_TARGETS: tuple[Act, ...] = ("set", "slide", "renew", "release", "stop")


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic asks for, and in whose name. ``target``: "" where it concerns none, or all."""

    identity: str
    act: Act
    target: str


class Topics:
    """The topics below one base."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.status = f"{base}/status"
        self.house = f"{base}/house/state"
        self.event = f"{base}/event"
        self._asked = f"{base}/ask/"
        self._requested = f"{base}/request/"
        self.asks = (f"{base}/ask/#", f"{base}/request/#")
        self.kept = (self.status, f"{base}/house/#", f"{base}/device/#", f"{base}/target/#")

    def device_status(self, device: str) -> str:
        return f"{self.base}/device/{device}/status"

    def device_state(self, device: str) -> str:
        return f"{self.base}/device/{device}/state"

    def target_state(self, target: str) -> str:
        return f"{self.base}/target/{target}/state"

    def answer(self, identity: str) -> str:
        return f"{self.base}/answer/{identity}"

    def response(self, identity: str) -> str:
        return f"{self.base}/response/{identity}"

    def is_asked(self, topic: str) -> bool:
        """Is this one of the topics that others write and we listen to?"""
        return topic.startswith((self._asked, self._requested))

    def is_kept(self, topic: str) -> bool:
        """Is this one of the topics that we alone write and the broker keeps?"""
        return topic in (self.status, self.house) or topic.startswith((f"{self.base}/device/", f"{self.base}/target/"))

    def answers_to(self, identity: str, topic: str) -> bool:
        """May an answer go to ``topic``, as the asker wishes? Only below its own answers: elsewhere it could write
        with our hand where the broker does not let it write with its own."""
        own = topic.startswith(self.answer(identity) + "/") and len(topic) <= TOPIC_MAX
        return own and topic.isprintable() and not set("+#") & set(topic)

    def place(self, topic: str) -> Place | None:
        """What ``topic`` asks for, or None when it is nobody's."""
        if len(topic) > TOPIC_MAX:
            return None
        if topic.startswith(self._requested):
            identity = topic[len(self._requested) :]
            return Place(identity, "request", "") if identity and "/" not in identity else None
        if not topic.startswith(self._asked):
            return None
        match topic[len(self._asked) :].split("/"):
            case [identity, ("stop" | "heartbeat") as act] if identity:
                return Place(identity, act, "")
            case [identity, ("set" | "slide" | "renew" | "release" | "stop") as act, target] if identity and target:
                return Place(identity, act, target)
        return None
