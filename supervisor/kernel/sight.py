"""Is a meter seen, and for how long already? What has been blind is not believed again at its first word.

Theory of operation
* While the meter is silent for less than its grace, it stays trusted: nobody gets more, and nobody is cut.
* After the grace it is blind, which is one strike. What comes back must be seen without a break for ``trust_ms``, twice
  as long after each further strike, at most :data:`DOUBLINGS` times doubled. So a meter that flaps, at whatever
  rhythm, makes a charger start at most four times quickly and then once in sixteen times ``trust_ms``.
* Strikes are forgotten when the meter has been seen for twice the longest of these times.
* At boot there is nothing to distrust yet: the first sight counts at once.

Levels of trust are (state, since when), so skipping quiet cycles changes nothing. Times in ms.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

DOUBLINGS = 4
FORGET = 2 << DOUBLINGS
"""Times ``trust_ms``: after so long without a break nothing is held against the meter."""


class Sight(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``seen`` since ``since_ms`` (or not seen since then); ``strikes``: how often it has been blind lately."""

    seen: bool
    since_ms: int
    strikes: int
    trusted: bool


def unseen(now_ms: int) -> Sight:
    """Before the first word."""
    return Sight(False, now_ms, 0, False)


def need_ms(sight: Sight, trust_ms: int) -> int:
    """How long it must be seen before it is trusted."""
    return trust_ms << (sight.strikes - 1) if sight.strikes else 0


def look(sight: Sight, known: bool, grace_ms: int, trust_ms: int, now_ms: int) -> Sight:
    """After this cycle's look."""
    seen, since_ms, strikes, trusted = sight.seen, sight.since_ms, sight.strikes, sight.trusted
    if known != seen:
        seen, since_ms = known, now_ms
    passed = now_ms - since_ms
    if not seen and trusted and passed >= grace_ms:
        trusted, strikes = False, min(strikes + 1, DOUBLINGS + 1)
    if seen and not trusted and passed >= need_ms(sight, trust_ms):
        trusted = True
    if seen and strikes and passed >= FORGET * trust_ms:
        strikes = 0
    if (seen, since_ms, strikes, trusted) == (sight.seen, sight.since_ms, sight.strikes, sight.trusted):
        return sight
    return Sight(seen, since_ms, strikes, trusted)


def wake(sight: Sight, grace_ms: int, trust_ms: int) -> Iterator[int]:
    """When this changes by time alone."""
    if not sight.seen:
        if sight.trusted:
            yield sight.since_ms + grace_ms
        return
    if not sight.trusted:
        yield sight.since_ms + need_ms(sight, trust_ms)
    if sight.strikes:
        yield sight.since_ms + FORGET * trust_ms
