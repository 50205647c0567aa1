"""Bodies of requests, read with a bound and parsed without mercy.

Rules
* At most BODY_MAX bytes, whole within BODY_S seconds; a longer body is refused before it is read.
* A field that nobody knows is an error, not a comment: a misspelt "duration" must not become the default duration.
* ``"12"`` and ``true`` are no numbers, and NaN is none either.
* Values leave here in the target's kernel unit or not at all.

This file must never clip: narrowing a wish is the guardian's office, and it says why.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from supervisor.gateway import units
from supervisor.gateway.problem import Problem
from supervisor.wire import TargetInfo

BODY_MAX = 8 * 1024  # bytes
BODY_S = 5.0
DURATION_MAX_MS = 7 * 24 * 3_600_000  # a week; the policy's own caps are far below

# Printable ASCII only: the id is shown on terminals and in logs.
RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[!-~]+\Z")]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
ABSENT = msgspec.Raw(b"")


class Setpoint(msgspec.Struct, forbid_unknown_fields=True):
    """PUT /v1/targets/{id}/setpoint. ``value`` and ``duration_s`` stay as written until the unit is known."""

    value: msgspec.Raw
    unit: Annotated[str, msgspec.Meta(max_length=16)]
    kind: Literal["live", "setting", "program"] = "live"
    duration_s: msgspec.Raw = ABSENT
    request_id: RequestId = ""
    starts_in_s: msgspec.Raw = ABSENT
    number: Number | None = None


class Renewal(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/targets/{id}/renew; an empty body renews for as long as it was granted."""

    duration_s: msgspec.Raw = ABSENT
    request_id: RequestId = ""
    number: Number | None = None


class Beat(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/heartbeat; it may count, and says nothing else."""

    number: Number | None = None


class Acknowledgement(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/latches/{rule}/acknowledge: all in lower-case hex, as supervisor.wire.Acknowledge carries them."""

    challenge: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    public_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    signature: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}\Z")]


@dataclass(frozen=True)
class Wish:
    """A setpoint in kernel units. ``unit``: the spelling that was used, in which the answer is given."""

    value: int
    unit: str
    kind: str
    duration_ms: int | None
    request_id: str
    starts_in_ms: int | None
    number: int | None


Shape = TypeVar("Shape", bound=msgspec.Struct)


async def read(request: Request) -> bytes:
    """The whole body. Raises Problem 413 when it is too long, 422 when it does not come to an end in time."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:12]) > BODY_MAX:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_MAX:
                    raise _too_large()
    except (TimeoutError, ClientDisconnect):
        raise _bad("the body did not arrive in time", "send the whole body at once") from None
    return bytes(body)


def parse(body: bytes, shape: type[Shape]) -> Shape:
    """A body as ``shape``. Raises Problem 422 with the path of the first field that is wrong."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(f"the body is not what belongs here: {error}"[:300], _EXAMPLE) from None


def wish(body: bytes, target: TargetInfo) -> Wish:
    """A setpoint for ``target``. Raises Problem 422 when value, unit or duration cannot be meant."""
    return wished(parse(body, Setpoint), target)


def wished(asked: Setpoint, target: TargetInfo) -> Wish:
    """The same for a setpoint that has been parsed, from wherever it came."""
    try:
        value = units.to_kernel(_literal(asked.value, target), asked.unit, target.unit)
    except units.UnitError as error:
        step = units.phrase(max(1, target.step), target.unit) if target.unit not in ("flag", "code") else "0 or 1"
        raise _bad(str(error), f"{target.id} is asked for in {units.shown_unit(target.unit)}, step {step}") from None
    start_ms = duration(asked.starts_in_s, "starts_in_s")
    request_id = asked.request_id or fresh_id()
    return Wish(value, asked.unit, asked.kind, duration(asked.duration_s), request_id, start_ms, asked.number)


def duration(raw: msgspec.Raw, name: str = "duration_s") -> int | None:
    """Milliseconds, or None for the kind's default. Raises Problem 422 unless it is > 0 and whole in ms."""
    if not bytes(raw):
        return None
    try:
        length = units.to_kernel(units.number(_text(raw)), "s", "ms")
    except units.UnitError as error:
        raise _bad(f"{name}: {error}", "give seconds, for example 30") from None
    if not 0 < length <= DURATION_MAX_MS:
        raise _bad(f"{name} is not between 0.001 s and a week", "give seconds, for example 30")
    return length


def fresh_id() -> str:
    """An id for a request that has none, so that two such requests are never taken for one."""
    return secrets.token_hex(8)


def _literal(raw: msgspec.Raw, target: TargetInfo) -> Decimal:
    """The number in ``raw``; a switch may also be told "on" or "off", a changeover the name of a position."""
    text = _text(raw)
    if target.codes:
        text = {f'"{name}"': str(code) for code, name in target.codes}.get(text, text)
        if text not in (str(code) for code, _ in target.codes):
            raise units.UnitError(f"its positions are {', '.join(name for _, name in target.codes)}")
    if target.unit == "flag":
        text = {'"on"': "1", '"off"': "0"}.get(text, text)
        if text not in ("0", "1"):
            raise units.UnitError('a switch takes 1 or "on", 0 or "off"')
    return units.number(text)


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode("utf-8", "replace")


_EXAMPLE = 'for example {"value": 10, "unit": "A", "kind": "live", "duration_s": 30}'


def _bad(message: str, remedy: str) -> Problem:
    return Problem(422, "bad_body", message, remedy)


def _too_large() -> Problem:
    return Problem(413, "too_large", f"a body has at most {BODY_MAX} bytes and says its length", "send less")
