"""Random policies, wishes and readings for one target, and the desk that judges them.

Everything is drawn from a seed, so a failing example is named by its number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from kernel_toys import BOX, IDENTITIES, START_MS, ask, current, idle, plan, replace

from supervisor.kernel.lease import Decision, Kind, Lease, Request, Verb
from supervisor.kernel.permission import Around
from supervisor.kernel.plan import MODES, Ban, Permission, Plan, Target
from supervisor.kernel.policy import judge
from supervisor.kernel.question import AllOf, AnyOf, Image, Is, Outside, Question
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.kernel.span import Span
from supervisor.kernel.state import TargetState

SIGNALS = tuple(current(f"meter.current_{i}") for i in range(3))
WORKING = frozenset(range(len(MODES)))
EXAMPLES = 10_000


@dataclass(frozen=True)
class Case:
    """One wish in one situation."""

    plan: Plan
    request: Request
    span: Span
    state: TargetState
    holder: int
    mode: int
    image: Image

    def judged(self, about: Plan | None = None) -> Decision:
        around = Around(about or self.plan, 0, self.holder, self.mode, self.image, START_MS)
        return judge(around, self.request, self.span, self.state)


def case(seed: int) -> Case:
    dice = random.Random(seed)
    target = device(dice)
    about = plan(
        signals=SIGNALS,
        targets=(target,),
        permissions=tuple(permission(dice, i) for i in range(dice.randint(0, 5))),
        bans=tuple(ban(dice, i) for i in range(dice.choice((0, 0, 0, 1, 2)))),
    )
    holder = dice.randrange(3)
    asked = wish(dice, holder, target.lo, target.hi)
    return Case(about, asked, span(dice, target), held(dice, target), holder, mode(dice), image(dice))


def device(dice: random.Random) -> Target:
    """A level with its safe value at the bottom, at the top or in between, with gaps and steps."""
    lo, hi = sorted(dice.sample(range(-20_000, 20_001, 500), 2))
    safe = dice.choice((lo, hi, dice.randrange(lo, hi + 1, 500), max(min(0, hi), lo)))
    gaps = []
    if safe + 2_000 < hi and dice.random() < 0.6:
        gaps.append((safe, dice.randrange(safe + 500, hi, 500)))
    if safe - 2_000 > lo and dice.random() < 0.4:
        gaps.insert(0, (dice.randrange(lo, safe - 500, 500), safe))
    step = dice.choice((1, 100, 500, 1_000))
    return replace(BOX, lo=lo, hi=hi, safe=safe, bands=tuple(gaps), step=step)


def permission(dice: random.Random, number: int) -> Permission:
    lo, hi = sorted((dice.randrange(-25_000, 25_000, 250), dice.randrange(-25_000, 25_000, 250)))
    if dice.random() < 0.5:
        lo, hi = -25_000, 25_000
    return Permission(
        f"permissions.p{number}",
        "somebody may",
        frozenset(i for i in range(3) if dice.random() < 0.85),
        0,
        lo,
        hi,
        WORKING if dice.random() < 0.8 else frozenset(dice.sample(range(len(MODES)), 3)),
        frozenset(Kind) if dice.random() < 0.85 else frozenset({dice.choice(list(Kind))}),
        dice.choice((10_000, 600_000, 3_600_000)),
        layer=dice.choice((1, 1, 2)),
        only_while=question(dice) if dice.random() < 0.4 else None,
    )


def ban(dice: random.Random, number: int) -> Ban:
    lo, hi = sorted((dice.randrange(-25_000, 25_000, 250), dice.randrange(-25_000, 25_000, 250)))
    if dice.random() < 0.3:
        lo, hi = -25_000, 25_000
    who = frozenset(i for i in range(3) if dice.random() < 0.5)
    modes = WORKING if dice.random() < 0.6 else frozenset(dice.sample(range(len(MODES)), 3))
    asked = question(dice) if dice.random() < 0.5 else None
    return Ban(f"refusals.b{number}", "nobody may", who, 0, lo, hi, modes, asked)


def question(dice: random.Random) -> Question:
    """A question about one signal or several."""
    signal = dice.randrange(len(SIGNALS))
    kind = dice.randrange(4)
    if kind == 0:
        return Is(signal, 2_000, dice.choice((0, 5_000)))
    if kind == 1:
        return AllOf((Outside(signal, 2_000, None, 5_000), Outside((signal + 1) % 3, 2_000, 0, None)))
    if kind == 2:
        return AnyOf((Outside(signal, 2_000, None, 5_000), Outside((signal + 1) % 3, 2_000, 0, None)))
    return Outside(signal, 2_000, dice.choice((None, -5_000)), 5_000)


def image(dice: random.Random) -> Image:
    """Readings of every quality and age, some missing."""
    return tuple(
        MISSING
        if dice.random() < 0.05
        else Reading(
            None if dice.random() < 0.05 else dice.choice((0, 5_000, 8_000, -8_000)),
            START_MS - dice.choice((0, 100, 1_999) * 4 + (2_001, 60_000)),
            dice.choice((Quality.GOOD,) * 15 + (Quality.SUSPECT, Quality.STALE, Quality.INVALID)),
        )
        for _ in SIGNALS
    )


def wish(dice: random.Random, holder: int, lo: int, hi: int) -> Request:
    value = dice.randrange(lo, hi + 1, dice.choice((1, 50, 500)))
    if dice.random() < 0.1:
        value = dice.randrange(-26_000, 26_000)
    kind = dice.choice(list(Kind)).value
    asked = ask(Verb.SET, IDENTITIES[holder].name, value=value, kind=kind)
    if dice.random() < 0.1:
        asked = replace(asked, starts_in_ms=dice.choice((1_000, 3_600_000)))
    if dice.random() < 0.1:
        asked = replace(asked, duration_ms=dice.choice((1_000, 10**9)))
    return asked


def held(dice: random.Random, target: Target) -> TargetState:
    """A target that somebody may hold already."""
    if dice.random() < 0.7:
        return idle(target)
    value = dice.randrange(target.lo, target.hi + 1)
    holder, kind = dice.randrange(3), dice.choice(list(Kind))
    return idle(target, lease=Lease(holder, kind, value, value, START_MS - 1_000, START_MS + 60_000, "before"))


def span(dice: random.Random, target: Target) -> Span:
    """What rules have left: mostly something, sometimes nothing, sometimes not even the safe value."""
    left = Span(target.lo, target.hi, "rating", "rating")
    for name in ("limits.a", "circuits.b")[: dice.randrange(3)]:
        edges = sorted((dice.randrange(-22_000, 22_000, 100), dice.randrange(-22_000, 22_000, 100)))
        lo, hi = (edges[0] if dice.random() < 0.2 else None), (edges[1] if dice.random() < 0.6 else None)
        left = left.narrow(lo, hi, name)
    return left


def mode(dice: random.Random) -> int:
    return dice.randrange(len(MODES))
