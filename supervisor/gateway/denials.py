"""Who was turned away at the network's side of the house, and why: totals for the metrics, an audit for people.

Rules
* A reason is one of :class:`Reason` and nothing else: it becomes a label, and labels come from bounded sets.
* Repetitions by one caller for one reason within MERGE_MS are one entry with a count, so that a flood of one caller
  cannot wash the others out of the ring. ``what`` is the newest of them.
* The log hears of each new entry, at most LINES_PER_S of them a second; how many it did not hear of is said.
* What the guardian refuses is a decision, which the journal has. Here is only what never reached the guardian.

This file must never keep a token or a body: callers hand over a path or a topic, never a query and never a header.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from supervisor.lines import Out

RING_MAX = 500  # entries
MERGE_MS = 60_000
LINES_PER_S = 5
TEXT_MAX = 80  # characters of who, where and what


class Reason(StrEnum):
    """The closed list; docs/denials.md says of each who gets it and what he sees."""

    # the door
    WHO_ARE_YOU = "who_are_you"
    NOT_YOURS = "not_yours"  # known, but his role may not
    TOO_OFTEN = "too_often"
    LOCKED_OUT = "locked_out"
    # the request
    TOO_LARGE = "too_large"
    BAD_BODY = "bad_body"
    BAD_QUERY = "bad_query"
    NOT_JSON = "not_json"
    UNKNOWN_TARGET = "unknown_target"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_RULE = "unknown_rule"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_MANY_STREAMS = "too_many_streams"
    REFUSED = "refused"  # any other answer of 4xx
    # the connection
    BOUND_HEAD = "bound_head"
    BOUND_BODY = "bound_body"
    BOUND_CONNECTIONS = "bound_connections"
    BOUND_SLOW = "bound_slow"
    BOUND_PIPELINE = "bound_pipeline"
    BOUND_SYNTAX = "bound_syntax"
    TLS_HANDSHAKE = "tls_handshake"
    # the broker
    MQTT_RETAINED = "mqtt_retained"
    MQTT_DUPLICATE = "mqtt_duplicate"
    MQTT_EXPIRED = "mqtt_expired"
    MQTT_TOPIC = "mqtt_topic"
    MQTT_RESPONSE_TOPIC = "mqtt_response_topic"
    MQTT_BODY = "mqtt_body"
    MQTT_TOO_LARGE = "mqtt_too_large"
    MQTT_TOO_OFTEN = "mqtt_too_often"
    MQTT_IDENTITY = "mqtt_identity"
    MQTT_TARGET = "mqtt_target"


@dataclass
class Denial:
    """One line of the audit. ``where``: the network of an address, or "broker"; ``first_ms`` and ``last_ms``:
    monotonic; ``count``: how often between the two."""

    first_ms: int
    last_ms: int
    reason: Reason
    where: str
    who: str
    what: str
    count: int = 1


_BY_CODE = {str(reason): reason for reason in Reason}
Key = tuple[Reason, str, str]


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


_OUT = Out()


def to_stderr(text: str) -> None:
    """A line of the gateway's log."""
    _OUT.line(f"powerwarden gateway: {text}")


class Denials:
    """The audit of one gateway process. ``clock_ms`` and ``say`` (one line of log) are the test's to hold."""

    def __init__(
        self,
        clock_ms: Callable[[], int] = monotonic_ms,
        say: Callable[[str], None] = to_stderr,
        ring_max: int = RING_MAX,
    ) -> None:
        self._clock_ms = clock_ms
        self._say = say
        self._ring_max = ring_max
        self._totals = dict.fromkeys(Reason, 0)
        self._ring: OrderedDict[tuple[Key, int], Denial] = OrderedDict()
        self._newest: dict[Key, tuple[Key, int]] = {}
        self._second = 0
        self._lines = 0
        self.unsaid = 0

    def deny(self, reason: Reason, where: str, who: str = "", what: str = "") -> None:
        """Count one denial and remember it."""
        now_ms = self._clock_ms()
        self._totals[reason] += 1
        where, who, what = plain(where), plain(who), plain(what)
        key = (reason, where, who)
        entry = self._ring.get(self._newest.get(key, (key, -1)))
        if entry is not None and now_ms - entry.first_ms < MERGE_MS:
            entry.count, entry.last_ms, entry.what = entry.count + 1, now_ms, what
            return
        before = entry.count - 1 if entry else 0
        self._keep(key, Denial(now_ms, now_ms, reason, where, who, what))
        self._log(f"turned away {who or 'somebody'} at {where}: {reason}" + (f" ({what})" if what else ""), before)

    def deny_problem(self, status: int, code: str, where: str, who: str = "", what: str = "") -> None:
        """The same for an answer over HTTP. One of 5xx is a trouble of ours, and no denial."""
        if status < 500:
            self.deny(_BY_CODE.get(code, Reason.REFUSED), where, who, what)

    def totals(self) -> dict[Reason, int]:
        """Since this process started; every reason is there, also with 0, so that a counter exists before it grows."""
        return dict(self._totals)

    def recent(self) -> list[Denial]:
        """The ring, in the order in which the entries began."""
        return list(self._ring.values())

    def shown(self) -> dict[str, Any]:
        """As JSON for an installer: ages, because this clock is nobody else's."""
        now_ms = self._clock_ms()
        entries = [
            {"ago_s": (now_ms - d.last_ms) / 1_000, "began_ago_s": (now_ms - d.first_ms) / 1_000}
            | {"reason": d.reason, "where": d.where, "who": d.who, "what": d.what, "count": d.count}
            for d in self._ring.values()
        ]
        return {"totals": {str(reason): count for reason, count in self._totals.items()}, "recent": entries}

    def _keep(self, key: Key, entry: Denial) -> None:
        place = (key, entry.first_ms)
        self._ring[place], self._newest[key] = entry, place
        if len(self._ring) > self._ring_max:
            (old_key, _), _ = gone = self._ring.popitem(last=False)
            if self._newest.get(old_key) == gone[0]:
                del self._newest[old_key]

    def _log(self, text: str, before: int) -> None:
        second = self._clock_ms() // 1_000
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= LINES_PER_S:
            self.unsaid += 1
            return
        self._lines += 1
        more = f"; {before} more like the one before" if before else ""
        if self.unsaid:
            more += f"; {self.unsaid} others were not logged, but counted"
        self.unsaid = 0
        self._say(text + more)


def plain(text: str) -> str:
    """Printable ASCII of bounded length: what is shown in logs and terminals must not be able to write there."""
    short = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 3] + "..."
    return "".join(c if " " <= c <= "~" else "?" for c in short)
