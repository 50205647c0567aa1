"""Why a contactor is where it is and does not move, in the words of its machine (machines/contactor.py).

Every condition is asked of the kernel's own functions; this file only says them.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.explain.account import Clearing, Point
from supervisor.explain.asked import Asked
from supervisor.explain.known import known
from supervisor.explain.told import Told
from supervisor.explain.words import Words, lasting
from supervisor.kernel import interlock, wear
from supervisor.kernel.changeover import wants
from supervisor.kernel.machine import Machine
from supervisor.kernel.question import YES
from supervisor.kernel.state import Wear
from supervisor.kernel.switchgear import Contactor

STATES = {
    "looking": "its contact is looked at before anything is said",
    "open": "open, and proven so",
    "precharging": "its precharge runs",
    "closing": "told to close; its contact is on its way",
    "closed": "closed, and proven so",
    "doubted": "closed, but its contact does not show itself; it keeps its coil, because opening might break a current",
    "opening": "told to open; its contact is on its way",
    "failed_open": "it was shown open when it should have been closed",
    "welded": "it was told to open and its contact shows closed, or it closed by itself",
    "locked_out": "kept open by maintenance until somebody resets it",
    "unverified": "nobody can see where its contact is",
}


class Switch:
    """One contactor of one moment."""

    def __init__(self, words: Words, position: int, at: Told, contactor: Contactor) -> None:
        self.words, self.position, self.at, self.contactor = words, position, at, contactor
        self.machine = at.state.machine or Machine(words.plan.contactor.initial, words.now_ms)
        self.worn = at.state.wear or Wear()
        self.name = words.plan.contactor.states[self.machine.state]

    def points(self) -> list[Point]:
        """Its state, the readings that show it, and what it has been through."""
        words, contactor = self.words, self.contactor
        proof = tuple(dict.fromkeys(s for s in contactor.shown_closed.signals()))
        text = f"its contactor is {self.name} {words.since(self.machine.since_ms)}: {STATES.get(self.name, self.name)}"
        found = [Point(text, tuple(words.reading(signal) for signal in proof))]
        worn = self.worn
        told = [f"it has closed {worn.closings} times"]
        told += [f"{worn.broken} times it opened under current, or where none was measured"] if worn.broken else []
        told += [f"{worn.failures} failures in a row, the last {words.clock(worn.failed_ms)}"] if worn.failures else []
        if contactor.changeover is not None:
            told.append(f"it is moved by {words.plan.changeovers[contactor.changeover].id} alone")
        return [*found, Point("; ".join(told))]

    def wanted(self) -> bool:
        """Shall it be closed, if nothing stands in the way?"""
        if self.contactor.changeover is None:
            return self.at.wanted == 1 and self.at.goal == 1
        state, index = self.words.moment.state, self.contactor.changeover
        return wants(self.words.plan, index, state.switches[index], state.targets)[self.position]

    def clears(self) -> list[Clearing]:
        """What it waits for; empty where it is as it should be."""
        return list(self._waits())

    def _waits(self) -> Iterator[Clearing]:
        match self.name:
            case "welded" | "failed_open" | "locked_out":
                yield from self._broken()
            case "looking" | "doubted" | "unverified":
                question = self.contactor.shown_closed if self.name == "doubted" else self.contactor.shown_open
                text = f"when its contact shows itself ({Asked(self.words).says(question)})"
                yield Clearing("contact", text, "readings", None, 0, Asked(self.words).saw(question))
            case "closing" | "opening" | "precharging":
                limit_ms = self.contactor.timeouts[self.machine.state] or 0
                until_ms = self.machine.since_ms + limit_ms
                yield Clearing("travel", f"it moves; at the latest {self.words.until(until_ms)} it has to show itself",
                               "time", max(until_ms - self.words.now_ms, 0), limit_ms)  # fmt: skip
            case "open" if self.wanted():
                yield from self._kept_open()
            case "closed" if not self.wanted():
                yield from self._kept_closed()
        yield from self._moved()

    def _moved(self) -> Iterator[Clearing]:
        """A contactor of a changeover waits for what that waits for."""
        if self.contactor.changeover is not None:
            row = self.words.plan.changeovers[self.contactor.changeover]
            if reason := self.words.moment.state.switches[self.contactor.changeover].reason:
                yield Clearing(row.id, f"{row.id} moves it, and does not go on: {reason}", "rules")

    def _broken(self) -> Iterator[Clearing]:
        words, local = self.words, self.words.plan.local
        spent = wear.spent(self.worn)
        if self.name == "failed_open" and not spent:
            until_ms = self.machine.since_ms + wear.rest_ms(self.worn)
            left_ms = max(until_ms - words.now_ms, 0)
            yield Clearing(
                "rest", f"it is left alone and tries again {words.until(until_ms)}", "time", left_ms, left_ms
            )
            return
        if self.name == "locked_out" and words.moment.state.local.maintenance:
            yield Clearing("maintenance", "the maintenance key has to be turned back first", "hand")
        press = f" ({Asked(words).says(local.reset)})" if local.reset is not None else ", and this site declares none"
        shown = Asked(words).says(self.contactor.shown_open)
        text = f"a local reset, by hand in the house{press}, once its contact shows open ({shown})"
        yield Clearing(self.name, text, "hand", None, 0, Asked(words).saw(self.contactor.shown_open))

    def _kept_open(self) -> Iterator[Clearing]:
        words, now_ms = self.words, self.words.now_ms
        plan, moment = words.plan, words.moment
        for rest_ms, what in (
            (self.at.state.changed_ms + self.contactor.min_off_ms - now_ms, "its rest after opening is over"),
            (
                wear.budget_ms(self.contactor, self.worn, now_ms),
                f"its {self.contactor.per_hour} closings an hour allow it",
            ),
        ):
            if rest_ms > 0:
                yield Clearing("rest", f"{what} {words.until(now_ms + rest_ms)}", "time", rest_ms, rest_ms)
        if by := interlock.bars(plan, self.position, moment.state.targets, moment.image, now_ms):
            yield barred(words, by, self.position)
        if self.contactor.seen.ask(moment.image, now_ms) is not YES:
            device = self.at.target.id.partition(".")[0]
            yield Clearing("sight", f"when {device} is heard again", "readings")
        if moment.state.local.maintenance and self.position in plan.local.locks:
            yield Clearing("maintenance", "when the maintenance key is turned back, and after a local reset", "hand")

    def _kept_closed(self) -> Iterator[Clearing]:
        words, now_ms = self.words, self.words.now_ms
        on_ms = self.at.state.changed_ms + self.contactor.min_on_ms - now_ms
        if on_ms > 0 and self.at.span.hi == 1:
            yield Clearing(
                "rest", f"its minimum time closed is over {words.until(now_ms + on_ms)}", "time", on_ms, on_ms
            )
        zero, breaks_ms = self.contactor.zero_flow, self.contactor.breaks_ms
        rated = f"; it may break its load after {lasting(breaks_ms)} of waiting" if breaks_ms is not None else ""
        if zero is not None:
            asked, known_ms = Asked(words), now_ms if self.worn.unwanted_ms is None else self.worn.unwanted_ms
            left_ms = known_ms + self.contactor.calm_ms - now_ms
            old = f", once no reading of before counts any more, {words.until(now_ms + left_ms)}" if left_ms > 0 else ""
            text = f"when nothing flows through it, proven: {asked.says(zero)}{old}{rated}"
            in_ms = max(left_ms, 0) if asked.answer(zero, True) is YES else None
            yield Clearing("flow", text, "readings", in_ms, 0, asked.saw(zero))
        elif rated:
            yield Clearing("flow", rated.removeprefix("; "), "time")


def barred(words: Words, by: str, position: int) -> Clearing:
    """What an interlock asks of this contactor."""
    plan, moment = words.plan, words.moment
    asked = Asked(words)
    for need in plan.needs:
        if need.id == by and need.target == position:
            parts: list[str] = []
            saw: list[str] = []
            if need.requires is not None and not interlock.proven_closed(plan, moment.state.targets[need.requires]):
                parts.append(f"{plan.targets[need.requires].id} is proven closed")
            if need.question is not None and asked.answer(need.question, True) is not YES:
                parts.append(f"{asked.says(need.question)}, for certain")
                saw += asked.saw(need.question)
            if parts:
                return Clearing(
                    by, f"when {' and '.join(parts)} ({known(words, by).why})", "readings", None, 0, tuple(saw)
                )
    others = [
        f"{plan.targets[m].id} is {plan.contactor.states[machine.state]}"
        for group in plan.groups
        if group.id == by and position in group.members
        for m in group.members
        if m != position and (machine := moment.state.targets[m].machine) is not None
    ]
    text = f"when the contactors that exclude it are proven open for long enough ({known(words, by).why})"
    return Clearing(by, text, "readings", None, None, tuple(dict.fromkeys(others)))
