"""The only words that two processes exchange: Unix SOCK_SEQPACKET, one msgpack message per packet.

Rules
* Every field is bounded: text by TEXT_MAX, lists by ITEMS_MAX, a message by MESSAGE_MAX. A packet that does not
  decode, or says more, is a :class:`WireError`; the receiver counts it and closes the connection.
* Numbers are integers in kernel units; msgpack could carry NaN, so there is no float field at all.
* Who may say what follows from the role in :class:`Hello` (checked against the peer's user id by the guardian):
  a bus says Samples and Report; the gateway says asks and passes acknowledgements on; a view says nothing.
* ``at_ms``, ``received_ms`` and ``valid_until_ms`` are CLOCK_MONOTONIC in ms, which all processes of a machine share.
"""

from __future__ import annotations

import socket
from enum import StrEnum
from typing import Annotated

import msgspec

from supervisor.kernel.signal import Quality, Sample

PROTOCOL = 1
MESSAGE_MAX = 200_000  # bytes; the kernel's default socket buffer holds one of these
ITEMS_MAX = 5_000
TEXT_MAX = 400

Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Name = Annotated[str, msgspec.Meta(max_length=80)]
Int = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Bounded = msgspec.Meta(max_length=ITEMS_MAX)


class WireError(Exception):
    """A packet that is not one of our words. The text says what was wrong, never the bytes."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Base of all words; the tag is the class name."""


class Role(StrEnum):
    BUS = "bus"
    GATEWAY = "gateway"
    VIEW = "view"


class Hello(Message, frozen=True):
    """First word of every connection. ``digest``: of the site and policy documents the speaker has loaded ("" for a
    view or gateway); a bus with another digest is refused, because indices would not mean the same."""

    role: Role
    name: Name
    pid: Int
    protocol: Int
    digest: Name


# ---- guardian <-> bus --------------------------------------------------------------------------------------------
class Samples(Message, frozen=True):
    """bus -> guardian: what came, stamped when it came; ``signal`` indexes the plan's signals."""

    items: Annotated[tuple[Sample, ...], Bounded]


class Report(Message, frozen=True):
    """bus -> guardian, once a second and on change: totals since the process started.

    ``link``: "up", "down" or "observing". ``counters``: (device or bus name, kind, total), kinds as in DefectKind
    plus "frames_in", "frames_out", "asks", "writes", "expired", "silence".
    """

    bus: Name
    at_ms: Int
    link: Name
    detail: Text
    counters: Annotated[tuple[tuple[Name, Name, Int], ...], Bounded]


class Image(Message, frozen=True):
    """guardian -> bus, after each whole and timely cycle: the complete output image of that bus, and the cycle token.

    ``values``: (index into the plan's targets, value). A bus keeps only the newest, and none after ``valid_until_ms``.
    """

    cycle: Int
    valid_until_ms: Int
    values: Annotated[tuple[tuple[Int, Int], ...], Bounded]


# ---- guardian -> gateway and views -------------------------------------------------------------------------------
class SignalInfo(Message, frozen=True):
    """``codes``: the names of a CODE signal's values."""

    id: Name
    unit: Name
    max_age_ms: Int
    codes: Annotated[tuple[tuple[Int, Name], ...], Bounded] = ()


class TargetInfo(Message, frozen=True):
    """What can be asked for: rating in ``unit``; ``forbidden``: open intervals in it; ``silence`` in words; ``codes``:
    the names of a changeover's positions."""

    id: Name
    unit: Name
    lo: Int
    hi: Int
    safe: Int
    step: Int
    forbidden: tuple[tuple[Int, Int], ...]
    contactor: bool
    silence: Text
    codes: Annotated[tuple[tuple[Int, Name], ...], Bounded] = ()


class MachineInfo(Message, frozen=True):
    """``kind`` names the state machine, ``states`` its states by index."""

    id: Name
    kind: Name
    states: tuple[Name, ...]


class IdentityInfo(Message, frozen=True):
    """``token_sha256``: hex digest of the bearer token; "" where the identity has none. ``mqtt``: it asks at the broker
    as well. ``shared``: several clients use its name, and nobody knows which of them spoke."""

    name: Name
    role: Name
    token_sha256: Name
    mqtt: bool = False
    shared: bool = False


class DeviceInfo(Message, frozen=True):
    """What stands before the first dot of a signal's or target's id. ``family``: the stem of its driver."""

    name: Name
    family: Name
    bus: Name
    observe: bool


class MqttInfo(Message, frozen=True):
    """The broker to speak with. ``base``: the first levels of all our topics. ``ha_identity``: in whose name Home
    Assistant's entities ask, "" where none are announced; ``ha_prefix`` and ``ha_format`` ("device" or "entity"): where
    and how they are."""

    host: Name
    port: Int
    tls: bool
    base: Name
    ha_identity: Name = ""
    ha_prefix: Name = ""
    ha_format: Name = ""


class GatewayInfo(Message, frozen=True):
    """What the network is offered. ``reads``: "open", or "identified" where a token is needed to look, too."""

    reads: Name
    mqtt: MqttInfo | None


class Describe(Message, frozen=True):
    """guardian -> gateway/view after Hello: everything that exists."""

    site: Name
    digest: Name
    observe: bool
    simulated: bool
    cycle_ms: Int
    signals: Annotated[tuple[SignalInfo, ...], Bounded]
    targets: Annotated[tuple[TargetInfo, ...], Bounded]
    machines: Annotated[tuple[MachineInfo, ...], Bounded]
    identities: Annotated[tuple[IdentityInfo, ...], Bounded]
    rules: Annotated[tuple[tuple[Name, Text], ...], Bounded]  # (rule id, why)
    devices: Annotated[tuple[DeviceInfo, ...], Bounded] = ()
    gateway: GatewayInfo = GatewayInfo("open", None)


class Seen(Message, frozen=True):
    """One reading as shown: ``quality`` already includes its age ("stale")."""

    value: Int | None
    age_ms: Int | None
    quality: Quality


class LeaseInfo(Message, frozen=True):
    """``starts_in_ms``: of a program that waits, else 0."""

    target: Name
    holder: Name
    kind: Name
    value: Int
    expires_in_ms: Int
    request_id: Name
    starts_in_ms: Int = 0


class TargetState(Message, frozen=True):
    """``output``: what is being said on the wire (None before the first image). ``lo``/``hi``: the envelope;
    ``lo_by``/``hi_by``: the rule that binds at that edge, and ``lo_for_ms``/``hi_for_ms`` for how much longer, where
    time alone decides. ``empty_by``: the rule that left nothing, or "". ``holds_ms``: for how long it will not relax.
    ``planned``: the program that waits for its start. ``hunting``: it goes up and down too often."""

    output: Int | None
    wanted_by: Name
    lo: Int
    hi: Int
    lo_by: Name
    hi_by: Name
    empty_by: Name
    lease: LeaseInfo | None
    lo_for_ms: Int | None = None
    hi_for_ms: Int | None = None
    holds_ms: Int | None = None
    planned: LeaseInfo | None = None
    hunting: bool = False


class MachineState(Message, frozen=True):
    """``why`` it does not go on, of a changeover. ``wear``: (closings, openings under current) of a contactor."""

    state: Int
    for_ms: Int
    why: Text = ""
    wear: tuple[Int, Int] | None = None


class TripInfo(Message, frozen=True):
    """A row that acts now. ``answer``: yes, no or unknown; ``latched``: "", "nuisance" or "danger". ``challenge``: what
    an installer signs to acknowledge it, "" where nobody can. ``trips``: how many count towards a danger latch."""

    rule: Name
    answer: Name
    latched: Name
    for_ms: Int
    challenge: Name = ""
    trips: Int = 0


class BusInfo(Message, frozen=True):
    name: Name
    connected: bool
    link: Name
    detail: Text
    counters: Annotated[tuple[tuple[Name, Name, Int], ...], Bounded]


class Clause(Message, frozen=True):
    """One reason: ``effect`` is permits, clips, refuses or notes; ``saw``: (signal, what it said, as text)."""

    rule: Name
    effect: Name
    text: Text
    saw: tuple[tuple[Name, Name], ...]


class Event(Message, frozen=True):
    """Something that happened, for people: ``kind`` from a bounded set (kernel/event.py). ``number``: counted since the
    guardian started, so that who has seen one snapshot knows what is new in the next."""

    at_ms: Int
    kind: Name
    subject: Name
    text: Text
    number: Int = 0


class Snapshot(Message, frozen=True):
    """guardian -> gateway/view, every 250 ms, sooner after news. Lists run parallel to Describe."""

    at_ms: Int
    cycle: Int
    mode: Name
    mode_for_ms: Int
    readings: Annotated[tuple[Seen, ...], Bounded]
    targets: Annotated[tuple[TargetState, ...], Bounded]
    machines: Annotated[tuple[MachineState, ...], Bounded]
    trips: Annotated[tuple[TripInfo, ...], Bounded]
    buses: Annotated[tuple[BusInfo, ...], Bounded]
    events: Annotated[tuple[Event, ...], msgspec.Meta(max_length=50)]  # the newest last
    counters: Annotated[
        tuple[tuple[Name, Int], ...], Bounded
    ]  # cycles, early_cycles, late_cycles, decisions_granted ...


# ---- gateway -> guardian, and the answer -------------------------------------------------------------------------
class Verb(StrEnum):
    SET = "set"
    RENEW = "renew"
    RELEASE = "release"
    STOP = "stop"
    HEARTBEAT = "heartbeat"


class Ask(Message, frozen=True):
    """A wish of an authenticated identity. ``seq`` ties the answer to it within one connection.

    ``received_ms``: when the gateway got it; older than 1 s it is refused (a resumed process asks nothing old),
    except STOP and RELEASE. ``unit`` must be the target's. ``duration_ms``: None takes the kind's default.
    ``request_id``: the same id again gets the same answer and changes nothing. ``number``: the sender's own count; one
    that does not grow changes nothing. ``starts_in_ms``: of a program.
    """

    seq: Int
    verb: Verb
    identity: Name
    target: Name
    value: Int | None
    unit: Name
    kind: Name
    duration_ms: Int | None
    request_id: Name
    received_ms: Int
    dry_run: bool
    number: Int | None = None
    starts_in_ms: Int | None = None


class Acknowledge(Message, frozen=True):
    """An installer's word about a nuisance latch, passed on by the gateway, which cannot make one up. ``challenge``: as
    the row's TripInfo shows it; ``signature``: Ed25519 over :func:`signed`, by the private key of ``public_key``. Both
    in hex. ``seq`` and ``received_ms`` as in :class:`Ask`; the answer is an :class:`Answer`."""

    seq: Int
    rule: Name
    challenge: Name
    public_key: Name
    signature: Annotated[str, msgspec.Meta(max_length=128)]
    received_ms: Int


def signed(site: str, rule: str, challenge: str) -> bytes:
    """What an installer signs: one line each, and none of them can hold a line's end."""
    return f"powerwarden acknowledge 1\n{site}\n{rule}\n{challenge}\n".encode()


class Answer(Message, frozen=True):
    """``verdict``: granted, clipped or refused (done for release, stop and heartbeat). ``clauses`` in order."""

    seq: Int
    verdict: Name
    value: Int | None
    clauses: Annotated[tuple[Clause, ...], msgspec.Meta(max_length=100)]
    lease: LeaseInfo | None


Word = Hello | Samples | Report | Image | Describe | Snapshot | Ask | Acknowledge | Answer
_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Word] = msgspec.msgpack.Decoder(Word)


def encode(message: Word) -> bytes:
    """One packet. Raises WireError when it would exceed MESSAGE_MAX."""
    packet = _encode(message)
    if len(packet) > MESSAGE_MAX:
        raise WireError(f"a {type(message).__name__} of {len(packet)} bytes exceeds {MESSAGE_MAX}")
    return packet


def decode(packet: bytes) -> Word:
    """The word in a packet. Raises WireError for anything else."""
    try:
        return _decoder.decode(packet)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        # ValueError: text that is not UTF-8, which the decoder says in Python's own way
        raise WireError(f"not a word of protocol {PROTOCOL}: {error}"[:TEXT_MAX]) from None


def connect(path: str, timeout_s: float = 1.0) -> socket.socket:
    """A connected, non-blocking client socket. Raises OSError as the system says it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.settimeout(timeout_s)
        sock.connect(path)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
