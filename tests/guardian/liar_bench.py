"""A captured gateway on the guardian's real socket: it says whatever it likes, in any name, on as many connections.

The guardian's clock and cycles are in the test's hand; the plant of the kernel's tests answers what the house is told.
What the network may get is written so small that a test can see its edges.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))  # the plant lives beside the kernel's tests
from kernel_house import Plant

from supervisor import wire
from supervisor.guardian.journal import Journal
from supervisor.guardian.peers import Peers
from supervisor.guardian.scan import Guardian
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.keep import guarded
from supervisor.kernel.plan import MODES
from supervisor.kernel.signal import Quality, Sample
from supervisor.loader.load import Loaded, load

EXAMPLE = Path(__file__).parents[2] / "policies" / "uc001"
CAR, COIL = "wallbox.current", "relays.coil_1"
PER_MIN, CAR_MAX_MA, LONGEST_MS, REST_MS, CHANGES = 12, 10_000, 600_000, 60_000, 5
CAP = """
network:
  everybody_together:
    why: so small that a test sees its edges
    rate: 12 per min
    targets:
      wallbox.current: {from: 0 A, to: 10 A, longest: 10 min, rest: 1 min}
      relays.coil_1: {from: open, to: closed, changes: 5 per h}
"""
ROWS = """
limits:
  low:
    when: battery.soc below 20 %
    hold: 0 s
    clear: 0 s
    latch: nuisance
    then: {wallbox.current: stop}
    why: somebody has emptied the battery
"""
MORE = """
  display:
    role: observer
    token_sha256: {0}
  tablet:
    role: orchestrator
    shared: true
    token_sha256: {1}
"""
TABLET = """
permissions:
  tablet_too:
    why: whoever passes the tablet in the hall
    who: [tablet]
    target: wallbox.current
    from: 0 A
    to: 16 A
    in: [normal, degraded, orchestrator_lost]
"""
NAMES = ("optimiser", "phone", "tablet", "display", "installers.anna", "hands.car", "", "o" * 80)
"""In whose name it speaks: everybody of the site, and some who are nobody."""


def site(folder: Path, cap: str = CAP) -> Path:
    made = Path(shutil.copytree(EXAMPLE, folder / "house"))
    (made / "30-network.yaml").write_text(cap, "utf-8")
    (made / "40-rows.yaml").write_text(ROWS, "utf-8")
    (made / "50-tablet.yaml").write_text(TABLET, "utf-8")
    with (made / "site.yaml").open("a", encoding="utf-8") as file:
        file.write(MORE.format("a" * 64, "b" * 64))
    return made


class Captured:
    """The guardian of that house, and connections that say they are the gateway."""

    def __init__(self, folder: Path, gateways: int = 1, cap: str = CAP) -> None:
        loaded = load(site(folder, cap))
        self.loaded: Loaded = replace(loaded, plan=guarded(loaded.plan))
        self.plan, self.now_ms, self.plant = self.loaded.plan, 1_000_000, Plant()
        self.path = folder / "guardian.sock"
        self.peers = Peers(self.path, loaded.site.digest)
        self.peers.open()
        self.journal = Journal(folder / "journal", lambda: self.now_ms)
        (folder / "journal").mkdir()
        self.guardian = Guardian(self.loaded, self.peers, self.journal, Watchdog({}), None, lambda: self.now_ms)
        self.heard: list[wire.Word] = []
        self.say: dict[str, int] = {}
        self.gateways = [self.join() for _ in range(gateways)]
        self._seq = 0

    def join(self) -> socket.socket:
        sock = wire.connect(str(self.path))
        sock.send(wire.encode(self.hello()))
        self.listen()
        self.listen()
        return sock

    def hello(self) -> wire.Hello:
        return wire.Hello(wire.Role.GATEWAY, "gateway", os.getpid(), wire.PROTOCOL, self.loaded.site.digest)

    def listen(self) -> None:
        for peer, word in self.peers.receive(self.peers.wait(0.0)):
            self.guardian.hear(peer, word)

    def cycle(self, ms: int = 50) -> None:
        """Everything says what it has to say, and one cycle; then the clock goes on."""
        readings = self.plant.readings(self.guardian._state, self.now_ms) | self.say
        known = {signal.id: place for place, signal in enumerate(self.plan.signals)}
        said = [Sample(known[name], value, self.now_ms, Quality.GOOD) for name, value in readings.items()]
        self.guardian._inbox.take_own(said, self.now_ms)
        self.listen()
        self.guardian.cycle(self.now_ms, True)
        self.journal.turn()
        for sock in self.gateways:
            self.heard += self.words(sock)
        self.now_ms += ms

    def words(self, sock: socket.socket) -> list[wire.Word]:
        heard: list[wire.Word] = []
        try:
            while packet := sock.recv(wire.MESSAGE_MAX):
                heard.append(wire.decode(packet))
        except (BlockingIOError, ConnectionResetError):
            pass
        return heard

    def settle(self) -> None:
        """Until the house is whole."""
        for _ in range(260):
            self.cycle()
        assert self.mode == "normal", self.mode
        self.heard.clear()

    def tell(self, word: wire.Word, gateway: int = 0) -> None:
        self.gateways[gateway].send(wire.encode(word))

    def ask(self, verb: wire.Verb, identity: str, value: int | None = None, **changes: object) -> wire.Ask:
        self._seq += 1
        fields: dict[str, object] = {
            "seq": self._seq,
            "verb": verb,
            "identity": identity,
            "target": CAR,
            "value": value,
            "unit": "mA" if value is not None else "",
            "kind": "setting" if value is not None else "",
            "duration_ms": 12 * 3_600_000 if value is not None else None,
            "request_id": "",
            "received_ms": self.now_ms,
            "dry_run": False,
        }
        return wire.Ask(**(fields | changes))  # type: ignore[arg-type]

    def answers(self) -> list[wire.Answer]:
        """Those that have come since the last time this was asked."""
        found = [word for word in self.heard if isinstance(word, wire.Answer)]
        self.heard = [word for word in self.heard if not isinstance(word, wire.Answer)]
        return found

    @property
    def mode(self) -> str:
        return MODES[self.guardian._state.house.state]

    def output(self, target: str = CAR) -> int:
        place = next(i for i, one in enumerate(self.plan.targets) if one.id == target)
        return self.guardian._state.targets[place].output or 0

    def counters(self) -> dict[str, int]:
        return self.guardian._counters | self.guardian._tally.counters()

    def close(self) -> None:
        for sock in self.gateways:
            sock.close()
        self.peers.close()
        self.journal._writer.close()
