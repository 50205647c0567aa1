"""The example house, its real guardian and its real journal, on a clock held by hand.

The guardian's own cycle is turned (no socket, no thread, no waiting), the plant of the kernel's tests answers what it
is told, and people ask for things at random. What is written are real files.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))  # the plant lives beside the kernel's tests
import kernel_toys
from kernel_house import INDEX, MOODS, PERIODS_MS, Plant, _heard, _wish, _worsen

from supervisor import wire
from supervisor.guardian.journal import Journal
from supervisor.guardian.peers import Peer, Peers
from supervisor.guardian.scan import Guardian
from supervisor.guardian.segment import Disk
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.keep import guarded
from supervisor.kernel.lease import Request, Verb
from supervisor.loader.load import Loaded, load

EXAMPLE = Path(__file__).parents[2] / "policies" / "uc001"
BOX = "wallbox.current"
START_MS = 100_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUSES = {"battery": "can0", "relays": "can0", "meter": "lan", "wallbox": "lan"}


class Caller(Peer):
    """A peer without a socket: what it is told stays here."""

    def __init__(self, role: wire.Role, name: str) -> None:
        self.role, self.name, self.lost_packets = role, name, 0
        self.answers: list[wire.Answer] = []
        self.shown: wire.Snapshot | None = None

    def send(self, word: wire.Word) -> bool:
        if isinstance(word, wire.Answer):
            self.answers.append(word)
        if isinstance(word, wire.Snapshot):
            self.shown = word
        return True


class Recorded:
    """A house whose journal is in ``folder``. ``now_ms`` is the clock of everything. ``restless``: bad luck strikes at
    random; ``every``: each cycle is stepped, as a guardian does, and not only those that are due."""

    def __init__(
        self, folder: Path, disk: Disk | None = None, start_ms: int = START_MS, seed: int = 1, observe: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        loaded = load(EXAMPLE, observe=observe)
        self.loaded: Loaded = replace(loaded, plan=guarded(loaded.plan))
        self.now_ms = start_ms
        self.peers = Peers(folder.parent / "guardian.sock", self.loaded.site.digest)
        self.gateway = Caller(wire.Role.GATEWAY, "gateway")
        self.peers.all.append(self.gateway)
        self.buses = {name: Caller(wire.Role.BUS, name) for name in ("can0", "lan")}
        self.journal = Journal(folder, lambda: self.now_ms, disk)
        self.journal._writer.resume()
        self.guardian = Guardian(
            self.loaded,
            self.peers,
            self.journal,
            Watchdog({}),
            clock=lambda: self.now_ms,
            wall=lambda: self.wall.isoformat(),
        )
        self.dice, self.plant = random.Random(seed), Plant()
        self.moods = dict.fromkeys(PERIODS_MS, "fine")
        self.restless = True
        self.every = False

    @property
    def wall(self) -> datetime:
        """What the clock on the wall says: noon when the house was started."""
        return NOON + timedelta(milliseconds=self.now_ms - START_MS)

    def cycle(self, *asks: wire.Ask) -> None:
        """What the devices say, what is asked, one cycle, and the disk's turn; then the clock goes on. A cycle in which
        nothing has come and nothing is due may be skipped, and is (kernel/wake.py)."""
        self._hear_devices()
        for ask in asks:
            self.guardian.hear(self.gateway, ask)
        inbox, due_ms = self.guardian._inbox, self.guardian._scribe._wake_ms
        if inbox.samples or inbox.requests or self.now_ms >= due_ms or self.every:
            self.guardian.cycle(self.now_ms, True)
            self.journal.turn()
        self.now_ms += self.loaded.site.cycle_ms

    def _hear_devices(self) -> None:
        if self.restless:
            _worsen(self.dice, self.moods, self.plant)
        talks = [device for device in PERIODS_MS if self.now_ms % PERIODS_MS[device] == 0]
        readings = self.plant.readings(self.guardian._state, self.now_ms) if talks else {}
        for device in talks:
            heard = _heard(self.dice, device, self.moods[device], readings, self.now_ms)
            for start in range(0, len(heard), 7):  # some devices speak in several frames
                self.guardian.hear(self.buses[BUSES[device]], wire.Samples(tuple(heard[start : start + 7])))

    def calm(self) -> None:
        """Everything works again, and goes on working."""
        self.restless, self.moods, self.plant = False, dict.fromkeys(PERIODS_MS, "fine"), Plant()

    def live(self, ms: int, talkative: float = 0.02) -> None:
        """So long, with people and an optimiser who ask."""
        end = self.now_ms + ms
        while self.now_ms < end:
            asks = [said(_wish(self.dice, self.now_ms))] if self.dice.random() < talkative else []
            self.cycle(*asks)

    def close(self) -> None:
        self.journal._writer.close()

    @property
    def counters(self) -> dict[str, int]:
        """As the gateway sees them."""
        self.guardian._show(self.now_ms)
        assert self.gateway.shown is not None
        return dict(self.gateway.shown.counters)


def said(request: Request) -> wire.Ask:
    """A request as the gateway says it."""
    names = set(wire.Ask.__struct_fields__) & set(Request.__struct_fields__) - {"verb"}
    return wire.Ask(verb=wire.Verb(request.verb.value), **{name: getattr(request, name) for name in names})


def ask(verb: wire.Verb, now_ms: int, value: int | None = None, who: str = "phone", **changes: object) -> wire.Ask:
    """A wish for the wallbox."""
    fields: dict[str, object] = {"unit": "mA", "kind": "setting", "duration_ms": 600_000}
    return said(kernel_toys.ask(Verb(verb.value), who, value, now_ms, **({"target": BOX} | fields | changes)))


__all__ = ["EXAMPLE", "INDEX", "MOODS", "START_MS", "Recorded", "ask", "said"]
