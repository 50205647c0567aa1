"""What stands in the journal: format 2, its three kinds of lines, and the chain that ties them together.

Rules
* One JSON object a line. A segment begins with a :class:`Head`, and goes on with :class:`Record` and, every few
  minutes, a :class:`Checkpoint`. A head or checkpoint holds all that the next cycle needs: replay begins at either.
* State and image are written as msgspec writes them, never field by field: a new field of the kernel comes by itself.
* Cycles that only read something are folded into the next line (``b``), so that a line costs what it says.
* Every line ends with a mark: SHA-256 over the mark of the line before and the line without its mark. 64 bits of it are
  kept. Nothing secret goes into it, so whoever may write the file can also write the marks anew; what it finds is an
  altered, lost or exchanged line. By chance 64 bits miss one in 2**64, and more would cost more than what they protect.

The kernel's times are monotonic. The wall clock stands in heads and checkpoints, for people only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from supervisor.kernel.cycle import Result
from supervisor.kernel.event import Event
from supervisor.kernel.lease import Decision, Request, Verb
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import State

FORMAT = 2
MARK_CHARS = 16  # hex: 64 bits
_TAIL = len(',"h":""}') + MARK_CHARS
# refused for being too many: in a lean segment they are only counted
RATE_RULES = ("request.rate", "request.rate_of_all", "guardian.busy")
Group = list[Any]
_encode = msgspec.json.Encoder().encode


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cycle: n its number, t its time (ms); what came: s samples (see :func:`packed`), q requests; what it did:
    e events, d decisions, o (target, output), w (target, who wants that), k (rule, latched), the last three where they
    changed. r: False while nothing could be recorded, so that nothing was widened. x: (identity, rule, how many) that
    were turned away before they came to the kernel. b: cycles before it that only had samples, each as
    [numbers to the next one, ms to the next one, samples...]."""

    n: int
    t: int
    b: list[Group] = []
    s: list[Group] = []
    q: list[Request] = []
    e: list[Event] = []
    d: list[Decision] = []
    o: list[tuple[int, int | None]] = []
    w: list[tuple[int, str]] = []
    k: list[tuple[str, bool]] = []
    r: bool = True
    x: list[tuple[str, str, int]] = []


class Head(msgspec.Struct, frozen=True):
    """The first line of a segment. ``site``, ``digest`` (documents), ``code`` (sources), ``texts`` (the documents by
    file name, without logins): what was loaded. ``would_have``: nothing was written to any wire. ``reason``: why a
    segment begins here; after "start" and "lost" cycles are missing before it. ``lean``: without samples, because the
    day's budget is spent; it cannot be replayed. ``segment``, ``previous`` (last mark of the segment before) and
    ``budget`` (bytes that are left) are the writer's."""

    format: int
    segment: int
    site: str
    digest: str
    code: str
    would_have: bool
    wall: str
    n: int
    t: int
    reason: str
    lean: bool
    previous: str
    budget: int
    texts: Mapping[str, str]
    image: Any
    state: Any


class Checkpoint(msgspec.Struct, frozen=True):
    """State and image after the cycle of the line before."""

    checkpoint: int
    t: int
    wall: str
    image: Any
    state: Any


Item = Head | Record | Checkpoint
_decoders = (
    (b'{"format":', msgspec.json.Decoder(Head)),
    (b'{"checkpoint":', msgspec.json.Decoder(Checkpoint)),
    (b'{"n":', msgspec.json.Decoder(Record)),
)


# ---- lines ---------------------------------------------------------------------------------------------------------
def body(item: Item) -> bytes:
    """The canonical bytes of an item, without its mark."""
    return _encode(item)


def sealed(said: bytes, before: str) -> tuple[bytes, str]:
    """The line for these bytes after the mark ``before``, and its own mark."""
    mark = hashlib.sha256(before.encode() + said).hexdigest()[:MARK_CHARS]
    return b'%b,"h":"%b"}\n' % (said[:-1], mark.encode()), mark


def opened(line: bytes, before: str) -> tuple[bytes, str] | None:
    """The canonical bytes of a line (without its end) and its mark; None when it is not the line that was written
    there."""
    said = line[:-_TAIL] + b"}"
    whole, mark = sealed(said, before)
    return (said, mark) if whole[:-1] == line else None


def read(said: bytes) -> Item:
    """What a line says. Raises msgspec.ValidationError or DecodeError for what this program cannot read."""
    for prefix, decoder in _decoders:
        if said.startswith(prefix):
            item: Item = decoder.decode(said)
            return item
    raise msgspec.ValidationError("it is neither a head nor a checkpoint nor a record")


# ---- cycles --------------------------------------------------------------------------------------------------------
class Said(NamedTuple):
    """What was said last, so that only differences have to be written."""

    outputs: tuple[int | None, ...]
    wanted_by: tuple[str, ...]


NOTHING = Said((), ())


def record(
    plan: Plan,
    before: State,
    result: Result,
    said: Said,
    samples: list[Group],
    requests: Iterable[Request],
    recording: bool,
    turned: Mapping[tuple[str, str], int],
) -> Record:
    """One cycle, from the state before it. ``said``: by the last one that was written; NOTHING at the head of a segment
    so that each tells all outputs. ``turned``: how many were turned away, by (identity, rule)."""
    now = result.outputs
    rows = zip(plan.rules, before.trips, result.state.trips, strict=True) if result.state.trips != before.trips else ()
    outputs = said.outputs or (None,) * len(now.values)
    wanted = said.wanted_by or ("",) * len(now.wanted_by)
    return Record(
        n=before.cycle,
        t=result.state.now_ms,
        s=samples,
        q=list(requests),
        e=list(result.events),
        d=list(result.decisions),
        o=[(i, value) for i, value in enumerate(now.values) if value != outputs[i]],
        w=[(i, by) for i, by in enumerate(now.wanted_by) if by != wanted[i]],
        k=[(rule.id, trip.latched) for rule, was, trip in rows if trip.latched is not was.latched],
        r=recording,
        x=[(*key, count) for key, count in turned.items()],
    )


def plain(one: Record) -> bool:
    """Did this cycle do nothing but read?"""
    return one.r and not (one.q or one.e or one.d or one.o or one.w or one.k or one.x or one.b)


def folded(plains: list[Record], last: Record) -> Record:
    """``last`` with the plain cycles before it."""
    following = [*plains, last][1:]
    rows = [[then.n - one.n, then.t - one.t, *one.s] for one, then in zip(plains, following, strict=True)]
    return msgspec.structs.replace(last, b=rows) if rows else last


def unfolded(last: Record) -> Iterator[Record]:
    """The cycles of a line in their order; the last one is the line's own, with all that it did."""
    number, at_ms = last.n - sum(row[0] for row in last.b), last.t - sum(row[1] for row in last.b)
    for row in last.b:
        yield Record(number, at_ms, s=row[2:])
        number, at_ms = number + row[0], at_ms + row[1]
    yield msgspec.structs.replace(last, b=[])


def lean(one: Record) -> Record | None:
    """What stays of a cycle when the budget is spent: everything but samples; signs of life and wishes that were too
    many are only counted. None when nothing stays."""
    kept, turned = [], {(who, rule): count for who, rule, count in one.x}
    for request, decision in zip(one.q, one.d, strict=True):
        rule = reason(decision)
        if request.verb is Verb.HEARTBEAT or rule in RATE_RULES:
            key = (request.identity, rule or request.verb.value)
            turned[key] = turned.get(key, 0) + 1
        else:
            kept.append((request, decision))
    left = msgspec.structs.replace(
        one, b=[], s=[], q=[q for q, _ in kept], d=[d for _, d in kept], x=[(*key, n) for key, n in turned.items()]
    )
    return None if plain(left) else left


def reason(decision: Decision) -> str:
    """The rule that refused; "" when none did."""
    return next((clause.rule for clause in decision.clauses if clause.effect == "refuses"), "")


# ---- samples -------------------------------------------------------------------------------------------------------
def packed(samples: Iterable[Sample], before: Image, now_ms: int) -> list[Group]:
    """Samples in their order, without what repeats itself: [age in ms, [index, value, quality] or a bare index where
    value and quality are those of the reading before, ...], a new list for each time of receipt."""
    groups: list[Group] = []
    newest: dict[int, tuple[int | None, Quality]] = {}
    for sample in samples:
        if not groups or groups[-1][0] != now_ms - sample.at_ms:
            groups.append([now_ms - sample.at_ms])
        was = newest.get(sample.signal) or (before[sample.signal].value, before[sample.signal].quality)
        now = (sample.value, sample.quality)
        groups[-1].append(sample.signal if now == was else [sample.signal, *now])
        newest[sample.signal] = now
    return groups


def unpacked(groups: Iterable[Group], before: Image, now_ms: int) -> list[Sample]:
    """The samples again."""
    samples: list[Sample] = []
    newest: dict[int, tuple[int | None, Quality]] = {}
    for age_ms, *items in groups:
        for item in items:
            if isinstance(item, int):
                value, quality = newest.get(item) or (before[item].value, before[item].quality)
                index = item
            else:
                index, value, quality = item[0], item[1], Quality(item[2])
            newest[index] = (value, quality)
            samples.append(Sample(index, value, now_ms - age_ms, quality))
    return samples
