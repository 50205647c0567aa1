"""The stream of server-sent events: what a reader hears, where he goes on, and who is not waited for."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Gateway
from fake_guardian import DESCRIBE, SECONDS_MAX, SNAPSHOT, FakeGuardian
from msgspec.structs import replace

from supervisor.gateway import stream
from supervisor.kernel.signal import Quality
from supervisor.wire import Event, Seen, SignalInfo, Snapshot

CURRENT = "wallbox.current_limit"
TEN_AMPS = {"value": 10, "unit": "A"}


class Reader:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.place = ""
        self._lines = response.iter_lines()

    def next(self) -> tuple[str, Any]:
        """The kind and the data of what comes next; ("", comment) of a comment, ("end", None) when it is over."""
        kind, data = "", ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                return "", line
            if name == "id":
                self.place = value
            kind, data = (value, data) if name == "event" else (kind, value) if name == "data" else (kind, data)
            if not line and data:
                return kind, json.loads(data)
        return "end", None

    def until(self, wanted: str) -> Any:
        """The data of the next ``wanted``."""
        while True:
            kind, data = self.next()
            assert kind != "end"
            if kind == wanted:
                return data


@contextmanager
def listening(gateway: Gateway, place: str = "") -> Iterator[Reader]:
    headers = {"last-event-id": place} if place else {}
    with gateway.http.stream("GET", "/v1/stream", headers=headers) as response:
        yield Reader(response)


def open_streams(gateway: Gateway) -> float:
    lines = gateway.http.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("powerwarden_event_streams ")).split()[1])


def until_none_is_open(gateway: Gateway) -> None:
    ends = time.monotonic() + SECONDS_MAX
    while open_streams(gateway):
        assert time.monotonic() < ends


def bytes_until_the_end(sock: socket.socket) -> int:
    total = 0
    while chunk := sock.recv(65_536):
        total += len(chunk)
    return total


@pytest.fixture
def house(guardian: FakeGuardian, gateway: Gateway) -> Iterator[FakeGuardian]:
    """The module's guardian, whose picture is put back and whose readers have gone."""
    yield guardian
    guardian.snapshot = SNAPSHOT
    until_none_is_open(gateway)
    while not gateway.changes.empty():
        gateway.changes.get_nowait()
    for _ in range(2):  # the first may have been on its way already
        gateway.until("snapshot")


def test_a_reader_first_hears_everything(house: FakeGuardian, gateway: Gateway) -> None:
    with listening(gateway) as reader:
        assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        kind, state = reader.next()
    assert (kind, state["house"]["mode"], state["targets"][CURRENT]["output"]) == ("state", "degraded", 10)


def test_then_only_what_is_different(house: FakeGuardian, gateway: Gateway) -> None:
    with listening(gateway) as reader:
        reader.until("state")
        lower = replace(SNAPSHOT.targets[0], output=9_000)
        warm = (*SNAPSHOT.readings[:3], Seen(21_000, 10, Quality.GOOD), *SNAPSHOT.readings[4:])
        house.snapshot = replace(SNAPSHOT, targets=(lower, *SNAPSHOT.targets[1:]), readings=warm)
        changed = reader.until("change")
    assert set(changed) == {"targets", "readings"}
    assert list(changed["targets"]) == [CURRENT]
    assert changed["targets"][CURRENT]["output"] == 9
    assert changed["readings"] == {"battery.cell_temp": changed["readings"]["battery.cell_temp"]}
    assert changed["readings"]["battery.cell_temp"]["value"] == 21


def test_time_that_passes_is_no_change(house: FakeGuardian, gateway: Gateway) -> None:
    with listening(gateway) as reader:
        reader.until("state")
        for number in (11, 12, 13):  # three pictures later, without anything but their news between them
            house.snapshot = replace(house.snapshot, events=(Event(0, "trip", "x", f"{number}", number),))
            assert reader.next()[0] == "event"


def test_a_decision_and_an_event_are_heard_as_they_come(house: FakeGuardian, gateway: Gateway) -> None:
    with listening(gateway) as reader:
        reader.until("state")
        before = reader.place
        gateway.put(CURRENT, TEN_AMPS, "nodered")
        made = reader.until("decision")
        assert (made["identity"], made["verdict"]) == ("nodered", "granted")
        house.snapshot = replace(SNAPSHOT, events=(*SNAPSHOT.events, Event(0, "trip", "main_fuse", "acts", 20)))
        assert reader.until("event")["subject"] == "main_fuse"
        assert reader.place.split(",")[0] != before.split(",")[0]
        assert reader.place.split(",")[1] != before.split(",")[1]


def test_a_reader_who_comes_back_hears_what_he_missed_once(house: FakeGuardian, gateway: Gateway) -> None:
    with listening(gateway) as reader:
        reader.until("state")
        place = reader.place
    for value in (7, 8):
        gateway.put(CURRENT, TEN_AMPS | {"value": value})
    with listening(gateway, place) as reader:
        heard = [reader.next() for _ in range(3)]
        gateway.put(CURRENT, TEN_AMPS | {"value": 9})
        heard.append(reader.next())
    assert [kind for kind, _ in heard] == ["state", "decision", "decision", "decision"]
    assert [data["asked"]["value"] for _, data in heard[1:]] == [7, 8, 9]


def test_a_place_that_is_kept_no_more_is_told_as_a_gap(house: FakeGuardian, gateway: Gateway) -> None:
    with listening(gateway, "1-1,2-2") as reader:
        assert reader.next()[0] == "state"
        assert reader.next() == ("gap", {"events": True, "decisions": True})
        assert reader.next()[0] == "event"


def test_that_the_guardian_goes_and_comes_is_heard(tmp_path: Path) -> None:
    with FakeGuardian(tmp_path / "g.sock") as guardian, Gateway(guardian.path) as gateway:
        gateway.until("snapshot")
        with listening(gateway) as reader:
            assert reader.until("state")["house"]["mode"] == "degraded"
            guardian.__exit__()
            assert reader.until("state")["house"]["mode"] == "unknown"
            guardian.__enter__()
            assert reader.until("state")["house"]["mode"] == "degraded"


def test_changes_come_at_most_four_times_a_second(tmp_path: Path) -> None:
    class Busy(FakeGuardian):
        def picture(self) -> Snapshot:
            self.snapshot = replace(self.snapshot, mode="fault" if self.snapshot.mode == "normal" else "normal")
            return super().picture()

    with Busy(tmp_path / "g.sock") as guardian, Gateway(guardian.path) as gateway:
        gateway.until("snapshot")
        with listening(gateway) as reader:
            reader.until("change")
            began = time.monotonic()
            for _ in range(3):
                reader.until("change")
            assert time.monotonic() - began >= 2.9 * stream.TICK_S


def test_silence_is_told_from_death_by_a_comment(
    house: FakeGuardian, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_S", 0.05)
    with listening(gateway) as reader:
        reader.until("state")
        assert reader.next() == ("", ": still here")
        assert reader.next() == ("", ": still here")


def test_an_address_has_four_streams_and_gets_them_back(house: FakeGuardian, gateway: Gateway) -> None:
    with ExitStack() as stack:
        readers = [stack.enter_context(listening(gateway)) for _ in range(stream.ADDRESS_STREAMS)]
        assert [reader.next()[0] for reader in readers] == ["state"] * stream.ADDRESS_STREAMS
        refused = gateway.http.get("/v1/stream")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
    until_none_is_open(gateway)
    with listening(gateway) as reader:
        reader.until("state")


def test_all_together_have_sixteen(house: FakeGuardian, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ADDRESS_STREAMS", 100)
    with ExitStack() as stack:
        readers = [stack.enter_context(listening(gateway)) for _ in range(stream.STREAMS_MAX)]
        assert [reader.next()[0] for reader in readers] == ["state"] * stream.STREAMS_MAX
        refused = gateway.http.get("/v1/stream")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_streams")


def test_head_opens_no_stream(house: FakeGuardian, gateway: Gateway) -> None:
    response = gateway.http.head("/v1/stream")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert open_streams(gateway) == 0


def test_who_does_not_read_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_S", 0.05)
    monkeypatch.setattr(stream, "SLOW_S", 0.2)
    many = 4_500  # so many readings that they do not fit into what the two ends of a socket hold
    guardian, gateway = FakeGuardian(tmp_path / "g.sock"), Gateway(tmp_path / "g.sock")
    guardian.describe = replace(DESCRIBE, signals=tuple(SignalInfo(f"m.s{n}", "mA", 9) for n in range(many)))
    guardian.snapshot = replace(SNAPSHOT, readings=(Seen(1, 1, Quality.GOOD),) * many)
    gateway._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)  # its connections have the same
    with guardian, gateway, socket.socket() as sock:
        gateway.until("snapshot")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.settimeout(SECONDS_MAX)
        sock.connect(("127.0.0.1", gateway.port))
        sock.sendall(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\n\r\n")
        ends = time.monotonic() + SECONDS_MAX
        while not open_streams(gateway):
            assert time.monotonic() < ends
        until_none_is_open(gateway)
        assert bytes_until_the_end(sock) < len(gateway.http.get("/v1/state").content)


class FullSocket:
    """A server's request whose caller has stopped reading: nothing can be sent, until its connection is cut."""

    def __init__(self) -> None:
        self.transport = self
        self._cut = asyncio.Event()

    def abort(self) -> None:
        self._cut.set()

    async def receive(self) -> dict[str, Any]:
        await self._cut.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self._cut.wait()


def test_the_stream_itself_cuts_the_connection_of_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SLOW_S", 0.05)
    ended: list[stream.Stream] = []

    async def stuck() -> None:
        full = FullSocket()
        reader = stream.Stream(b"first", "x", ended.append)
        await asyncio.wait_for(reader({"type": "http"}, full.receive, full.send), SECONDS_MAX)

    asyncio.run(stuck())
    assert len(ended) == 1


def test_a_queue_that_grows_ends_its_stream_and_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[stream.Stream] = []

    async def stuck() -> None:
        reader = stream.Stream(b"first", "x", ended.append)
        for _ in range(stream.QUEUE_MAX + 1):
            reader.push(b"x")
        sent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))

        await asyncio.wait_for(reader({"type": "http"}, receive, send), SECONDS_MAX)
        assert b"".join(sent) == b""

    asyncio.run(stuck())
    assert len(ended) == 1


def test_a_gateway_that_stops_does_not_wait_for_its_readers(tmp_path: Path) -> None:
    with FakeGuardian(tmp_path / "g.sock") as guardian, ExitStack() as stack:
        gateway = stack.enter_context(Gateway(guardian.path))
        gateway.until("snapshot")
        with httpx.stream("GET", f"http://127.0.0.1:{gateway.port}/v1/stream", timeout=SECONDS_MAX) as response:
            reader = Reader(response)
            reader.until("state")
            began = time.monotonic()
            stack.close()
            assert time.monotonic() - began < 1
            assert reader.next() == ("end", None)
