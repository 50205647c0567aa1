"""How the readings have been in the last seconds: means, and how far they have moved.

It must never forget that a reading which was missing once is not known for the whole time.
"""

from __future__ import annotations

from collections import deque

from supervisor.walk import amounts
from supervisor.walk.evidence import Window
from supervisor.walk.look import Look


class Watch:
    """The pictures of the last WINDOW_MS."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, Look]] = deque()
        self._since_ms: int | None = None

    def forget(self) -> None:
        """Something has been moved: what was before counts no more."""
        self._looks.clear()
        self._since_ms = None

    def see(self, now_ms: int, look: Look) -> None:
        if self._since_ms is None:
            self._since_ms = now_ms
        self._looks.append((now_ms, look))
        while self._looks and self._looks[0][0] < now_ms - amounts.WINDOW_MS:
            self._looks.popleft()

    def whole(self, now_ms: int) -> bool:
        """Has it been looked at for long enough?"""
        return self._since_ms is not None and now_ms - self._since_ms >= amounts.WINDOW_MS

    def window(self) -> Window:
        """Means and movements; only of what was known in every picture."""
        looks = [look.values for _, look in self._looks]
        names = [name for name in looks[0] if all(name in values for values in looks)] if looks else []
        columns = {name: [values[name] for values in looks] for name in names}
        return Window(
            {name: sum(column) / len(column) for name, column in columns.items()},
            {name: max(column) - min(column) for name, column in columns.items()},
        )

    def spread(self, name: str) -> float | None:
        """How far one reading has moved; None where it was not known all the time."""
        return self.window().spreads.get(name)
