"""Does what has just come deserve an early cycle? It does when it changes an answer that somebody waits for."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image


def stirs(plan: Plan, before: Image, after: Image, touched: Iterable[int], now_ms: int) -> bool:
    """True when a question about one of the ``touched`` signals is answered differently by ``after``."""
    for signal in touched:
        for question in plan.watched[signal]:
            if question.ask(before, now_ms) is not question.ask(after, now_ms):
                return True
    return False
