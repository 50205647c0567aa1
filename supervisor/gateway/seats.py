"""How many connections there are, and who goes when one too many comes.

Rules
* One network has at most NETWORK_SEATS, all together SEATS_MAX, TLS handshakes included.
* Who comes last stays and who has idled longest goes, of the network that has most: a thousand idle connections push
  each other out, and somebody who connects in order to stop something still gets his answer.
* A request that is being answered is never cut off, and no network loses a seat to one that has more.

This file must never know what a connection is about.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

SEATS_MAX = 200
NETWORK_SEATS = 64

_numbers = itertools.count()


def number() -> int:
    """A number that grows with every seat: the order of arrival."""
    return next(_numbers)


class Seat(Protocol):
    """A connection. ``network``: of its address; ``number``: see :func:`number`."""

    network: str
    number: int

    @property
    def idle(self) -> bool:
        """True unless a whole request is being answered."""

    def leave(self) -> None:
        """Hang up at once."""


def one_too_many(seats: Iterable[Seat], newcomer: Seat) -> Seat | None:
    """Who has to go now that ``newcomer`` is among ``seats``: None, an idle one, or the newcomer himself."""
    seated = list(seats)
    counts = Counter(seat.network for seat in seated)
    own = counts[newcomer.network]
    if own > NETWORK_SEATS:
        among = [seat for seat in seated if seat.network == newcomer.network]
    elif len(seated) > SEATS_MAX:
        among = [seat for seat in seated if counts[seat.network] >= own]
    else:
        return None
    idle = [seat for seat in among if seat is not newcomer and seat.idle]
    return max(idle, key=lambda seat: (counts[seat.network], -seat.number), default=newcomer)
