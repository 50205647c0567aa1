"""What an explanation consists of: plain data, which one place prints (show.py) and ``--json`` writes as it is.

Every sentence stands for itself; ids are the documents' own. Amounts in ``Edge`` and ``Link`` are in the target's unit
as the kernel counts it, and beside them as people write them.
"""

from __future__ import annotations

import msgspec


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sentence, and what it rests on."""

    text: str
    under: tuple[str, ...] = ()


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule in the line of those that bind at an edge, and what it leaves there. ``value`` None: nothing is known of
    what would be left without the rules before it."""

    rule: str
    why: str
    value: int | None
    shown: str


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """One edge of what may be asked. ``line``: the rule that binds now comes first; each next one is what binds when
    all before it are gone."""

    side: str
    line: tuple[Link, ...]


class Clearing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ends one binding thing. ``in_ms``: when time alone does it if the readings stay as they are, None where
    something else must happen first. ``takes_ms``: how long that must last. ``by``: what has to happen: ``time``,
    ``readings``, ``load`` (others draw less), ``hand`` (somebody in the house), ``request``, ``key`` (a signature),
    ``mode``, ``rules`` (the others of the list) or ``document``."""

    rule: str
    text: str
    by: str
    in_ms: int | None = None
    takes_ms: int | None = None
    under: tuple[str, ...] = ()


class Advice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that a person can do now; ``command`` does it where a command can."""

    text: str
    command: str = ""


class Account(msgspec.Struct, frozen=True):
    """The whole answer. ``answer`` is the one sentence for who reads no more."""

    subject: str
    kind: str
    site: str
    at: str
    live: bool
    mode: str
    answer: str
    happened: tuple[Point, ...]
    edges: tuple[Edge, ...]
    clears: tuple[Clearing, ...]
    now: tuple[Advice, ...]
