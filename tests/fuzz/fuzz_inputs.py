"""Inputs for the fuzzer: seeded, from what is right to what is hardly bytes any more. Each generator holds its dice.

Three kinds, as they are kept in corpus/: ``http`` is what one connection says; ``socket`` is a role and, in the lines
below it, one packet for the guardian's Unix socket; ``mqtt`` is a topic and, below it, the payload.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

from supervisor import wire
from supervisor.kernel.signal import Quality, Sample

TARGETS = ("wallbox.current", "relays.coil_1", "relays.coil_2", "nothing.here", "", "%00", "..%2f..", "a" * 300, "ü")
IDENTITIES = ("optimiser", "phone", "local", "", "nobody", "opti\x00miser", "x" * 80)
TOKENS = ("demo-optimiser", "demo-optimiser", "demo-optimiser", "demo-phone", "demo-phone", "", "wrong", "x" * 600)
READS = ("/", "/docs", "/healthz", "/metrics", "/v1/state", "/v1/devices", "/v1/targets", "/v1/events", "/v1/decisions")
READS += (
    "/v1/openapi.json",
    "/v1/identities/me",
    "/v1/denials",
    "/v1/targets/wallbox.current/why",
    "/nowhere",
    "//",
    "*",
)
VERBS = ("setpoint", "renew", "release", "stop", "envelope", "why", "")
METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "get", "PUTT", "")
QUERIES = (
    "",
    "",
    "",
    "?dry_run=true",
    "?dry_run=1",
    "?limit=-1",
    "?limit=9e9",
    "?after=x",
    "?a=b&a=b",
    "?%zz",
    "?" + "a" * 5_000,
)
SCALARS: tuple[Any, ...] = (
    0,
    10,
    -1,
    6,
    16.5,
    1e308,
    -0.0,
    2**53,
    2**200,
    True,
    None,
    "",
    "12",
    "on",
    "A",
    "\u0000",
    "😀",
)
FIELDS = ("value", "unit", "kind", "duration_s", "request_id", "starts_in_s", "number", "dry_run", "sent", "", "ünit")
LITERALS = (
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    "01",
    "1.",
    "'x'",
    '"\\ud800"',
    "[" * 3_000,
    "{" * 3_000,
    "1" * 4_000,
    "\x00",
    "",
)
BITS = (
    b"\x00",
    b"\r\n",
    b"\n",
    b"\xff\xfe",
    b"%",
    b" ",
    b":",
    b"\xc3",
    b"a" * 3_000,
    b"\r\n\r\n",
    b"\x16\x03\x01",
    b"-1",
    b"{",
)


class Dice(random.Random):
    """Choices with names."""

    def perhaps(self, chance: float) -> bool:
        return self.random() < chance

    def spoil(self, data: bytes, times: int) -> bytes:
        """``data`` with some bytes changed, left out, doubled or put between."""
        out = bytearray(data)
        for _ in range(times):
            at = self.randrange(len(out) + 1)
            match self.randrange(5):
                case 0 if out:
                    out[at % len(out)] = self.randrange(256)
                case 1:
                    del out[at : at + self.randrange(1, 9)]
                case 2:
                    out[at:at] = out[at : at + self.randrange(1, 40)]
                case 3:
                    out[at:at] = self.choice(BITS)
                case _:
                    out = out[:at] if self.perhaps(0.1) else out
        return bytes(out)


def body(dice: Dice) -> bytes:
    """A body of JSON, nearly one, or none."""
    right: dict[str, Any] = {"value": dice.choice((0, 6, 10, 16)), "unit": "A", "kind": "live", "duration_s": 30}
    for _ in range(dice.randrange(4)):
        right[dice.choice(FIELDS)] = dice.choice(
            (dice.choice(SCALARS), [dice.choice(SCALARS)], {"x": dice.choice(SCALARS)})
        )
    text = json.dumps(right)
    if dice.perhaps(0.2):
        text = text.replace("10", dice.choice(LITERALS)).replace('"A"', dice.choice(LITERALS))
    data = text.encode("utf-8", "surrogatepass")
    return dice.spoil(data, dice.randrange(1, 5)) if dice.perhaps(0.3) else data


def http(dice: Dice) -> bytes:
    """What one connection says: mostly one request."""
    return b"".join(_request(dice) for _ in range(1 if dice.perhaps(0.9) else dice.randrange(2, 12)))


def _request(dice: Dice) -> bytes:
    writes = f"/v1/targets/{dice.choice(TARGETS)}/{dice.choice(VERBS)}"
    path = dice.choice((writes, writes, "/v1/heartbeat", "/v1/stop", "/v1/latches/x/acknowledge", dice.choice(READS)))
    method = {"setpoint": "PUT"}.get(path.rpartition("/")[2], "POST" if path == writes else "GET")
    method = dice.choice(METHODS) if dice.perhaps(0.2) else method
    said = body(dice) if dice.perhaps(0.8) else b""
    length: object = len(said) if dice.perhaps(0.9) else dice.choice((0, -1, 10**9, 10**30, "x", len(said) + 5, ""))
    heads = [
        f"{method} {path}{dice.choice(QUERIES)} HTTP/{dice.choice(('1.1', '1.1', '1.1', '1.0', '2.0', '9'))}",
        "host: x",
    ]
    heads += [f"content-length: {length}", f"authorization: Bearer {dice.choice(TOKENS)}", "connection: close"]
    if dice.perhaps(0.2):
        odd = ("transfer-encoding: chunked", "expect: 100-continue", "content-type: text/plain", "upgrade: websocket")
        odd += (
            "content-length: 3",
            "authorization: Basic x",
            "last-event-id: " + "9" * 50,
            "x: " + "y" * 9_000,
            "\x01: 2",
            ":",
        )
        heads.insert(dice.randrange(1, len(heads)), dice.choice(odd))
    data = "\r\n".join([*heads, "", ""]).encode("utf-8", "surrogatepass") + said
    return dice.spoil(data, dice.randrange(1, 6)) if dice.perhaps(0.3) else data


def packet(dice: Dice) -> tuple[str, bytes]:
    """A role, or "stranger", and one packet: a right word, a right word for somebody else, or a spoilt one."""
    role = dice.choice(("gateway", "gateway", "gateway", "view", "bus", "stranger"))
    word = dice.choice(WORDS)(dice) if dice.perhaps(0.4) else _ask(dice)
    data = wire.encode(word)
    if dice.perhaps(0.5):
        data = dice.spoil(data, dice.randrange(1, 6))
    if dice.perhaps(0.03):
        data = dice.randbytes(dice.choice((0, 1, 100, 60_000)))
    return role, data or b"\x00"


def _int(dice: Dice) -> int:
    return dice.choice((0, 1, -1, 10_000, 6_000, 2**31, 2**53, -(2**53), dice.randrange(20_000)))


def _ask(dice: Dice) -> wire.Word:
    verb, now = dice.choice(list(wire.Verb)), dice.choice((_int(dice), time.monotonic_ns() // 1_000_000, 0))
    duration = dice.choice((None, 30_000, _int(dice)))
    target, unit = dice.choice(TARGETS)[:80], dice.choice(("mA", "flag", "A", ""))
    kind, name = dice.choice(("live", "setting", "program", "", "forever")), dice.choice(IDENTITIES)
    ask = (
        _int(dice),
        verb,
        name,
        target,
        dice.choice((None, _int(dice))),
        unit,
        kind,
        duration,
        "r",
        now,
        dice.perhaps(0.5),
    )
    return wire.Ask(*ask, dice.choice((None, _int(dice))), dice.choice((None, _int(dice))))


def _samples(dice: Dice) -> wire.Word:
    one = Sample(_int(dice), _int(dice), _int(dice), dice.choice(list(Quality)))
    return wire.Samples((one,) * dice.choice((0, 1, 50, 4_000)))


def _other(dice: Dice) -> wire.Word:
    text = dice.choice(("", "x", "\x00", "ü" * 20))
    return dice.choice(
        (
            wire.Hello(dice.choice(list(wire.Role)), text, _int(dice), _int(dice), text),
            wire.Report(text, _int(dice), text, text, ((text, text, _int(dice)),) * dice.choice((0, 3, 1_000))),
            wire.Image(_int(dice), _int(dice), ((_int(dice), _int(dice)),)),
            wire.Acknowledge(_int(dice), text, "0" * 32, "f" * 64, "f" * 128, _int(dice)),
            wire.Answer(_int(dice), text, _int(dice), (), None),
        )
    )


WORDS: tuple[Callable[[Dice], wire.Word], ...] = (_samples, _other, _ask)


def message(dice: Dice) -> tuple[str, bytes]:
    """An MQTT topic below ours, or nearly, and a payload."""
    levels = ["powerwarden", dice.choice(("ask", "ask", "ask", "request", "answer", "state", ""))]
    levels += [
        dice.choice(IDENTITIES),
        dice.choice(("set", "slide", "renew", "release", "stop", "heartbeat", "+", "#", "")),
    ]
    levels += [dice.choice(TARGETS)] if dice.perhaps(0.8) else []
    topic = "/".join(levels)
    if dice.perhaps(0.2):
        topic = dice.spoil(topic.encode(), 2).decode("utf-8", "replace")
    scheme = {"request_id": "r", "time": 0, "node": "x", "comp": "wallbox.current", "command": "set", "parameters": {}}
    scheme[dice.choice(list(scheme))] = dice.choice(SCALARS)
    return topic, dice.choice(
        (body(dice), body(dice), b"", b"on", b"10", json.dumps(scheme).encode(), dice.randbytes(30))
    )
