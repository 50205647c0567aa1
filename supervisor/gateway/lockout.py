"""Who guesses tokens is not listened to for a while.

Theory of operation
    open --the WRONG_MAX-th wrong token within WITHIN_MS--> locked for FIRST_MS --time--> open
    each further lock of the same network lasts twice as long, up to LAST_MS; FORGET_MS of peace forget them all

Rules
* While a network is locked its tokens are not even looked at: a right one gets the same answer as a wrong one, or
  guessing would simply go on. Only stop and release are looked at (see door.py).
* Only a token that was sent counts: a browser without one guesses nothing.
* A right token forgives nothing: whoever has one could go on guessing another's.
* The table is bounded; the network that was quiet for longest makes room. Who owns more than NETWORKS_MAX networks has
  WRONG_MAX guesses in each, and 256 bits before him all the same.

This file must never see a token.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

NETWORKS_MAX = 1_024
WRONG_MAX = 10
WITHIN_MS = 60_000
FIRST_MS = 10_000
LAST_MS = 600_000
FORGET_MS = 3_600_000


@dataclass
class _Network:
    """``wrong``: when; ``until_ms``: of the newest lock; ``length_ms``: of the next one."""

    wrong: deque[int] = field(default_factory=deque)
    until_ms: int = 0
    length_ms: int = FIRST_MS


class Lockout:
    """The networks that guess. Times are arguments."""

    def __init__(self, wrong_max: int = WRONG_MAX) -> None:
        self._wrong_max = wrong_max
        self._networks: OrderedDict[str, _Network] = OrderedDict()

    def wait_ms(self, network: str, now_ms: int) -> int:
        """For how much longer it is locked, 0 when it is not."""
        known = self._networks.get(network)
        return max(0, known.until_ms - now_ms) if known else 0

    def wrong(self, network: str, now_ms: int) -> None:
        """Somebody there has sent a token that nobody has."""
        known = self._networks.pop(network, None)
        if known is None or (now_ms - known.until_ms > FORGET_MS and not _guesses(known, now_ms)):
            known = _Network(until_ms=now_ms)
        self._networks[network] = known
        known.wrong.append(now_ms)
        if _guesses(known, now_ms) >= self._wrong_max:
            known.wrong.clear()
            known.until_ms = now_ms + known.length_ms
            known.length_ms = min(2 * known.length_ms, LAST_MS)
        if len(self._networks) > NETWORKS_MAX:
            self._networks.popitem(last=False)

    def __len__(self) -> int:
        return len(self._networks)


def _guesses(known: _Network, now_ms: int) -> int:
    """How many there were within the window; those before it are dropped."""
    while known.wrong and now_ms - known.wrong[0] > WITHIN_MS:
        known.wrong.popleft()
    return len(known.wrong)
