"""A guardian with installers, whose clock and cycles are in the test's hand, its gateway, and rows that latch."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from supervisor import wire
from supervisor.guardian.acknowledge import Acknowledger
from supervisor.guardian.journal import Journal
from supervisor.guardian.keep import Keeper
from supervisor.guardian.peers import Peers
from supervisor.guardian.scan import Guardian
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.keep import guarded
from supervisor.kernel.signal import Quality, Sample
from supervisor.loader.load import load

ANNA, BEN, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2, 3))
LOW, DEEP = "limits.low", "limits.deep"
CALM, EMPTY, WRECKED = 500, 150, 50  # permille of charge: all well, the nuisance row acts, the danger row as well
ROWS = """
limits:
  low:
    when: battery.soc below 20 %
    hold: 0 s
    clear: 0 s
    latch: nuisance
    then: {wallbox.current: stop}
    why: somebody has emptied the battery
  deep:
    when: battery.soc below 10 %
    hold: 0 s
    clear: 0 s
    latch: danger
    then: {wallbox.current: stop}
    why: the battery is damaged by this
"""


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def site(folder: Path, installers: bool = True) -> Path:
    """A copy of the example with the two rows, and with two installers."""
    made = folder / "house"
    made.mkdir()
    keys = f"installers:\n  anna: {{public_key: {public(ANNA)}}}\n  ben: {{public_key: {public(BEN)}}}\n"
    for name in ("site.yaml", "10-limits.yaml", "20-house.yaml"):
        text = (Path("policies/uc001") / name).read_text("utf-8")
        (made / name).write_text(text + (keys if installers and name == "site.yaml" else ""), "utf-8")
    (made / "30-rows.yaml").write_text(ROWS, "utf-8")
    return made


class Bench:
    """A guardian whose clock and cycles are in the test's hand, its gateway, and the battery's bus."""

    def __init__(self, folder: Path, nonce: bytes | None = None, installers: bool = True) -> None:
        folder.mkdir(exist_ok=True)
        loaded = load(site(folder, installers) if not (folder / "house").exists() else folder / "house")
        self.loaded = replace(loaded, plan=guarded(loaded.plan))
        self.now_ms = 1_000_000
        path = folder / "guardian.sock"
        self.peers = Peers(path, loaded.site.digest)
        self.peers.open()
        self.keeper = Keeper(folder, loaded.site.name)
        journal = Journal(folder / "journal", lambda: self.now_ms)
        self.guardian = Guardian(self.loaded, self.peers, journal, Watchdog({}), self.keeper, lambda: self.now_ms)
        if nonce is not None:
            self.guardian._acknowledger = Acknowledger(self.loaded.plan, loaded.installers, nonce)
        self.gateway = self.join(path, wire.Role.GATEWAY)
        self.soc = next(i for i, s in enumerate(loaded.plan.signals) if s.id == "battery.soc")
        self.heard: list[wire.Word] = []

    def join(self, path: Path, role: wire.Role) -> socket.socket:
        sock = wire.connect(str(path))
        sock.send(wire.encode(wire.Hello(role, role.value, os.getpid(), wire.PROTOCOL, self.loaded.site.digest)))
        self.listen()
        return sock

    def listen(self) -> None:
        for _ in range(2):
            for peer, word in self.peers.receive(self.peers.wait(0.0)):
                self.guardian.hear(peer, word)

    def cycle(self, permille: int | None = None, ms: int = 1_000) -> None:
        self.now_ms += ms
        if permille is not None:
            sample = Sample(self.soc, permille, self.now_ms, Quality.GOOD)
            self.guardian._inbox.take_own([sample], self.now_ms)
        self.listen()
        self.guardian.cycle(self.now_ms, True)
        while True:
            try:
                self.heard.append(wire.decode(self.gateway.recv(wire.MESSAGE_MAX)))
            except BlockingIOError:
                return

    def latch(self, permille: int = EMPTY) -> None:
        self.cycle(permille)
        self.cycle(CALM)
        self.cycle(CALM)

    @property
    def snapshot(self) -> wire.Snapshot:
        return [word for word in self.heard if isinstance(word, wire.Snapshot)][-1]

    def trip(self, rule: str = LOW) -> wire.TripInfo:
        return next(trip for trip in self.snapshot.trips if trip.rule == rule)

    def latched(self, rule: str = LOW) -> bool:
        rows = zip(self.loaded.plan.rules, self.guardian._state.trips, strict=True)
        return next(trip.latched for row, trip in rows if row.id == rule)

    def signed(self, key: Ed25519PrivateKey = ANNA, rule: str = LOW, **changes: object) -> wire.Acknowledge:
        challenge = self.trip().challenge
        signature = key.sign(wire.signed(self.loaded.site.name, rule, challenge)).hex()
        word = wire.Acknowledge(7, rule, challenge, public(key), signature, self.now_ms)
        return msgspec.structs.replace(word, **changes)

    def answer(self, word: wire.Acknowledge, permille: int | None = CALM) -> wire.Answer:
        self.gateway.send(wire.encode(word))
        self.heard = [word for word in self.heard if not isinstance(word, wire.Answer)]
        self.listen()
        self.cycle(permille, ms=50)
        (answer,) = [word for word in self.heard if isinstance(word, wire.Answer)]
        return answer

    def counters(self) -> dict[str, int]:
        self.cycle(ms=1_000)
        return dict(self.snapshot.counters)

    def close(self) -> None:
        self.gateway.close()
        self.peers.close()
