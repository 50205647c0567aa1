"""How much of a fuse's patience is used up: its time-current curve, run backwards and forwards.

Theory of operation
* A curve is a table of (current in permille of the rating, ms): so long the fuse carries that current at least. The
  first point is the current that it carries for ever. Between two points the time follows constant I²t from the
  upper one: that is the earliest that physics allows, because every loss of heat makes it later.
* The level runs from 0 to :data:`FULL`, linear in time while the current stays the same: full after the curve's time.
* It cools like it heats, by the same measure per I² below what is carried for ever as above it, and the slowest of the
  table. So a load that comes and goes fills it whenever its effective current is more than the fuse carries for ever.
  A current that is not known does neither.
* At ``warm`` permille of full the circuit is warm, at ``hot`` it is hot. Hot ends when the level is back at ``warm``,
  warm ends at half of it, so neither flickers.
* Nobody knows what a fuse went through before a boot: it starts just below warm.

Levels are kept as (level, since when), so skipping quiet cycles changes nothing. Currents in permille, times in ms.

Must never know which conductor it is, nor what follows from warm and hot.
"""

from __future__ import annotations

import msgspec

FULL = 10**9
COOL, WARM, HOT = range(3)
STAGES = ("cool", "warm", "hot")
Points = tuple[tuple[int, int], ...]


class Curve(msgspec.Struct, frozen=True):
    """A fuse's characteristic. ``warm`` and ``hot`` in permille of what would open it."""

    id: str
    why: str
    points: Points
    warm: int = 500
    hot: int = 800


class Heat(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``level`` at ``since_ms``, changing by ``rate`` per ms under ``share`` permille of the rating (None: not known).
    ``due_ms``: when the stage next changes (None: never, under this current)."""

    level: int
    share: int | None
    rate: int
    since_ms: int
    stage: int
    due_ms: int | None


def unknown(curve: Curve, now_ms: int) -> Heat:
    """A fuse that nobody has looked at yet."""
    return Heat(_level(curve.warm) - 1, None, 0, now_ms, COOL, None)


def advance(curve: Curve, heat: Heat, share: int | None, now_ms: int) -> Heat:
    """The heat after this cycle, with the current that flows from now on."""
    if share == heat.share and (heat.due_ms is None or now_ms < heat.due_ms):
        return heat
    level, since_ms, rate = heat.level, heat.since_ms, heat.rate
    if share != heat.share:
        level, since_ms, rate = level_at(heat, now_ms), now_ms, rate_of(curve.points, share)
    moved = Heat(level, share, rate, since_ms, heat.stage, None)
    stage = _stage(curve, heat.stage, level_at(moved, now_ms))
    return Heat(level, share, rate, since_ms, stage, _due_ms(curve, moved, stage))


def level_at(heat: Heat, now_ms: int) -> int:
    """The level now, from 0 to :data:`FULL`."""
    return min(max(heat.level + (now_ms - heat.since_ms) * heat.rate, 0), FULL)


def used(heat: Heat, now_ms: int) -> int:
    """The used-up share in permille."""
    return level_at(heat, now_ms) * 1000 // FULL


def rate_of(points: Points, share: int | None) -> int:
    """Change of the level per ms; never less heat and never more cooling than it is."""
    if share is None:
        return 0
    carried = points[0][0]
    if share > carried:
        upper, time_ms = next((point for point in points[1:] if share <= point[0]), points[-1])
        return -(-FULL * share * share // (time_ms * upper * upper))
    slowest = max(time_ms * (upper * upper - carried * carried) for upper, time_ms in points[1:])
    return -(FULL * (carried * carried - share * share) // slowest)


def _stage(curve: Curve, stage: int, level: int) -> int:
    if level >= _level(curve.hot) or (stage == HOT and level > _level(curve.warm)):
        return HOT
    if level >= _level(curve.warm) or (stage != COOL and 2 * level > _level(curve.warm)):
        return WARM
    return COOL


def _due_ms(curve: Curve, heat: Heat, stage: int) -> int | None:
    """When the level next crosses an edge of its stage."""
    if heat.rate > 0 and stage != HOT:
        missing = _level(curve.hot if stage == WARM else curve.warm) - heat.level
        return heat.since_ms - (-missing // heat.rate)
    if heat.rate < 0 and stage != COOL:
        surplus = heat.level - (_level(curve.warm) if stage == HOT else _level(curve.warm) // 2)
        return heat.since_ms - (-surplus // -heat.rate)
    return None


def _level(permille: int) -> int:
    return FULL * permille // 1000
