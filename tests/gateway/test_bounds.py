"""The bounds of a connection, broken with a bare socket."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from conftest import Gateway
from fake_guardian import SECONDS_MAX

from supervisor.gateway import bounds


def talk(gateway: Gateway, *parts: bytes) -> bytes:
    """Send ``parts``, hear everything until the server hangs up."""
    heard = b""
    with socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX) as sock:
        try:
            for part in parts:
                sock.sendall(part)
            while data := sock.recv(65_536):
                heard += data
        except ConnectionError:
            pass
    return heard


def test_a_head_without_end_costs_the_connection(gateway: Gateway) -> None:
    assert talk(gateway, b"GET / HTTP/1.1\r\nx: ", *([b"a" * 4_096] * 100)) == b""
    assert gateway.http.get("/healthz").status_code == 200


def test_a_body_that_does_not_say_its_length_is_refused(gateway: Gateway) -> None:
    head = b"PUT /v1/targets/heater.relay/setpoint HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert talk(gateway, head, b"1\r\n{\r\n").startswith(b"HTTP/1.1 400")


def test_a_request_that_never_ends_is_dropped(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "REQUEST_S", 0.05)
    assert talk(gateway, b"") == b""
    assert talk(gateway, b"GET / HTTP/1.1\r\nhost: x\r\n") == b""
    late = b"POST /v1/heartbeat HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n"
    assert talk(gateway, late + b"authorization: Bearer token-of-node-red\r\n\r\n") == b""


def test_requests_in_advance_are_bounded(gateway: Gateway) -> None:
    one = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    assert b"400 Bad Request" in talk(gateway, one * 50)


def test_one_address_cannot_take_every_connection(gateway: Gateway) -> None:
    with ExitStack() as held:
        for _ in range(bounds.ADDRESS_CONNECTIONS):
            held.enter_context(socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX))
        assert talk(gateway, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") == b""
