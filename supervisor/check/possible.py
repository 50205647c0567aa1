"""Can a question ever be answered with YES, can it ever be answered with NO?

Theory of operation
* A signal only ever has the values from its ``lo`` to its ``hi``, or those of its codes; anything else is invalid.
* A question is spread out into branches: in each, every signal has the set of values that lead to the wanted answer.
  A branch in which a signal is left with nothing is a contradiction and falls away. No branch left: never.
* Ages come and go, so a question for the loss of something is always possible either way.
"""

from __future__ import annotations

from itertools import product

from supervisor.check.survey import Survey
from supervisor.kernel.question import AllOf, AnyOf, Disagree, Is, Outside, Question, Within

Ranges = tuple[tuple[int, int], ...]
Branch = dict[int, Ranges]
BRANCHES_MAX = 2_000
ENDLESS = 2**60


def possible(survey: Survey, asked: Question, wanted: bool = True) -> bool:
    """Can the answer be YES (``wanted``) or NO (not ``wanted``)?"""
    try:
        return bool(_branches(survey, asked, wanted))
    except OverflowError:
        return True  # too many branches to look at; what is not known to be impossible is possible


def _branches(survey: Survey, asked: Question, wanted: bool) -> list[Branch]:
    if isinstance(asked, AllOf | AnyOf):
        parts = [_branches(survey, part, wanted) for part in asked.parts]
        return _every(parts) if isinstance(asked, AllOf) == wanted else _bounded([b for part in parts for b in part])
    if isinstance(asked, Disagree):
        return [{}] if _differ(survey, asked, wanted) else []
    if not isinstance(asked, Outside | Within | Is):
        return [{}]
    left = _cut(_domain(survey, asked.signal), _told(asked, wanted))
    return [{asked.signal: left}] if left else []


def _every(parts: list[list[Branch]]) -> list[Branch]:
    """All parts at once: every combination of their branches that does not contradict itself."""
    made: list[Branch] = [{}]
    for part in parts:
        _bounded([{}] * (len(made) * len(part)))
        made = [both for a, b in product(made, part) if (both := _merged(a, b)) is not None]
    return made


def _bounded(branches: list[Branch]) -> list[Branch]:
    if len(branches) > BRANCHES_MAX:
        raise OverflowError
    return branches


def _merged(a: Branch, b: Branch) -> Branch | None:
    both = {**a, **b}
    for signal in a.keys() & b.keys():
        both[signal] = _cut(a[signal], b[signal])
        if not both[signal]:
            return None
    return both


def _domain(survey: Survey, signal: int) -> Ranges:
    codes = survey.codes.get(signal)
    if codes:
        return tuple((code, code) for code in sorted(codes))
    declared = survey.plan.signals[signal]
    return ((declared.lo, declared.hi),)


def _told(asked: Outside | Within | Is, wanted: bool) -> Ranges:
    """The values for which the answer is as wanted."""
    if isinstance(asked, Is):
        lo, hi, inner = asked.code, asked.code, wanted
    else:
        lo = -ENDLESS if asked.lo is None else asked.lo
        hi = ENDLESS if asked.hi is None else asked.hi
        inner = isinstance(asked, Within) == wanted
    return ((lo, hi),) if inner else ((-ENDLESS, lo - 1), (hi + 1, ENDLESS))


def _cut(a: Ranges, b: Ranges) -> Ranges:
    pairs = ((max(p[0], q[0]), min(p[1], q[1])) for p, q in product(a, b))
    return tuple((lo, hi) for lo, hi in pairs if lo <= hi)


def _differ(survey: Survey, asked: Disagree, wanted: bool) -> bool:
    """Can two signals be further apart than the tolerance, or as near?"""
    a, b = (survey.plan.signals[part.signal] for part in (asked.first, asked.second))
    if wanted:
        return max(a.hi - b.lo, b.hi - a.lo) > asked.tolerance
    return max(a.lo - b.hi, b.lo - a.hi) <= asked.tolerance
