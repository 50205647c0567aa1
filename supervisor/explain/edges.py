"""Which rule binds at each edge of what may be asked, and which one binds when that one is gone.

The first of each line is what the cycle itself named. Each next one is asked of the kernel with all before it taken out
(without.py); a line ends at the rating, or where the kernel names a rule that is out already.
"""

from __future__ import annotations

from supervisor.explain.account import Edge, Link
from supervisor.explain.known import known
from supervisor.explain.without import span_without
from supervisor.explain.words import Words, listed
from supervisor.kernel.span import Span, clip

LINE_MAX = 8
RATING = "rating"
SIDES = {"at least": ("lo", "lo_by"), "at most": ("hi", "hi_by")}


def edges(words: Words, position: int) -> tuple[Edge, ...]:
    """Both edges of a target's envelope."""
    return tuple(Edge(side, line(words, position, side)) for side in SIDES)


def line(words: Words, position: int, side: str) -> tuple[Link, ...]:
    """The rules at one edge, in the order in which they would come to bind."""
    value_of, by_of = SIDES[side]
    span, gone, links = words.moment.outputs.envelopes[position], frozenset[str](), list[Link]()
    while True:
        by = str(getattr(span, by_of))
        if by in gone or (links and by == links[-1].rule):
            return tuple(links)
        links.append(_link(words, position, by, int(getattr(span, value_of))))
        gone |= {by}
        if by == RATING or len(links) == LINE_MAX or known(words, by).row is None:
            return tuple(links)
        span = span_without(words.moment, position, gone)


def _link(words: Words, position: int, rule: str, value: int) -> Link:
    return Link(rule, known(words, rule).why, value, words.amount(words.plan.targets[position], value))


def binding(edges: tuple[Edge, ...]) -> list[str]:
    """Every rule in the lines but the rating, each once, those that bind now first."""
    found = [edge.line[0].rule for edge in edges] + [link.rule for edge in edges for link in edge.line[1:]]
    return [rule for rule in dict.fromkeys(found) if rule != RATING]


def allowed(words: Words, position: int, span: Span) -> str:
    """An envelope in words, with what the device cannot do within it."""
    target = words.plan.targets[position]
    if span.empty_by or not span.lo <= target.safe <= span.hi:
        return f"nothing but its safe value {words.amount(target, target.safe)}"
    low, high = (clip(edge, span, target.safe, target.bands) for edge in (span.lo, span.hi))
    short = [
        f"{words.amount(target, edge)} are left, and it can do nothing between {words.amount(target, a)} and"
        f" {words.amount(target, b)}"
        for edge in dict.fromkeys((span.lo, span.hi))
        for a, b in target.bands
        if a < edge < b
    ]
    why = f" ({'; '.join(short)})" if short else ""
    if low == high:
        return f"only {words.amount(target, low)}{why}"
    if target.changeover is not None or target.contactor is not None:
        return listed([words.amount(target, value) for value in range(low, high + 1)], "or")
    gaps = [
        f", but nothing between {words.amount(target, a)} and {words.amount(target, b)}"
        for a, b in target.bands
        if low <= a and b <= high
    ]
    return f"{words.amount(target, low)} to {words.amount(target, high)}{''.join(gaps)}{why}"
