"""What has come since the last cycle: samples to absorb, requests to answer, and whether the cycle should come early.

Rules
* A bus may only speak of the signals of its own devices; anything else is counted and dropped.
* Requests are bounded per cycle; those beyond are answered "busy" at once. Stops are never counted among them.
* An early cycle that the gateway causes costs a token (a burst of 20, then 180 a second: with 50 the middle one of 500
  wishes a second would wait for 7 ms); one that a watched question causes costs nothing, and neither comes sooner than
  5 ms after the last.
"""

from __future__ import annotations

from msgspec.structs import replace

from supervisor import wire
from supervisor.guardian.peers import Peer
from supervisor.kernel.image import absorb
from supervisor.kernel.lease import Request, Verb
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Sample
from supervisor.kernel.watch import stirs
from supervisor.site import Site

GAP_MIN_MS = 5
REQUESTS_MAX = 64  # per cycle; more than this in 50 ms is no orchestrator's business
BURST, RATE_PER_S = 20, 180
NOBODYS: frozenset[int] = frozenset()


class Inbox:
    """Collects between two cycles. ``image`` is always the newest image, ``recorded`` the one that
    the journal knows."""

    def __init__(self, plan: Plan, site: Site, image: Image, now_ms: int) -> None:
        self._plan = plan
        self._own = {bus.name: frozenset(p.index for d in bus.devices for p in d.signals) for bus in site.buses}
        self.image = self.recorded = image
        self.samples: list[Sample] = []
        self.requests: list[tuple[Peer, Request]] = []
        self.foreign = 0
        self._tokens_m = BURST * 1000  # thousandths of a token, so that no fraction is lost
        self._refilled_ms = now_ms
        self.early = False

    def take_samples(self, bus: str, said: wire.Samples, now_ms: int) -> None:
        """Samples of one bus, absorbed at once; a watched answer that changes asks for an early cycle. They are kept as
        they were taken: the journal absorbs them again, later."""
        own = self._own.get(bus, NOBODYS)
        samples = [
            sample if sample.at_ms <= now_ms else _not_from_the_future(sample, now_ms)
            for sample in said.items
            if sample.signal in own
        ]
        self.foreign += len(said.items) - len(samples)
        self.take_own(samples, now_ms)

    def take_own(self, samples: list[Sample], now_ms: int) -> None:
        """Samples that may be said: of a bus about its own devices, or of this process about its schedules, which are
        no bus's."""
        before = self.image
        self.image = absorb(self._plan.signals, before, samples, now_ms)
        self.samples.extend(samples)
        if not self.early:
            self.early = stirs(self._plan, before, self.image, {sample.signal for sample in samples}, now_ms)

    def take_ask(self, peer: Peer, ask: wire.Ask, now_ms: int) -> bool:
        """A wish; False when this cycle's places are taken (a stop or release always finds one)."""
        urgent = ask.verb in (wire.Verb.STOP, wire.Verb.RELEASE)
        if len(self.requests) >= REQUESTS_MAX and not urgent:
            return False
        fields = {name: getattr(ask, name) for name in Request.__struct_fields__ if name != "verb"}
        self.requests.append((peer, Request(verb=Verb(ask.verb.value), **fields)))
        self.early = self.early or self._spend(now_ms)
        return True

    def _spend(self, now_ms: int) -> bool:
        self._tokens_m = min(self._tokens_m + (now_ms - self._refilled_ms) * RATE_PER_S, BURST * 1000)
        self._refilled_ms = now_ms
        if self._tokens_m < 1000:
            return False
        self._tokens_m -= 1000
        return True

    def clear(self) -> None:
        """After a cycle: everything that had come has been dealt with."""
        self.samples, self.requests, self.early = [], [], False
        self.recorded = self.image


def _not_from_the_future(sample: Sample, now_ms: int) -> Sample:
    """The image takes a time stamp from the future as now (kernel/image.py); what is recorded must say the same."""
    return replace(sample, at_ms=now_ms)
