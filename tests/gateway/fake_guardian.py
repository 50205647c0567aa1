"""A small guardian for tests: it speaks supervisor.wire over a real seqpacket socket and has behaviour of its own.

It describes one house, sends a picture every PICTURE_S, keeps every Ask it hears, and decides: a value above the
envelope is clipped, a target held by another identity is refused, a muted guardian hears and says nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import selectors
import socket
import threading
import time
from pathlib import Path

from msgspec.structs import replace

from supervisor.kernel.signal import Quality
from supervisor.wire import (
    MESSAGE_MAX,
    Acknowledge,
    Answer,
    Ask,
    BusInfo,
    Clause,
    Describe,
    Event,
    Hello,
    IdentityInfo,
    LeaseInfo,
    MachineInfo,
    MachineState,
    Seen,
    SignalInfo,
    Snapshot,
    TargetInfo,
    TargetState,
    TripInfo,
    Verb,
    Word,
    decode,
    encode,
)

PICTURE_S = 0.1
TOKENS = {"homeassistant": "token-of-home-assistant", "nodered": "token-of-node-red"}
SECONDS_MAX = 20.0  # every wait in these tests ends


def identity(name: str, role: str) -> IdentityInfo:
    return IdentityInfo(name, role, hashlib.sha256(TOKENS[name].encode()).hexdigest())


DESCRIBE = Describe(
    site="example house",
    digest="d1",
    observe=False,
    simulated=True,
    cycle_ms=50,
    signals=(
        SignalInfo("meter.current_l1", "mA", 1_000),
        SignalInfo("wallbox.power", "mW", 1_000),
        SignalInfo("battery.soc", "permille", 5_000),
        SignalInfo("battery.cell_temp", "mdegC", 5_000),
        SignalInfo("wallbox.plugged", "flag", 5_000),
    ),
    targets=(
        TargetInfo("wallbox.current_limit", "mA", 0, 16_000, 0, 1_000, ((0, 6_000),), False, "reverts to 6 A"),
        TargetInfo("battery.charge_power", "mW", 0, 5_000_000, 0, 1, (), False, "none"),
        TargetInfo("heater.relay", "flag", 0, 1, 0, 1, (), True, "opens"),
        TargetInfo("battery.soc_max", "permille", 0, 1_000, 700, 1, (), False, "none"),
    ),
    machines=(
        MachineInfo("house", "house", ("starting", "normal", "degraded", "fault")),
        MachineInfo("wallbox", "charger", ("unseen", "standby", "ready", "protected")),
        MachineInfo("heater.relay", "contactor", ("open", "closed", "welded")),
    ),
    identities=(identity("homeassistant", "orchestrator"), identity("nodered", "orchestrator")),
    rules=(
        ("main_fuse", "the main fuse carries 35 A per phase"),
        ("cable.wallbox", "the cable to the wallbox carries 16 A"),
        ("cell_cold", "lithium is not charged below 0 °C"),
    ),
)

LEASE = LeaseInfo("wallbox.current_limit", "homeassistant", "live", 10_000, 21_500, "r1")

SNAPSHOT = Snapshot(
    at_ms=0,
    cycle=1_234,
    mode="degraded",
    mode_for_ms=75_000,
    readings=(
        Seen(12_345, 60, Quality.GOOD),
        Seen(2_300_000, 60, Quality.SUSPECT),
        Seen(705, 9_000, Quality.STALE),
        Seen(None, None, Quality.MISSING),
        Seen(1, 100, Quality.GOOD),
    ),
    targets=(
        TargetState(10_000, "lease", 0, 13_000, "", "main_fuse", "", LEASE),
        TargetState(0, "trip", 0, 0, "cell_cold", "cell_cold", "cell_cold", None),
        TargetState(None, "", 0, 1, "", "", "", None),
        TargetState(700, "default", 200, 1_000, "", "", "", None),
    ),
    machines=(MachineState(2, 75_000), MachineState(1, 3_000), MachineState(0, 10)),
    trips=(TripInfo("cell_cold", "unknown", "", 4_000),),
    buses=(
        BusInfo("can0", True, "up", "", (("battery", "checksum", 3), ("can0", "frames_in", 900))),
        BusInfo("modbus", False, "down", "no answer", ()),
    ),
    events=tuple(Event(0, "decision", "wallbox.current_limit", f"event number {n}", n + 1) for n in range(10)),
    counters=(("cycles", 1_234), ("late_cycles", 0), ("decisions_granted", 7)),
)


class FakeGuardian:
    """Use it as a context manager; it may be started again on the same path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.born_ms = time.monotonic_ns() // 1_000_000
        self.describe = DESCRIBE
        self.snapshot = SNAPSHOT
        self.muted = False
        self.first_word: Word | None = None  # instead of Describe
        self.held_by: dict[str, str] = {}
        self.asks: queue.Queue[Ask] = queue.Queue()
        self.hellos: queue.Queue[Hello] = queue.Queue()

    def __enter__(self) -> FakeGuardian:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(os.fspath(self.path))
        self._listener.listen(8)
        self._stop_reader, self._stop_writer = socket.socketpair()
        self._clients: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._run, name="fake guardian")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_writer.send(b"x")
        self._thread.join(SECONDS_MAX)
        for sock in (*self._clients, self._listener, self._stop_reader, self._stop_writer):
            sock.close()
        self.path.unlink(missing_ok=True)

    def next_ask(self) -> Ask:
        return self.asks.get(timeout=SECONDS_MAX)

    def picture(self) -> Snapshot:
        now_ms = time.monotonic_ns() // 1_000_000
        events = tuple(replace(event, at_ms=event.at_ms or self.born_ms) for event in self.snapshot.events)
        return replace(self.snapshot, at_ms=now_ms, events=events)

    def _run(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._stop_reader, selectors.EVENT_READ)
        due = time.monotonic()
        while True:
            for key, _mask in selector.select(max(0.0, due - time.monotonic())):
                if key.fileobj is self._stop_reader:
                    selector.close()
                    return
                if key.fileobj is self._listener:
                    client = self._listener.accept()[0]
                    self._clients.add(client)
                    selector.register(client, selectors.EVENT_READ)
                else:
                    self._serve(key.fileobj, selector)
            if time.monotonic() >= due:
                due = time.monotonic() + PICTURE_S
                self._publish()

    def _publish(self) -> None:
        for client in self._clients if not self.muted else ():
            self._say(client, self.picture())

    def _serve(self, client: socket.socket, selector: selectors.BaseSelector) -> None:
        try:
            packet = client.recv(MESSAGE_MAX)
        except OSError:
            packet = b""
        if not packet:
            selector.unregister(client)
            self._clients.discard(client)
            client.close()
            return
        word = decode(packet)
        if isinstance(word, Hello):
            self.hellos.put(word)
            self._say(client, self.first_word or self.describe)
            self._say(client, self.picture())
        elif isinstance(word, Ask):
            self.asks.put(word)
            if not self.muted:
                self._say(client, self.decide(word))
        elif isinstance(word, Acknowledge):
            clause = Clause("acknowledge.signature", "refuses", "the signature is not the installer's", ())
            self._say(client, Answer(word.seq, "refused", None, (clause,), None))

    def _say(self, client: socket.socket, word: Word) -> None:
        with contextlib.suppress(OSError):  # a client that went away or does not read costs nobody else anything
            client.send(encode(word), socket.MSG_DONTWAIT)

    def decide(self, ask: Ask) -> Answer:
        if ask.verb is not Verb.SET:
            return Answer(ask.seq, "done", None, (), None)
        holder = self.held_by.get(ask.target, ask.identity)
        if holder != ask.identity:
            text = f"{holder} holds it for another 20 s"
            return Answer(ask.seq, "refused", None, (Clause("lease.held", "refuses", text, ()),), None)
        names = [info.id for info in self.describe.targets]
        state = self.snapshot.targets[names.index(ask.target)]
        if state.empty_by:
            clause = Clause(state.empty_by, "refuses", "nothing is left", (("battery.cell_temp", "missing"),))
            return Answer(ask.seq, "refused", None, (clause,), None)
        value = max(state.lo, min(state.hi, ask.value or 0))
        effect = "permits" if value == ask.value else "clips"
        clause = Clause(state.hi_by, effect, "35 A per phase", (("meter.current_l1", "12.3 A good"),))
        lease = LeaseInfo(ask.target, ask.identity, ask.kind, value, ask.duration_ms or 30_000, ask.request_id)
        verdict = "granted" if value == ask.value else "clipped"
        return Answer(ask.seq, verdict, value, (clause,), None if ask.dry_run else lease)
