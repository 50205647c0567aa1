"""The loopback bench: the house's devices and the product as real processes on real transports of this machine.

Theory of operation: a run directory of its own holds a copy of the house (with the seed) and of the site (with edits
and free ports), all sockets, and a log of each process. The house is started as `powerwarden-rig house`, the product
as `powerwarden run`: from here on it is a stranger that is known by its processes and its HTTP interface. Time 0 is
when its gateway first answers for a guardian. Devices and plant are looked at every LOOK_MS over their control sockets.

Rules
* A moment carries the time of its last answer, by the clock of all processes here. A look that comes late is told
  late; one that was missed is not made up. So the last moment of `advance` may be a little later than asked for.
* A process that ends by itself ends the run, with its last words. One that the scenario killed may come back.
* What the product says of itself is kept beside the facts, and when it says nothing, nothing is missing.
It must never touch anything but this machine's loopback and its own processes (copies.py, processes.py).
"""

from __future__ import annotations

import http.client
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hil.bench import copies
from hil.bench.asker import Asker, Connection, Listener, request_of
from hil.bench.broker import LocalBroker, speaks_mqtt, turned
from hil.bench.contract import LOOK_MS
from hil.bench.guard import Guard
from hil.bench.lookout import Gone, Lookout
from hil.bench.power import DarkHouse, GridVolts
from hil.bench.processes import Ends, Processes, free_ports, listens, python
from hil.scenario.model import (
    Action,
    Broker,
    Clock,
    Decision,
    Flood,
    Moment,
    PowerCut,
    Scenario,
    ToDevice,
    ToProcess,
    Wish,
)
from hil.unix_socket import RigError

READY_S = 30.0
GUARD_EVERY_MS = 500
HOUSE, PRODUCT = "house", "product"
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "resume": signal.SIGCONT}


class LoopbackBench:
    """See the head of this file, and hil/bench/contract.py."""

    name = "loopback"

    def __init__(self, tokens: Mapping[str, str] | None = None) -> None:
        """``tokens``: what an orchestrator shows instead of its demo token."""
        self.decisions: list[Decision] = []
        self.url = ""
        self._tokens = dict(tokens or {})
        self._processes: Processes | None = None
        self._lookout: Lookout | None = None
        self._listener: Listener | None = None
        self._broker: LocalBroker | None = None
        self._askers: dict[str, Asker] = {}
        self._dark: tuple[int, DarkHouse] | None = None  # until when
        self._guarded_ms = self._looked_ms = 0
        self._lock = threading.Lock()
        self._ends = Ends()

    # ---- begin and end -----------------------------------------------------------------------------------------------
    def open(self, scenario: Scenario, seed: int) -> None:
        """Start everything; RigError, and nothing left over, when something does not start."""
        self._ends.hear()
        try:
            self._open(scenario, seed)
        except BaseException:  # also Ctrl-C: whatever was started must end
            self.close()
            raise

    def _open(self, scenario: Scenario, seed: int) -> None:
        self.decisions.clear()
        self._house, self._grid = scenario.house, GridVolts()
        self._processes = Processes(Path(tempfile.mkdtemp(prefix="pw-")))
        self._guards = {top: Guard(self._processes, top) for top in (HOUSE, PRODUCT)}
        self._prepare(scenario, seed, self._ours.run_dir)
        self._start_house()
        self._lookout = Lookout(self._ours.run_dir, [entry.name for entry in scenario.house.entries])
        self._lookout.facts()
        self._lookout.ask("plant", {"set": "wall", "value": scenario.wall})
        self._broker_is_up = True
        if self._broker is not None:
            self._broker.start()
        self._start_product()
        self._wait_for_product()
        self._start_ms = _now_ms()
        self._looked_ms = self._guarded_ms = 0
        self._listener = Listener(self.url, self._token(self._reader))
        self._look_after()  # from now on each of them is known, and missed

    @property
    def _ours(self) -> Processes:
        if self._processes is None:
            raise RigError("this bench is closed; open it with a scenario first")
        return self._processes

    @property
    def _looking(self) -> Lookout:
        if self._lookout is None:
            raise RigError("this bench is closed; open it with a scenario first")
        return self._lookout

    def _prepare(self, scenario: Scenario, seed: int, run_dir: Path) -> None:
        """House, site and broker, in copies that meet each other."""
        entries = [entry for entry in scenario.house.entries if entry.link.kind == "tcp"]
        self._listen, broker, *ports = free_ports(len(entries) + 2)
        moved = {entry.link.number: port for entry, port in zip(entries, ports, strict=True)}
        wires = {entry.name: {"tcp": f"127.0.0.1:{moved[entry.link.number]}"} for entry in entries}
        copies.copy_house(scenario, seed, wires, run_dir / "house.yaml")
        site = copies.copy_site(scenario, moved, run_dir / "site")
        copies.check_harmless(site, list(moved.values()))
        if speaks_mqtt(site):
            site = copies.write(turned(site, broker), run_dir / "site")
            self._broker = LocalBroker(self._ours, broker)
        self._reader = next(iter(copies.mapping(site.value, "orchestrators")), "")
        self.url = f"http://127.0.0.1:{self._listen}"

    def _start_house(self) -> None:
        run_dir = self._ours.run_dir
        words = ["house", str(run_dir / "house.yaml"), "--dir", str(run_dir), "--ready-fd"]
        self._ours.start(HOUSE, python("hil.cli", *words), READY_S)

    def _start_product(self) -> None:
        run_dir = self._ours.run_dir
        words = ["run", str(run_dir / "site"), "--run-dir", str(run_dir), "--listen", f"127.0.0.1:{self._listen}"]
        self._ours.start(PRODUCT, python("supervisor.cli", *words))

    def _wait_for_product(self) -> None:
        """Until its gateway answers for a guardian; RigError when it ends before, or says nothing for READY_S."""
        until_s, connection = time.monotonic() + READY_S, Connection(self.url, "")
        while time.monotonic() < until_s:
            if how := self._ours.ended(PRODUCT):
                raise RigError(f"the product {how}; its last words:\n{self._ours.last_words(PRODUCT)}")
            try:
                if connection.ask("GET", "/healthz")[0] == http.client.OK:
                    connection.close()
                    self._check_it_is_ours()
                    return
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(0.02)
        raise RigError(f"the product is not ready after {READY_S:g} s:\n{self._ours.last_words(PRODUCT)}")

    def _check_it_is_ours(self) -> None:
        """Whoever took the port before our gateway would be asked, and judged, in its place."""
        if not listens(self._ours.family(PRODUCT), self._listen):
            raise RigError(f"port {self._listen} is somebody else's; run the scenario again, which takes another one")

    def close(self) -> None:
        """End it all; safe to call twice, and after a failed `open`."""
        speaking: list[Asker | Listener] = [*self._askers.values(), *([self._listener] if self._listener else [])]
        try:
            for each in speaking:
                each.leave()
            if self._lookout is not None:
                self._lookout.close()
        finally:
            if self._processes is not None:
                self._processes.close()
                shutil.rmtree(self._processes.run_dir, ignore_errors=True)
            self._askers, self._listener, self._lookout, self._broker, self._dark = {}, None, None, None, None
            self._processes = None
        for each in speaking:  # whoever waited for an answer has none coming now
            each.join()
        self._ends.forget()

    # ---- looking -----------------------------------------------------------------------------------------------------
    def advance(self, to_ms: int) -> Iterator[Moment]:
        """Look every LOOK_MS until then, and then once more."""
        while self._looked_ms < to_ms:
            due_ms = min((self._looked_ms // LOOK_MS + 1) * LOOK_MS, to_ms)
            self._wait_until(due_ms)
            self._end_darkness()
            if self._looked_ms - self._guarded_ms >= GUARD_EVERY_MS:
                self._look_after()
            yield self._look()
        self._look_after()  # nobody may have ended unseen since the last time

    def _wait_until(self, due_ms: int) -> None:
        if (left_s := (self._start_ms + due_ms) / 1000 - time.monotonic()) > 0:
            time.sleep(left_s)

    def _look(self) -> Moment:
        try:
            facts = self._looking.facts()
        except Gone as gone:
            raise self._about(gone) from None
        at_ms = self._looked_ms = self._looking.at_ms - self._start_ms
        said = {} if self._listener is None or self._dark is not None else self._listener.said()
        return Moment(at_ms, facts, said)

    def _look_after(self) -> None:
        """Are all processes there that should be, and does everybody still speak who has something to say?"""
        self._guarded_ms = self._looked_ms
        self._ours.look_round()
        self._guards[HOUSE].check()
        if self._dark is None:
            self._guards[PRODUCT].check()
        if self._broker is not None:
            self._broker.check()
        for asker in self._askers.values():
            asker.check()

    def _about(self, gone: Gone) -> RigError:
        words = self._guards[HOUSE].last_words(gone.device)
        return RigError(f"the device {gone}; its last words:\n{words}")

    def _time_ms(self) -> int:
        return _now_ms() - self._start_ms

    # ---- doing -------------------------------------------------------------------------------------------------------
    def do(self, action: Action) -> None:
        """Do it now."""
        match action:
            case ToDevice(device, request):
                self._to_device(device, dict(request))
            case Wish(who):
                request_of(action)  # a verb that nobody has is an error here, not in a thread
                self._asker(who).say(action)
            case Flood(who):
                self._asker(f"{who}, flooding", who).say(action)
            case ToProcess(part, what):
                self._to_process(part, what)
            case Clock():
                raise RigError(
                    "the wall clock of a whole machine is not moved for a test; "
                    "name `benches: [virtual]` in this scenario"
                )
            case PowerCut(for_s):
                self._cut_power(round(for_s * 1000))
            case Broker(up):
                self._to_broker(up)

    def _to_device(self, device: str, request: dict[str, object]) -> None:
        ask = self._looking.ask if self._dark is None else self._dark[1].ask
        try:
            ask(device, request)
        except Gone as gone:
            raise self._about(gone) from None
        self._grid.hear(device, request)

    def _asker(self, name: str, who: str = "") -> Asker:
        if name not in self._askers:
            self._askers[name] = Asker(self.url, who or name, self._token(who or name), self._time_ms, self._decided)
        return self._askers[name]

    def _decided(self, decision: Decision) -> None:
        with self._lock:
            self.decisions.append(decision)

    def _token(self, who: str) -> str:
        return self._tokens.get(who, copies.token_of(who))

    def _to_process(self, part: str, what: str) -> None:
        if what not in SIGNALS:
            raise RigError(f"a process cannot be told to {what!r}: kill, stop or resume")
        target = self._guards[PRODUCT].find(part)
        if what == "kill":
            self._guards[PRODUCT].excuse(part)
        self._ours.signal(target, SIGNALS[what])

    def _to_broker(self, up: bool) -> None:
        if self._broker is None:
            raise RigError("the site has no broker: gateway: mqtt: in its site.yaml (docs/mqtt.md)")
        self._broker_is_up = up
        if self._dark is not None:
            return  # it comes back with the power, or does not
        if up:
            self._broker.start()
        else:
            self._broker.stop()

    # ---- power -------------------------------------------------------------------------------------------------------
    def _cut_power(self, for_ms: int) -> None:
        if self._dark is not None:
            raise RigError("there is no power that could be cut; let the cut before it end first")
        until_ms = self._time_ms() + for_ms
        self._ours.kill_family(PRODUCT)
        if self._listener is not None:
            self._listener.forget()
        if self._broker is not None:
            self._broker.stop()
        self._dark = (until_ms, DarkHouse(self._house, self._looking, self._grid.now))

    def _end_darkness(self) -> None:
        """Power comes back when it is time: devices, broker, product."""
        if self._dark is None or self._time_ms() < self._dark[0]:
            return
        self._dark[1].end()
        self._dark = None
        if self._broker is not None and self._broker_is_up:
            self._broker.start()
        self._start_product()
        self._guards[PRODUCT] = Guard(self._ours, PRODUCT)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
