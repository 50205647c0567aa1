"""What a cycle has found out before it drives anything."""

from __future__ import annotations

import msgspec

from supervisor.kernel.question import Image
from supervisor.kernel.span import Span
from supervisor.kernel.state import Proven


class Around(msgspec.Struct, frozen=True):
    """``frozen``: changeovers' targets that an unanswered question
    keeps where they are. ``reset``: somebody in the house has pressed it. ``maintenance``: it is on."""

    image: Image
    now_ms: int
    mode: int
    spans: list[Span]
    proven: Proven
    frozen: frozenset[int]
    reset: bool
    maintenance: bool
