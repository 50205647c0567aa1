"""One load: wait for calm, move it, wait until it has answered, give it back, wait for calm. Sans I/O.

    before --calm--> taken --the target stands at it--> answer --the load has moved, calm--> after --calm--> done
    any state --time-out, refusal--> given back and done, with the reason why nothing is proven

Rules
* One wish at a time, small and inside policy; a load is only raised from nothing to its smallest value, a generator is
  only reduced. Whatever happens, the last wish is to give it back.
* A load that does not answer is not proven. It is never wrong by that, and never right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from supervisor.walk import amounts
from supervisor.walk.evidence import Evidence, Window, largest, rest, restless
from supervisor.walk.look import Look
from supervisor.walk.survey import Load, Survey
from supervisor.walk.watch import Watch


@dataclass(frozen=True)
class Wish:
    """``value`` None: give the target back."""

    target: str
    value: float | None


ONLY_OBSERVES = "the product only observes and moves nothing; walk again when it controls"


class Step:
    """What all steps have in common. ``evidence`` or ``unproven`` is there when it is ``done``; ``wrong`` are findings
    that need no comparison with other steps."""

    def __init__(self, subject: str, title: str) -> None:
        self.subject, self.title = subject, title
        self.says = ""
        self.done = False
        self.unproven = ""
        self.wrong: list[str] = []
        self.evidence: Evidence | None = None
        self._state, self._since_ms = "", 0

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        """Look, and say what is wished next."""
        raise NotImplementedError

    def told(self, verdict: str, text: str) -> None:
        """The answer to the last wish."""

    def go(self, state: str, now_ms: int, says: str) -> None:
        self._state, self._since_ms, self.says = state, now_ms, says

    def waited(self, now_ms: int, at_most_ms: int) -> bool:
        return now_ms - self._since_ms >= at_most_ms

    def end(self, unproven: str = "") -> None:
        self.done, self.unproven = True, unproven


def binds(look: Look, target: str) -> str:
    """Between what a target may be now, and which rule says so."""
    lo, hi, rule = look.edges.get(target, (0.0, 0.0, ""))
    acting = f", and {', '.join(look.trips)} act" if look.trips else ""
    return f"it may be {lo:g} to {hi:g} ({rule or 'nothing binds'}){acting}"


class LoadStep(Step):
    """See the head of this file."""

    def __init__(self, house: Survey, load: Load, place: str = "", at: tuple[str, int] | None = None) -> None:
        super().__init__(load.target, f"{load.target}{f' in position {place}' if place else ''}")
        self._house, self._load, self._at = house, load, at
        self._watch = Watch()
        self._refused = ""
        self._before: Window | None = None
        self._during: Window | None = None
        self._value = load.value
        self._why = ""

    def told(self, verdict: str, text: str) -> None:
        if verdict in ("refused", "error"):
            self._refused = text

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        self._watch.see(now_ms, look)
        match self._state:
            case "":
                self.go("before", now_ms, "waiting for calm")
            case "before":
                yield from self._wait_before(now_ms, look)
            case "taken":
                yield from self._wait_taken(now_ms, look)
            case "answer":
                yield from self._wait_answer(now_ms, look)
            case "after":
                self._wait_after(now_ms)

    # ---- before ------------------------------------------------------------------------------------------------------
    def _wait_before(self, now_ms: int, look: Look) -> Iterator[Wish]:
        ready = self._watch.whole(now_ms) and self._calm()
        if not ready and not self.waited(now_ms, amounts.BEFORE_MS):
            return
        why = self._cannot_begin(look)
        if why:
            self.end(why)
            return
        self._before = self._watch.window()
        self.go("taken", now_ms, f"asking for {self._shown(self._value)}")
        yield Wish(self._load.target, self._value)

    def _cannot_begin(self, look: Look) -> str:
        load, output = self._load, look.outputs.get(self._load.target)
        if look.mode == "observe":
            return ONLY_OBSERVES
        if self._at is not None and look.outputs.get(self._at[0]) != self._at[1]:
            return f"{self._at[0]} is not in that position"
        if holder := look.holders.get(load.target):
            return f"{holder} holds it; stop that orchestrator for the walk"
        if output is None:
            return f"the house is in mode {look.mode} and has no order for it"
        if load.draws:
            return self._something_draws(look, output)
        given = self._produced(look)
        if given is None:
            return f"{load.power} is not known"
        if given < amounts.PRODUCED_W:
            return f"it gives {given:.0f} W, and {amounts.PRODUCED_W:.0f} W are needed: walk when the sun shines"
        steps = int(given * amounts.REDUCE_TO / load.step) if load.step else 0
        self._value = steps * load.step
        if self._value >= output:
            return f"it is limited to {output:.0f} W already"
        return ""

    def _something_draws(self, look: Look, output: float) -> str:
        if output > 0:
            return f"it is at {self._shown(output)} already, by a program or by hand; walk when it rests"
        unknown = [name for name in self._load.own if name not in look.values]
        if unknown:
            return f"{unknown[0]} is not known; is {self._load.device} switched on, and at its address?"
        return ""

    def _produced(self, look: Look) -> float | None:
        return None if self._load.power is None else look.values.get(self._load.power)

    # ---- moved -------------------------------------------------------------------------------------------------------
    def _wait_taken(self, now_ms: int, look: Look) -> Iterator[Wish]:
        output = look.outputs.get(self._load.target)
        if self._refused:
            yield from self._give_back(now_ms, f"the product refuses it: {self._refused}")
        elif self._stands(look):
            self._watch.forget()
            self.go("answer", now_ms, "waiting for the load to answer")
        elif self.waited(now_ms, amounts.TAKEN_MS):
            shown = "nothing" if output is None else self._shown(output)
            yield from self._give_back(now_ms, f"the product keeps it at {shown}: {binds(look, self._load.target)}")

    def _stands(self, look: Look) -> bool:
        """Is the target where it was asked to be, within what it can be told?"""
        output = look.outputs.get(self._load.target)
        return output is not None and abs(output - self._value) <= self._load.step / 2

    def _wait_answer(self, now_ms: int, look: Look) -> Iterator[Wish]:
        if not self._stands(look) and self.waited(now_ms, amounts.POLL_MS):
            yield from self._give_back(now_ms, f"the product has taken it back: {binds(look, self._load.target)}")
        elif self._watch.whole(now_ms) and self._calm() and self._answered():
            self._during = self._watch.window()
            yield from self._give_back(now_ms, "")
        elif self.waited(now_ms, amounts.ANSWER_MS):
            if self._answered():  # others are restless, it is not: each meter is judged by itself
                self._during = self._watch.window()
                yield from self._give_back(now_ms, "")
            else:
                yield from self._give_back(now_ms, self._no_answer(look))

    def _no_answer(self, look: Look) -> str:
        state = look.machines.get(self._load.device, "")
        told = f" ({self._load.device} is {state.replace('_', ' ')})" if state else ""
        if self._load.draws:
            return f"nothing was drawn at {self._shown(self._value)}{told}; plug in a car that is not full"
        return f"it gave no less at {self._shown(self._value)}{told}"

    def _answered(self) -> bool:
        """Has the load moved, by its own measurement; or where it has none, has anything?"""
        return self._moved(self._watch.window()) >= amounts.MOVED_SHARE * self._asked()

    def _moved(self, now: Window) -> float:
        """By how much it draws more, or gives less, than before: the most on any conductor, or all together, A."""
        if self._before is None:
            return 0.0
        was, means = self._before.means, now.means
        if not self._load.draws and (power := self._load.power) is not None:
            return (was.get(power, 0.0) - means.get(power, 0.0)) / amounts.VOLT if power in means else 0.0
        if not self._load.own:
            return largest(self._house.groups, self._before, now)
        return max((means[name] - was[name] for name in self._load.own if name in means and name in was), default=0.0)

    def _asked(self) -> float:
        """By how much it was told to move, A."""
        if self._load.draws:
            return self._value
        given = (
            0.0 if self._before is None or self._load.power is None else self._before.means.get(self._load.power, 0.0)
        )
        return max(amounts.HAND_A / 2, (given - self._value) / amounts.VOLT)

    # ---- given back --------------------------------------------------------------------------------------------------
    def _give_back(self, now_ms: int, why: str) -> Iterator[Wish]:
        self._why = why
        self._watch.forget()
        self.go("after", now_ms, "given back, waiting for calm")
        yield Wish(self._load.target, None)

    def _wait_after(self, now_ms: int) -> None:
        over = self.waited(now_ms, amounts.AFTER_MS)
        if self._why or self._before is None or self._during is None:
            if (self._watch.whole(now_ms) and self._calm()) or over:
                self.end(self._why)
            return
        # half of what may drift: its meters, read a moment later, must be within the whole of it
        back = self._watch.whole(now_ms) and abs(self._moved(self._watch.window())) <= rest(0.0) / 2
        if not over and not (back and self._calm()):
            return
        if not back:
            self.end("it did not come back to where it was; walk when nothing else moves it")
            return
        self.evidence = self._found(self._before, self._during, self._watch.window())
        self.end()

    def _found(self, before: Window, during: Window, after: Window) -> Evidence:
        load, amount = self._load, max(self._moved(during), rest(0.0))
        windows = (before, during, after)
        unquiet = tuple(group.id for group in self._house.groups if restless(group, windows, amount))
        kind, title = ("draw" if load.draws else "reduce"), f"{self.title}: {self._shown(self._value)}"
        return Evidence(title, kind, load.target, before, during, after, amount, restless=unquiet)

    def _calm(self) -> bool:
        """Does everything that matters stand still, beside what the load has shown, or is asked for?"""
        scale = self._asked() if self._during is None else self._moved(self._during)
        window, allowed = self._watch.window(), rest(scale)
        own = [name for name in self._load.own if window.spreads.get(name, 0.0) > allowed]
        return not own and not any(restless(group, (window,) * 3, scale) for group in self._house.groups)

    def _shown(self, value: float) -> str:
        return f"{value:g} A" if self._load.draws else f"{value:.0f} W"
