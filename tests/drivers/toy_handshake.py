"""A toy serial family that wants a challenge answered before it speaks: the contract's conversation in the small.

    us: HELLO <nonce>      device: CHALLENGE <hex>     us: ANSWER <digest>     device: WELCOME or DENIED
    device: P <watts>      us: SET <watts>

The device forgets a limit after 10 s. Lines end in a newline and are at most 80 bytes long.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from drivers.base import Quiet
from drivers.contract import (
    Ask,
    BusKind,
    Defect,
    DefectKind,
    Family,
    Heard,
    OutputSpec,
    Sample,
    SendBytes,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
)
from supervisor.kernel.signal import Quality, Unit

LINE_MAX = 80
RETRY_MS = 5_000
SECRET = b"toy"


def answer_to(challenge: bytes, nonce: bytes) -> bytes:
    return hashlib.sha256(SECRET + challenge + nonce).hexdigest()[:16].encode()


class Handshake(Quiet):
    def __init__(self, entropy: bytes) -> None:
        self._entropy = entropy
        self._tries = 0
        self._nonce = b""
        self._tried_ms: int | None = None
        self._welcome = False
        self._answer: bytes | None = None
        self._rest = b""

    def poll(self, now_ms: int) -> Iterable[Ask]:
        if self._answer is not None:
            answer, self._answer = self._answer, None
            return (SendBytes(b"ANSWER " + answer + b"\n"),)
        if self._welcome or (self._tried_ms is not None and now_ms - self._tried_ms < RETRY_MS):
            return ()
        self._tried_ms, self._tries = now_ms, self._tries + 1
        self._nonce = hashlib.sha256(self._entropy + bytes((self._tries % 256,))).hexdigest()[:8].encode()
        return (SendBytes(b"HELLO " + self._nonce + b"\n"),)

    def on_bytes(self, data: bytes, now_ms: int) -> Iterable[Heard]:
        del now_ms
        *lines, self._rest = (self._rest + data).split(b"\n")
        heard = [item for line in lines for item in self._line(line)]
        if len(self._rest) > LINE_MAX:
            self._rest = b""
            heard.append(Defect(DefectKind.GARBAGE, "a line without an end"))
        return heard

    def _line(self, line: bytes) -> Iterable[Heard]:
        if match := re.fullmatch(rb"CHALLENGE ([0-9a-f]{8})", line):
            self._answer = answer_to(match[1], self._nonce)
        elif line == b"WELCOME":
            self._welcome = True
        elif line == b"DENIED":
            self._welcome = False
            yield Defect(DefectKind.AUTH, "denied")
        elif self._welcome and (match := re.fullmatch(rb"P (-?\d{1,6})", line)):
            yield from self._power(int(match[1]))
        else:
            yield Defect(DefectKind.GARBAGE, f"{len(line)} bytes")

    def _power(self, watts: int) -> Iterable[Heard]:
        if 0 <= watts <= 5_000:
            yield Sample("power", watts * 1000)
        else:
            yield Defect(DefectKind.RANGE, "power")
            yield Sample("power", None, Quality.INVALID)

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        del now_ms
        return (SendBytes(b"SET %d\n" % (outputs["limit"] // 1000)),) if self._welcome else ()


FAMILY = Family(
    stem="toy_handshake",
    title="A toy that wants its challenge answered",
    bus=BusKind.SERIAL,
    machine="none",
    shape=lambda _options: Shape(
        (SignalSpec("power", Unit.POWER, 0, 5_000_000, 3_000, core=True),),
        (
            OutputSpec(
                "limit",
                Unit.POWER,
                0,
                5_000_000,
                0,
                500,
                WriteCost.VOLATILE,
                Silence(SilenceKind.REVERTS_SAFE, 10_000),
                step=1000,
            ),
        ),
    ),
    build=lambda _options, entropy: Handshake(entropy),
)
