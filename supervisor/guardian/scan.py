"""The scan loop: latch, step, journal, outputs, and only then the watchdog.

Theory of operation
* Deadlines are absolute. A deadline that was missed is skipped and counted, never made up by a burst.
* Between two deadlines the loop waits on its sockets. What comes is latched; a change that matters, or a request,
  brings the next cycle forward to 5 ms after the last at the earliest.
* An output image carries the cycle's own time plus VALID_CYCLES: if this process is stopped between the step and the
  send, what it sends when it wakes has expired.

This file must never judge anything: that is the kernel's.
"""

from __future__ import annotations

import gc
import logging
import time
from collections import deque
from collections.abc import Callable

from supervisor import wire
from supervisor.guardian import tell
from supervisor.guardian.acknowledge import Acknowledger
from supervisor.guardian.clock import left_s
from supervisor.guardian.clock import now_ms as monotonic_ms
from supervisor.guardian.happened import Happened, machines
from supervisor.guardian.inbox import GAP_MIN_MS, Inbox
from supervisor.guardian.journal import Journal
from supervisor.guardian.keep import Keeper
from supervisor.guardian.lateness import Lateness
from supervisor.guardian.peers import Peer, Peers
from supervisor.guardian.schedule import Schedules
from supervisor.guardian.scribe import Scribe, wall_clock
from supervisor.guardian.tally import BUSY, Tally, busy
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.cycle import Result, step
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.image import blank
from supervisor.kernel.keep import notes
from supervisor.kernel.lease import Decision
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.plan import MODES
from supervisor.kernel.state import boot
from supervisor.kernel.wake import repeats_matter
from supervisor.loader.load import Loaded

VALID_CYCLES = 3
CALM_S = 0.000_6  # before a cycle is due nothing is read any more: what had to be read then would make it late
CYCLE_MS = 3  # what a cycle with wishes and a picture of the house takes; more than most
SNAPSHOT_MS = 250
NEWS_MS = 50  # after a decision or a change of mode, which people wait for
EVENTS_SHOWN = 30
COUNTERS = (
    *("cycles", "early_cycles", "late_cycles", "skipped_cycles", "requests_busy", "foreign_samples", "lost_images"),
    *("journal_refused", "journal_lean", "unrecorded_cycles", "state_not_kept"),
    *("watchdog_fed", "watchdog_withheld", "peers_refused"),
)
log = logging.getLogger("guardian")


class Guardian:
    """Owns the kernel's state. ``run`` returns after ``stop`` has been called (from a signal handler)."""

    def __init__(
        self,
        loaded: Loaded,
        peers: Peers,
        journal: Journal,
        watchdog: Watchdog,
        keeper: Keeper | None = None,
        clock: Callable[[], int] = monotonic_ms,
        wall: Callable[[], str] = wall_clock,
        scribe: Scribe | None = None,
        schedules: Schedules | None = None,
    ) -> None:
        self._clock = clock
        self._left_s = left_s if clock is monotonic_ms else lambda due_ms: (due_ms - clock()) / 1_000
        self._loaded, self._plan, self._site = loaded, loaded.plan, loaded.site
        self._peers, self._journal, self._watchdog, self._keeper = peers, journal, watchdog, keeper
        start_ms = clock()
        booted = boot(self._plan, start_ms)
        self._state = keeper.begin(self._plan, booted) if keeper else booted
        self._inbox = Inbox(self._plan, self._site, blank(self._plan.signals), start_ms)
        self._outputs: Outputs | None = None
        self.describe = tell.describe(loaded)
        self._reports: dict[str, wire.Report] = {}
        self._events: deque[Event] = deque(notes(self._plan, self._state), maxlen=EVENTS_SHOWN)
        self._events_total = len(self._events)
        for event in self._events:
            log.warning("%s %s: %s", event.kind.value, event.subject, event.text)
        self._scribe = scribe or Scribe(loaded, journal, wall)
        self._tally = Tally(self._plan)
        self._happened, self._lateness = Happened(self._plan, self._state), Lateness()
        self._acknowledger = Acknowledger(self._plan, loaded.installers)
        self._schedules = schedules or Schedules(loaded.calendar)
        self._places = {  # of each bus that has a write path, the targets on it
            bus.name: [p.index for device in bus.devices if not device.observe for p in device.outputs]
            for bus in self._site.buses
            if not bus.observe
        }
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._shown_ms = start_ms
        self._token = self.wake_ms = 0
        self._news = False
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        """Scan until stopped."""
        cycle_ms = self._site.cycle_ms
        deadline = self._clock()
        started = deadline - cycle_ms
        gc.collect()
        gc.freeze()
        while not self._stopping:
            self._gather(deadline, started)
            started = self._clock()
            early = started < deadline
            self._counters["early_cycles"] += early
            timely = early or started - deadline < cycle_ms
            if not early:
                deadline = self._next(deadline, started)
            self.cycle(started, timely)
        if self._keeper:
            self._keeper.last(self._plan, self._state)
        log.info("stopped after %d cycles", self._counters["cycles"])

    def _next(self, deadline: int, started: int) -> int:
        """The deadline after this one; those that have already passed are skipped and counted."""
        cycle_ms = self._site.cycle_ms
        behind = (started - deadline) // cycle_ms
        self._lateness.add(started - deadline)
        if behind:
            self._counters["late_cycles"] += 1
            self._counters["skipped_cycles"] += behind
        return deadline + (behind + 1) * cycle_ms

    # ---- what comes in ---------------------------------------------------------------------------------------------
    def _gather(self, deadline: int, started: int) -> None:
        """Receive until the deadline, or until an early cycle is due; at least once, however late it is."""
        heard = False
        while not self._stopping:
            due = self._due(deadline, started)
            left_s = self._left_s(due)
            if heard and left_s < CALM_S:
                time.sleep(max(left_s, 0.0))
                return
            ready = self._peers.wait(left_s)
            if heard and self._left_s(due) < CALM_S:
                continue
            for peer, word in self._peers.receive(ready):
                self.hear(peer, word)
                if self._left_s(due) < CALM_S:
                    break  # the rest is there after the cycle
            heard = True

    def _due(self, deadline: int, started: int) -> int:
        """When the next cycle begins. An early one that would not be over at the deadline waits for it."""
        early = started + GAP_MIN_MS
        return early if self._inbox.early and deadline - max(early, self._clock()) > CYCLE_MS else deadline

    def hear(self, peer: Peer, word: wire.Word) -> None:
        """Latch what somebody says."""
        match word:
            case wire.Samples():
                self._inbox.take_samples(peer.name, word, self._clock())
            case wire.Report():
                self._reports[peer.name] = word
            case wire.Ask():
                self._ask(peer, word)
            case wire.Acknowledge():
                self._acknowledge(peer, word)
            case wire.Hello():
                if word.role is not wire.Role.BUS:
                    peer.send(self.describe)
            case _:
                raise TypeError(f"a {type(word).__name__} should not have passed the door")

    def _ask(self, peer: Peer, ask: wire.Ask) -> None:
        """A wish: taken for the next cycle, or turned away at once. Either way it is counted."""
        self._tally.asked()
        if not self._inbox.take_ask(peer, ask, self._clock()):
            self._counters["requests_busy"] += 1
            self._scribe.turned_away(ask.identity, BUSY)
            self._tally.decided(busy(ask.seq))
            peer.send(tell.answer(self._plan, busy(ask.seq), self._clock()))

    def _acknowledge(self, peer: Peer, said: wire.Acknowledge) -> None:
        """A signature: it makes a request for the next cycle, or is turned away at once. Either way it is counted."""
        self._tally.asked()
        found = self._acknowledger.take(said, self._state, self._clock())
        if isinstance(found, Decision):
            self._scribe.turned_away("", found.clauses[0].rule)
            self._tally.decided(found)
            peer.send(tell.answer(self._plan, found, self._clock()))
        else:
            self._inbox.requests.append((peer, found))

    # ---- one cycle -------------------------------------------------------------------------------------------------
    def idle(self, at_ms: int) -> bool:
        """Nothing new has come and nothing is due by time alone: a cycle would change nothing (kernel/wake.py). For
        benches; on the appliance every cycle is computed."""
        if samples := self._schedules.samples(at_ms):
            self._inbox.take_own(list(samples), at_ms)
        if at_ms >= self.wake_ms or self._inbox.requests:
            return False
        before, now = self._inbox.recorded, self._inbox.image  # of the newest cycle, and with what has come since
        pairs = ((before[sample.signal], now[sample.signal]) for sample in self._inbox.samples)
        same = all(old.value == new.value and old.quality is new.quality for old, new in pairs)
        quiet = same and not (self._inbox.samples and repeats_matter(self._state))
        if quiet:
            self._inbox.samples.clear()  # they have only made the readings younger
        return quiet

    def soon(self) -> None:
        """The next cycle comes at once, so nobody has to find out whether what has come asks for an early one."""
        self._inbox.early = True

    def again(self, at_ms: int) -> None:
        """In place of a cycle that would change nothing: what the last one said, anew."""
        if self._outputs is not None:
            self._say(self._outputs, at_ms)

    def cycle(self, at_ms: int, timely: bool) -> None:
        """One scan cycle. ``timely``: it is not later than the next one should have been."""
        inbox = self._inbox
        if samples := self._schedules.samples(at_ms):
            inbox.take_own(list(samples), at_ms)
        recording = self._scribe.before(self._state, inbox, at_ms)
        requests = tuple(request for _, request in inbox.requests)
        result = step(self._plan, self._state, inbox.image, requests, at_ms, recording)
        mode_changed = result.state.house.state != self._state.house.state
        self._scribe.after(self._state, result, inbox, at_ms, recording)
        if self._keeper:
            self._keeper.after(self._plan, self._state, result.state)
        self._state, self._outputs, self.wake_ms = result.state, result.outputs, result.wake_ms
        if timely:  # a dead-man is renewed by whole and timely cycles only; the next one is never far
            self._say(result.outputs, at_ms)
        for (peer, _), decision in zip(inbox.requests, result.decisions, strict=True):
            self._tally.decided(decision)
            peer.send(tell.answer(self._plan, decision, at_ms))
        self._tell(result)  # for people, so after those who wait
        inbox.clear()
        self._counters["cycles"] += 1
        self._watchdog.cycle(timely)
        if self._counters["cycles"] == 1:
            self._watchdog.ready()
            log.info("first cycle complete; %s", "this house only observes" if self._plan.observe else "in control")
        self._news = self._news or mode_changed or bool(result.decisions)
        waited_for = self._news and not result.decisions  # a picture in the same breath would hold up the answers
        if at_ms - self._shown_ms >= (NEWS_MS if waited_for else SNAPSHOT_MS):
            self._show(at_ms)

    def _tell(self, result: Result) -> None:
        """What happened, for those who look and for the log."""
        self._happened.after(result.state, result.events)
        for event in result.events:
            self._events.append(event)
            self._events_total += 1
            if event.kind in (EventKind.HOUSE, EventKind.TRIP, EventKind.CLEARED, EventKind.DECISION):
                log.info("%s %s: %s", event.kind.value, event.subject, event.text)

    # ---- what goes out ---------------------------------------------------------------------------------------------
    def _say(self, outputs: Outputs, at_ms: int) -> None:
        """Each bus its own complete image; a bus in observe gets none, and has no write path either."""
        valid_until_ms = at_ms + VALID_CYCLES * self._site.cycle_ms
        self._token += 1
        said = outputs.values
        for peer in self._peers.of(wire.Role.BUS):
            places = self._places.get(peer.name)
            if not places:
                continue
            values = tuple([(i, value) for i in places if (value := said[i]) is not None])
            if not peer.send(wire.Image(self._token, valid_until_ms, values)):
                self._counters["lost_images"] += 1

    def _show(self, at_ms: int) -> None:
        """A snapshot for the gateway and the views; nobody there, nothing to do."""
        self._shown_ms, self._news = at_ms, False
        listeners = [*self._peers.of(wire.Role.GATEWAY), *self._peers.of(wire.Role.VIEW)]
        shown = self.picture() if listeners else None
        if shown is not None:
            for peer in listeners:
                peer.send(shown)

    def picture(self) -> wire.Snapshot | None:
        """The house as it is after the newest cycle; None before the first."""
        if self._outputs is None:
            return None
        counters = self._counters
        counters["foreign_samples"] = self._inbox.foreign
        counters["watchdog_fed"], counters["watchdog_withheld"] = self._watchdog.fed, self._watchdog.withheld
        counters["peers_refused"] = self._peers.refused
        counters["state_not_kept"] = self._keeper.not_kept if self._keeper else 0
        counters["journal_lean"], counters["unrecorded_cycles"] = self._scribe.lean, self._scribe.unrecorded
        shown = tell.snapshot(
            self._plan,
            self._state,
            self._inbox.image,
            self._outputs,
            self._buses(),
            self._events,
            self._events_total,
            counters | self._tally.counters() | self._measured(),
        )
        return self._acknowledger.shown(self._state, shown)

    def brief(self) -> tuple[str, list[int], list[int | None]] | None:
        """Of ``picture`` only the mode, the state of every machine and every output, in the order of ``describe``."""
        if self._outputs is None:
            return None
        state = self._state
        standing = [machine.state for machine in machines(self._plan, state)]
        return MODES[state.house.state], standing, [target.output for target in state.targets]

    def _measured(self) -> dict[str, int]:
        """How it goes on this box, and what happened: for metrics."""
        told = self._lateness.counters() | self._journal.counters() | self._happened.counters(self._state)
        return told | {"watchdog_slack_ms": self._watchdog.slack_ms}

    def _buses(self) -> tuple[wire.BusInfo, ...]:
        connected = {peer.name for peer in self._peers.of(wire.Role.BUS)}
        infos = []
        for bus in self._site.buses:
            report = self._reports.get(bus.name)
            link, detail = (report.link, report.detail) if report else ("unknown", "")
            infos.append(wire.BusInfo(bus.name, bus.name in connected, link, detail, report.counters if report else ()))
        return tuple(infos)
