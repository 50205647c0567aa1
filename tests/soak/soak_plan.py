"""What a seed draws: the house, which kinds of fault it may have and how likely each is, and the stages it plays.

Swarm testing: a seed that may do everything does a little of everything; one that has drawn half of the kinds, and of
those some very likely, finds what only shows when one thing happens again and again. Two seeds of three play stages
(soak_stages); the third is plain, with one fault at a time, so that hardly anything is excused there.
It must never depend on anything but the seed's number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tests.soak.soak_fill import AT_ONCE, PAUSE_MS, Fill, reaching
from tests.soak.soak_houses import BY_NAME, TURNS, YARDS, Yard
from tests.soak.soak_stages import OPENINGS, STAGE_MS, Aim, aim, of_house

FIRST_MS, BREAK_MS, SECOND_MS, SAFETY_MS = 12_000, 45_000, 49_000, 83_000  # in the break somebody presses reset
assert FIRST_MS + STAGE_MS <= BREAK_MS < SECOND_MS and SAFETY_MS > SECOND_MS + STAGE_MS  # noqa: PT018  one line, one time table
PLAIN_EVERY = 3


@dataclass(frozen=True)
class Plan:
    """``weights``: of each row that is drawn at random; ``gap_ms``: between two of those, on average; ``at_once``: how
    many may last together."""

    seed: int
    yard: Yard
    plain: bool
    aims: tuple[Aim, ...]
    weights: dict[str, float]
    gap_ms: int
    wish_ms: int
    at_once: int
    sun_w: int
    battery_w: object

    def words(self) -> str:
        """The settings, for whoever repeats it."""
        stages = ", ".join(f"{at.stage.name} at {at.from_ms / 1000:g} s" for at in self.aims) or "no stage"
        kinds = ", ".join(f"{row} {weight:.1f}" for row, weight in self.weights.items())
        return (
            f"{self.yard.name}; {stages}; {self.at_once} at once, every {self.gap_ms / 1000:g} s; a wish every "
            f"{self.wish_ms / 1000:g} s; sun {self.sun_w} W, battery {self.battery_w}; may happen: {kinds}"
        )


def yard_of(seed: int, house: str = "") -> tuple[Yard, int]:
    """Its house, and how many seeds that house has had before. ``house``: all seeds in this one."""
    if house:
        return BY_NAME[house], seed
    turn = TURNS[seed % len(TURNS)]
    before = seed // len(TURNS) * TURNS.count(turn) + TURNS[: seed % len(TURNS)].count(turn)
    return YARDS[turn], before


def plan(seed: int, rows: tuple[str, ...], house: str = "", fill: Fill | None = None) -> Plan:
    """All that is drawn before the run. ``fill``: what it is for, if it is one of those (soak_fill)."""
    dice = random.Random(f"soak plan/{seed}")
    yard, number = yard_of(seed, house)
    plain = fill is None and number % PLAIN_EVERY == PLAIN_EVERY - 1
    weights = {row: dice.choice((0.2, 1.0, 1.0, 5.0)) for row in rows if dice.random() < 0.5} or dict.fromkeys(
        rows, 1.0
    )
    return Plan(
        seed,
        yard,
        plain,
        () if plain else _filling(yard, fill, seed) if fill else _aims(yard, number - number // PLAIN_EVERY, rows),
        weights,
        gap_ms=dice.randrange(3_000, 9_000, 500) if plain else dice.randrange(6_000, 20_000, 500),
        wish_ms=dice.randrange(2_000, 8_000, 500),
        at_once=dice.choice((1, 1, 1, 2)) if plain else 3,
        sun_w=dice.choice((0, 6_000, 21_000)) if yard.name == "rebundling" else 0,
        battery_w=dice.choice(("auto", 0)),
    )


def _filling(yard: Yard, fill: Fill, seed: int) -> tuple[Aim, ...]:
    """Twice a way into that state, the second time with the other rows first."""
    ways, found = reaching(fill.column, yard), []
    if fill.column in OPENINGS[0].columns:
        found.append(Aim(OPENINGS[0], 0, FIRST_MS, {fill.column: list(fill.rows)}))
    for slot, from_ms in enumerate((FIRST_MS, SECOND_MS)):
        stage, half = ways[(seed + slot) % len(ways)], slot * len(fill.rows) // 2
        keen = replace(stage, at_once=AT_ONCE, pause_ms=min(stage.pause_ms, PAUSE_MS))
        rows = [*fill.rows[half:], *fill.rows[:half]]
        found.append(Aim(keen, from_ms, from_ms + STAGE_MS, {fill.column: rows}))
    return tuple(found)


def _aims(yard: Yard, played: int, rows: tuple[str, ...]) -> tuple[Aim, ...]:
    """``played``: so many seeds of this house have played stages before."""
    stages = of_house(yard)
    opening = aim(OPENINGS[played % len(OPENINGS)], 0, played // len(OPENINGS), rows)
    opening.to_ms = FIRST_MS
    found = [opening]
    for slot, from_ms in enumerate((FIRST_MS, SECOND_MS)):
        number = 2 * played + slot
        found.append(aim(stages[number % len(stages)], from_ms, number // len(stages), rows))
    return tuple(found)
