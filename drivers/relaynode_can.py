"""The CAN relay node: up to eight contactor coils with mirror contacts, behind a permit relay that lives on pulses.

Theory of operation
* Coils travel in one RELAY_COMMAND: all of them, an alive counter, a permit pulse that changes with every frame, and
  a checksum. The node drops everything when no new command has come for its drop-out time. That time is the dead-man,
  and it is renewed from ``say`` alone: when the guardian falls silent, so do we, and the contactors open.
* A change of a coil goes out at once. Mere renewals are thinned to one per 100 ms.
* RELAY_STATUS is believed only with a right checksum. A repeated alive counter makes it SUSPECT: it may trip, it never
  permits. A counter that jumped only tells of lost frames.
* A contact that is moving, or contradicts itself, proves nothing either way: neither "open" nor "closed" may be
  answered with NO, so it has no value.

This driver must never take the coil's echo for the contact, and never energise a coil that is not asked for.

Source: dbc/relaynode_can.dbc, which is the node's own specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from drivers.base import Quiet
from drivers.can_table import FRAMES_KEPT, AliveCounter, Field, crc8_j1850, load, wrong_length
from drivers.contract import (
    Ask,
    BusKind,
    Defect,
    DefectKind,
    Driver,
    Family,
    Frame,
    Heard,
    Options,
    OptionSpec,
    OutputSpec,
    Sample,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
)
from supervisor.kernel.signal import Quality, Unit

STEM = "relaynode_can"
COMMAND_ID, STATUS_ID, NODE_STRIDE, COILS = 0x210, 0x211, 16, 8
COUNTER_LAST = 14
RENEWAL_MS = 100
"""Renewals are no closer than this; the node wants one every 250 ms at least."""
STATUS_AGE_MS = 500
"""Five status periods: the node reports every 100 ms."""
TRAVEL_MS = 150
READBACK_MS = TRAVEL_MS + 2 * 100
"""A moved contact is reported at once; one lost frame costs a status period more."""

OPEN, CLOSED, MOVING = 0, 1, 2
_CAN = load(STEM)


@lru_cache
def _fields() -> tuple[Field, ...]:
    """What the status tells about the node itself. ``drop_reason`` has five names; 5 to 7 have none."""
    node = (
        ("Permit", "permit", "flag", False, True),
        ("DropReason", "drop_reason", "code", False, False),
        ("CoilSupply", "coil_supply", None, True, False),
        ("RejectedCommands", "rejected", "count", False, False),
        ("DropOutTime", "drop_out", None, False, False),
    )
    return tuple(
        _CAN.field("RELAY_STATUS", source, name, STATUS_AGE_MS, unit=unit, has_absent=absent, core=core)
        for source, name, unit, absent, core in node
    )


class RelayNode(Quiet):
    """One node. ``drop_out_ms`` is what the site believes its switch to say."""

    def __init__(self, node: int, contacts: int, drop_out_ms: int) -> None:
        self._command_id = COMMAND_ID + NODE_STRIDE * (node - 1)
        self._status_id = STATUS_ID + NODE_STRIDE * (node - 1)
        self._coils = [(f"coil_{number}", 1 << (number - 1)) for number in range(1, contacts + 1)]
        self._drop_out_ms = drop_out_ms
        self._alive = AliveCounter(COUNTER_LAST)
        self._counter = 0
        self._pulse = 0
        self._said: tuple[int, int] | None = None

    # ---- what the node tells -----------------------------------------------------------------------------------
    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        del now_ms
        if frame.extended or frame.can_id != self._status_id:
            return (Defect(DefectKind.UNKNOWN_ID, f"0x{frame.can_id:X}"),)
        if defect := wrong_length(frame, (8,)):
            return (defect,)
        if _checksum(frame.can_id, frame.data) != frame.data[7]:
            return (Defect(DefectKind.CRC, f"0x{frame.can_id:03X}"),)
        raw = _CAN.raw("RELAY_STATUS", frame.data)
        if not self._alive.moved(raw["AliveCounter"]):
            defect = Defect(DefectKind.COUNTER, f"alive counter {raw['AliveCounter']} again or not legal")
            return (defect, *_status(frame.data, len(self._coils), alive=False), *self._drop_out(raw["DropOutTime"]))
        return _status(frame.data, len(self._coils), alive=True) + self._drop_out(raw["DropOutTime"])

    def _drop_out(self, raw: int) -> tuple[Heard, ...]:
        """A node that holds on longer than the site believes breaks the ladder of dead-men; a shorter one chatters."""
        shown_ms = raw * _fields()[-1].step
        if shown_ms == self._drop_out_ms:
            return ()
        return (Defect(DefectKind.READBACK, f"drop-out time: {shown_ms} ms shown, {self._drop_out_ms} ms declared"),)

    # ---- what the node is told ---------------------------------------------------------------------------------
    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        coils = sum([bit for name, bit in self._coils if outputs[name] == 1])
        if self._said is not None and self._said[0] == coils and now_ms - self._said[1] < RENEWAL_MS:
            return ()
        self._said = coils, now_ms
        return (self._command(coils),)

    def _command(self, coils: int) -> Frame:
        """The next frame: its counter and its pulse differ from the last one's, whatever the coils do."""
        frame = _command(self._command_id, coils, self._pulse, self._counter)
        self._pulse ^= 1
        self._counter = (self._counter + 1) % (COUNTER_LAST + 1)
        return frame


@lru_cache(FRAMES_KEPT)
def _command(can_id: int, coils: int, pulse: int, counter: int) -> Frame:
    raw = {f"Coil{number}": coils >> (number - 1) & 1 for number in range(1, COILS + 1)}
    raw |= {"PermitPulse": pulse, "AliveCounter": counter, "Checksum": 0}
    body = _CAN.data("RELAY_COMMAND", raw)[:7]
    return Frame(can_id, body + bytes((_checksum(can_id, body),)))


@lru_cache(FRAMES_KEPT)
def _status(data: bytes, contacts: int, alive: bool) -> tuple[Heard, ...]:
    """What a status tells of contacts and node. Its bytes alone decide, and a quiet node says the same few."""
    return tuple(_told(_CAN.raw("RELAY_STATUS", data), contacts, Quality.GOOD if alive else Quality.SUSPECT))


def _told(raw: Mapping[str, int], contacts: int, quality: Quality) -> Iterable[Heard]:
    for number in range(1, contacts + 1):
        yield from _contact_heard(number, raw[f"Contact{number}"], quality)
        yield Sample(f"coil_{number}", raw["CoilEcho"] >> (number - 1) & 1, quality)
    for field in _fields():
        yield from field.heard(raw[field.source], quality)


def _contact_heard(number: int, raw: int, quality: Quality) -> tuple[Heard, ...]:
    if raw in (OPEN, CLOSED):
        return (Sample(f"contact_{number}", raw, quality),)
    nothing = Sample(f"contact_{number}", None, Quality.INVALID)
    if raw == MOVING:
        return (nothing,)
    return Defect(DefectKind.NOT_AVAILABLE, f"contact_{number}"), nothing


@lru_cache(FRAMES_KEPT)
def _checksum(can_id: int, data: bytes) -> int:
    """Over the identifier, low byte first, and the first seven bytes."""
    return crc8_j1850(bytes((can_id & 0xFF, can_id >> 8)) + data[:7])


def _shape(options: Options) -> Shape:
    contacts = range(1, int(options["contacts"]) + 1)
    names = {OPEN: "open", CLOSED: "closed"}
    proofs = (SignalSpec(f"contact_{n}", Unit.CODE, 0, 1, STATUS_AGE_MS, codes=names) for n in contacts)
    echoes = (SignalSpec(f"coil_{n}", Unit.FLAG, 0, 1, STATUS_AGE_MS) for n in contacts)
    signals = (*proofs, *echoes, *(field.spec for field in _fields()))
    return Shape(signals, tuple(_coil(n, int(options["drop_out_ms"])) for n in contacts))


def _coil(number: int, drop_out_ms: int) -> OutputSpec:
    return OutputSpec(
        name=f"coil_{number}",
        unit=Unit.FLAG,
        lo=0,
        hi=1,
        safe=0,
        enforce_ms=TRAVEL_MS,
        write_cost=WriteCost.VOLATILE,
        silence=Silence(SilenceKind.REVERTS_SAFE, drop_out_ms),
        readback=f"contact_{number}",
        readback_ms=READBACK_MS,
        contactor=True,
        travel_ms=TRAVEL_MS,
    )


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy
    return RelayNode(int(options["node"]), int(options["contacts"]), int(options["drop_out_ms"]))


FAMILY = Family(
    stem=STEM,
    title="CAN relay node with mirror contacts and a pulsed permit",
    bus=BusKind.CAN,
    machine="none",
    shape=_shape,
    build=_build,
    options=(
        OptionSpec("node", int, 1, "number of the node, as its address switch says", 1, 15),
        OptionSpec("contacts", int, 4, "how many of its coils are wired", 1, COILS),
        OptionSpec("drop_out_ms", int, 1000, "what its drop-out switch says, in ms", 500, 25_000),
    ),
    listens=lambda options: frozenset({STATUS_ID + NODE_STRIDE * (int(options["node"]) - 1)}),
    source="dbc/relaynode_can.dbc",
)
