"""The bounds of a connection, broken with a bare socket. Whoever breaks one loses the connection and is counted."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Gateway
from fake_guardian import DESCRIBE, SECONDS_MAX, FakeGuardian
from msgspec.structs import replace

from supervisor.gateway import bounds, main, seats
from supervisor.gateway.denials import Reason

GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def talk(gateway: Gateway, *parts: bytes, source: str = "127.0.0.1") -> bytes:
    """Send ``parts``, hear everything until the server hangs up."""
    heard = b""
    with socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX, (source, 0)) as sock:
        try:
            for part in parts:
                sock.sendall(part)
            while data := sock.recv(65_536):
                heard += data
        except ConnectionError:
            pass
    return heard


def counted(gateway: Gateway, reason: Reason, before: int = 0) -> int:
    return gateway.denials.totals()[reason] - before


def until(condition: Callable[[], bool]) -> None:
    """The gateway runs in a thread of its own."""
    end = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < end, "never"
        threading.Event().wait(0.01)


@pytest.mark.parametrize(
    "parts",
    [
        (b"GET / HTTP/1.1\r\nx: ", *([b"a" * 4_096] * 100)),
        (b"GET /" + b"a" * bounds.HEAD_MAX + b" HTTP/1.1\r\n\r\n",),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 4_000 + b"\r\n",),
    ],
    ids=["without an end", "a long path", "many headers at once"],
)
def test_a_head_has_a_bound_however_it_comes(gateway: Gateway, parts: tuple[bytes, ...]) -> None:
    before = counted(gateway, Reason.BOUND_HEAD)
    heard = talk(gateway, *parts)
    assert heard == b"" or (heard.startswith(b"HTTP/1.1 431 ") and b'"bound_head"' in heard)
    assert counted(gateway, Reason.BOUND_HEAD, before) == 1
    assert gateway.http.get("/healthz").status_code == 200


def test_a_head_just_within_its_bound_is_answered(gateway: Gateway) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: "
    assert talk(gateway, head + b"a" * (bounds.HEAD_MAX - 100) + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_body_that_does_not_say_its_length_is_refused(gateway: Gateway) -> None:
    before = counted(gateway, Reason.BOUND_BODY)
    head = b"PUT /v1/targets/heater.relay/setpoint HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert talk(gateway, head, b"1\r\n{\r\n").startswith(b"HTTP/1.1 411")
    assert counted(gateway, Reason.BOUND_BODY, before) == 1


def test_what_is_no_http_is_answered_in_the_shape_of_every_error(gateway: Gateway) -> None:
    before = counted(gateway, Reason.BOUND_SYNTAX)
    heard = talk(gateway, b"\x16\x03\x01\x02\x00 what a browser says that was told https\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bound_syntax"' in heard
    assert counted(gateway, Reason.BOUND_SYNTAX, before) == 1


def test_a_request_that_never_ends_is_dropped(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "REQUEST_S", 0.05)
    before = counted(gateway, Reason.BOUND_SLOW)
    assert talk(gateway, b"") == b""
    assert talk(gateway, b"GET / HTTP/1.1\r\nhost: x\r\n") == b""
    late = b"POST /v1/heartbeat HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n"
    assert talk(gateway, late + b"authorization: Bearer token-of-node-red\r\n\r\n") == b""
    assert counted(gateway, Reason.BOUND_SLOW, before) == 3


@pytest.mark.parametrize("path", [b"/v1/state", b"/metrics"], ids=["little", "a lot"])
def test_who_never_reads_his_answers_is_hung_up_on(
    path: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a bound he would keep his connection, and what was written for him, for ever."""
    monkeypatch.setattr(bounds, "READ_S", 0.2)
    monkeypatch.setattr(main, "KEEP_ALIVE_S", 0.2)
    with FakeGuardian(tmp_path / "g.sock") as guardian:
        guardian.describe = replace(DESCRIBE, rules=tuple((f"rule_{n}", "why") for n in range(2_000)))
        with Gateway(guardian.path) as gateway, socket.socket() as sock:
            gateway.until("snapshot")
            gateway._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the system's buffers would take it all
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sock.settimeout(SECONDS_MAX)
            sock.connect(("127.0.0.1", gateway.port))
            sock.sendall((b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n") * bounds.PIPELINE_MAX)
            until(lambda: counted(gateway, Reason.BOUND_SLOW) == 1)


def test_a_refused_body_is_not_listened_to_for_ever(gateway: Gateway) -> None:
    head = b"PUT /v1/targets/heater.relay/setpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n"
    head += b"authorization: Bearer token-of-node-red\r\n\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX) as sock:
        sock.sendall(head)
        answer = sock.recv(12)
        with contextlib.suppress(ConnectionError):
            while sent < 1_000_000_000:
                sock.sendall(b"a" * 65_536)
                sent += 65_536
    assert answer == b"HTTP/1.1 413"
    assert sent < 100_000_000


def test_requests_in_advance_are_bounded(gateway: Gateway) -> None:
    before = counted(gateway, Reason.BOUND_PIPELINE)
    assert b"400 Bad Request" in talk(gateway, GET * 50)
    assert counted(gateway, Reason.BOUND_PIPELINE, before) == 1


def test_one_address_has_its_bound_and_who_comes_last_is_served(gateway: Gateway) -> None:
    """A stop must get through behind a crowd of idle connections of its own machine."""
    before = counted(gateway, Reason.BOUND_CONNECTIONS)
    with ExitStack() as held:
        for _ in range(seats.NETWORK_SEATS + 10):
            held.enter_context(socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX))
        assert talk(gateway, LAST).startswith(b"HTTP/1.1 200 ")
        assert counted(gateway, Reason.BOUND_CONNECTIONS, before) >= 11


def test_a_crowd_from_everywhere_does_not_keep_anybody_out(gateway: Gateway) -> None:
    before = counted(gateway, Reason.BOUND_CONNECTIONS)
    with ExitStack() as held:
        for number in range(seats.SEATS_MAX + 50):
            source = (f"127.0.1.{1 + number % 20}", 0)
            held.enter_context(socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX, source))
        assert talk(gateway, LAST).startswith(b"HTTP/1.1 200 ")
        assert counted(gateway, Reason.BOUND_CONNECTIONS, before) >= 51


@dataclass
class Chair:
    network: str
    number: int
    idle: bool

    def leave(self) -> None: ...


@pytest.mark.parametrize(("networks", "busy"), [(1, 0.5), (2, 0.9), (5, 0.1), (9, 0.5), (300, 0.5), (5, 1.0)])
def test_seats_are_bounded_busy_ones_are_kept_and_nobody_loses_one_to_a_greedier_network(
    networks: int, busy: float
) -> None:
    dice = random.Random(networks)
    seated: list[Chair] = []
    for number in range(500):
        newcomer = Chair(str(dice.randrange(networks)), number, dice.random() >= busy)
        seated.append(newcomer)
        counts = Counter(chair.network for chair in seated)
        goes = seats.one_too_many(seated, newcomer)
        if goes is not None:
            assert goes is newcomer or goes.idle
            assert counts[goes.network] >= counts[newcomer.network]
            seated.remove(goes)
        assert len(seated) <= seats.SEATS_MAX
        assert max(Counter(chair.network for chair in seated).values()) <= seats.NETWORK_SEATS
