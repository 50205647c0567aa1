"""Steps that move nothing themselves: a look at the house at rest, and a load that a person switches. Sans I/O.

They work in observe as well, where this box has no write path: so clamps are proven before anything is controlled.
It must never wish anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.walk import amounts
from supervisor.walk.evidence import Evidence, Window, largest, rest, restless
from supervisor.walk.look import Look
from supervisor.walk.step import Step, Wish
from supervisor.walk.survey import Survey
from supervisor.walk.watch import Watch


class RestStep(Step):
    """Nothing is moved: sensors of a flow are compared with the devices' own currents as they are."""

    def __init__(self, house: Survey) -> None:
        super().__init__("house", "the house at rest")
        self._house, self._watch = house, Watch()

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        self._watch.see(now_ms, look)
        if self._state == "":
            self.go("before", now_ms, "looking at the house as it is")
        elif self._watch.whole(now_ms):
            window = self._watch.window()
            unquiet = tuple(group.id for group in self._house.groups if restless(group, (window,) * 3, amounts.LOAD_A))
            if not unquiet or self.waited(now_ms, amounts.BEFORE_MS):
                self.evidence = Evidence(self.title, "rest", "", window, window, window, 0.0, restless=unquiet)
                self.end()
        yield from ()


class HandStep(Step):
    """A person switches a load of 1 kW on at one phase, and off again; the walk sees which meter answers."""

    def __init__(self, house: Survey, group: str, conductor: int) -> None:
        self._group = house.group(group)
        self.name = self._group.places[conductor].conductor
        super().__init__(group, f"a load by hand at {group} {self.name}")
        self._house, self._conductor = house, conductor
        self._watch = Watch()
        self._before: Window | None = None
        self._during: Window | None = None

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        self._watch.see(now_ms, look)
        if self._state == "":
            self.go("before", now_ms, "waiting for calm")
        elif self._state == "before" and self._watch.whole(now_ms):
            if not self._unquiet(self._watch.window()):
                self._before = self._watch.window()
                self.go("on", now_ms, f"NOW switch on 1 kW or more on {self.name} alone, such as a kettle")
            elif self.waited(now_ms, amounts.BEFORE_MS):
                self.end("too restless to tell; walk when nobody cooks")
        elif self._state == "on":
            self._wait_on(now_ms)
        elif self._state == "off":
            self._wait_off(now_ms)
        yield from ()

    def _wait_on(self, now_ms: int) -> None:
        window = self._watch.window()
        if self._watch.whole(now_ms) and self._size(window) >= amounts.HAND_A and not self._unquiet(window):
            self._during = window
            self.go("off", now_ms, "seen; NOW switch it off again")
        elif self.waited(now_ms, amounts.HAND_MS):
            self.end("nobody switched anything on that a meter has seen")

    def _wait_off(self, now_ms: int) -> None:
        window = self._watch.window()
        if self._before is None or self._during is None:
            return
        if self._size(window) <= rest(self._size(self._during)) and not self._unquiet(window):
            amount = self._size(self._during)
            windows = (self._before, self._during, window)
            unquiet = tuple(group.id for group in self._house.groups if restless(group, windows, amount))
            self.evidence = Evidence(
                self.title, "hand", "", *windows, amount, self._group.id, self._conductor, restless=unquiet
            )
            self.end()
        elif self.waited(now_ms, amounts.HAND_MS):
            self.end("the load was never switched off again")

    def _size(self, window: Window) -> float:
        """The most that any conductor of any meter has changed since before; a wrong one may be what answers."""
        return 0.0 if self._before is None else largest(self._house.groups, self._before, window)

    def _unquiet(self, window: Window) -> bool:
        return restless(self._group, (window,) * 3, amounts.HAND_A)
