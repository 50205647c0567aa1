"""What a condition does when it is asked: functions, comparisons and distances over the facts of one moment.

Rules: everything here is a small function made once, when a condition is read (hil/scenario/expression.py), and asked
at every moment; each is as short as it can be. What cannot be measured is an Unmeasured, a KeyError: neither true nor
false. A comparison with NaN would be false, and `never` would hold: it is Unmeasured as well.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hil.scenario.model import Facts

Get = Callable[[Facts], Any]
Margin = tuple[float, float, float]
NUMBER = "a number"


class Unmeasured(KeyError):
    """The condition cannot be answered at this moment; the text says why."""

    def __str__(self) -> str:
        return str(self.args[0])


def _total(entries: list[float]) -> float:
    return sum(entries)


def _largest(entries: list[float]) -> float:
    return max(_numbers(entries))


def _smallest(entries: list[float]) -> float:
    return min(_numbers(entries))


def _count(entries: list[object]) -> float:
    return float(sum(entry is not False for entry in entries))


def _numbers(entries: list[float]) -> list[float]:
    if (whole := sum(entries)) != whole:  # whether max() finds a NaN depends on where it stands
        raise Unmeasured("one entry of the list is not a number")
    return entries


FUNCTIONS: Mapping[str, tuple[str, Callable[[Any], float], str]] = {  # name -> what it takes, itself, what it is for
    "total": ("a list of numbers", _total, "the sum of a list"),
    "max": ("a list of numbers", _largest, "the largest of a list"),
    "min": ("a list of numbers", _smallest, "the smallest of a list"),
    "abs": (NUMBER, abs, "without its sign"),
    "count": ("a list", _count, "how many entries of a list are not false: closed contacts, incidents"),
}
COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_CANNOT = (TypeError, ValueError, ArithmeticError)
_NOT_A_NUMBER = "what is compared is not a number"


def both(gets: Sequence[Get]) -> Get:
    """All of them; two nested functions ask faster than a loop."""
    first, *others = gets
    if not others:
        return first
    second = both(others)
    return lambda facts: first(facts) and second(facts)


def either(gets: Sequence[Get]) -> Get:
    """Any of them."""
    first, *others = gets
    if not others:
        return first
    second = either(others)
    return lambda facts: first(facts) or second(facts)


def inside(get: Get, get_limit: Get, sign: float) -> Callable[[Facts], Margin]:
    """How far a value is above its limit, or with ``sign`` -1 below it."""

    def margin(facts: Facts) -> Margin:
        try:
            value, limit = get(facts), get_limit(facts)
            distance = (value - limit) * sign
        except _CANNOT as error:
            raise Unmeasured(f"cannot be computed: {error}") from None
        if distance != distance:
            raise Unmeasured(_NOT_A_NUMBER)
        return distance, value, limit

    return margin


def apart(get: Get, get_limit: Get, sign: float) -> Callable[[Facts], Margin]:
    """How far a value is from another; with ``sign`` -1 that is how far outside it is."""

    def margin(facts: Facts) -> Margin:
        try:
            value, limit = get(facts), get_limit(facts)
            distance = abs(value - limit) * sign
        except _CANNOT as error:
            raise Unmeasured(f"cannot be computed: {error}") from None
        if distance != distance:
            raise Unmeasured(_NOT_A_NUMBER)
        return distance, value, limit

    return margin


def no_margin(_facts: Facts) -> None:
    """This condition has none."""


def compared(compare: Callable[[Any, Any], bool], left: Get, right: Get) -> Callable[[Facts], bool]:
    """Whether a comparison is true."""

    def holds(facts: Facts) -> bool:
        value, other = left(facts), right(facts)
        if value != value or other != other:  # every comparison with NaN is false, and `never` would hold
            raise Unmeasured(_NOT_A_NUMBER)
        return compare(value, other)

    return holds


def asked(get: Get) -> Get:
    """``get``, with everything that the facts may do wrong as an Unmeasured."""

    def asked(facts: Facts) -> Any:
        try:
            return get(facts)
        except _CANNOT as error:
            raise Unmeasured(f"cannot be computed: {error}") from None

    return asked
