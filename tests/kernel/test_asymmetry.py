"""One phase may import only so much more than another: what a single-phase wallbox may draw follows from all three."""

from __future__ import annotations

import pytest
from kernel_toys import BOX, START_MS, Run, ask, current, good, idle, plan, replace

from supervisor.kernel.arbitration import envelopes
from supervisor.kernel.headroom import headroom
from supervisor.kernel.mains import Circuit, Feed, Phase
from supervisor.kernel.signal import MISSING, Reading, Signal, Source, Unit
from supervisor.kernel.state import boot

NAMES = [f"meter.current_l{n}" for n in (1, 2, 3)]
SIGNALS = (
    *map(current, NAMES),
    *(Signal(f"meter.power_l{n}", Unit.POWER, 2_000, -(10**9), 10**9) for n in (1, 2, 3)),
    current("box.drawn"),
)
PHASES = tuple(Phase(Source(n, 2_000), Source(n + 3, 2_000)) for n in range(3))
ON_L1 = Feed(0, (Source(6, 2_000), None, None), absent=(1, 2))
CIRCUIT = Circuit("circuits.house", "20 A between phases", 35_000, 2_000, 6_000, PHASES, (ON_L1,), 20_000)


def image(*flows: int, drawn: int = 0) -> tuple[Reading, ...]:
    """Readings of the three conductors, export negative, and of what the wallbox draws on L1."""
    return tuple(map(good, (*(abs(flow) for flow in flows), *(230 * flow for flow in flows), drawn)))


def room(circuit: Circuit, readings: tuple[Reading, ...]) -> int:
    return headroom(circuit, ON_L1, readings, (idle(),), None, START_MS).most


@pytest.mark.parametrize(
    ("flows", "drawn", "most"),
    [
        ((0, 0, 0), 0, 20_000),
        ((10_000, 4_000, 6_000), 8_000, 20_000 - 6_000 + 8_000),
        ((4_000, 10_000, 10_000), 0, 20_000 + 6_000),  # the others import more: there is more for L1
        ((-20_000, 0, 0), 0, 20_000 + 20_000),  # what the sun gives on L1 is subtracted first
        ((2_000, -15_000, 0), 0, 20_000 - 17_000),  # the others export: that is asymmetry, too
    ],
)
def test_the_phase_may_import_so_much_more_than_the_least_of_the_others(
    flows: tuple[int, int, int], drawn: int, most: int
) -> None:
    assert room(replace(CIRCUIT, fuse=100_000), image(*flows, drawn=drawn)) == most


def test_a_full_phase_on_which_it_has_no_wire_takes_nothing_from_it() -> None:
    assert room(replace(CIRCUIT, asymmetry=None), image(0, 33_000, 33_000)) == 33_000


def test_a_phase_on_which_it_draws_unmeasured_does() -> None:
    everywhere = Feed(0, (Source(6, 2_000), None, None))
    readings = image(0, 30_000, 0)
    about = replace(CIRCUIT, asymmetry=None, feeds=(everywhere,))
    assert headroom(about, everywhere, readings, (idle(),), None, START_MS).most == 3_000


def test_what_a_rival_was_promised_counts_only_where_it_has_a_wire() -> None:
    rival = Feed(1, (None, None, None), absent=(0,))
    about = replace(CIRCUIT, asymmetry=None, feeds=(ON_L1, rival))
    told = (idle(), idle(output=16_000))
    assert headroom(about, ON_L1, image(0, 0, 0), told, None, START_MS).most == 33_000
    assert headroom(about, rival, image(0, 0, 0), (idle(output=16_000), idle()), None, START_MS).most == 33_000


def test_the_fuse_binds_where_it_is_the_tighter_one() -> None:
    assert room(CIRCUIT, image(30_000, 30_000, 30_000)) == 35_000 - 2_000 - 30_000


def test_without_the_limit_only_the_fuse_counts() -> None:
    assert room(replace(CIRCUIT, asymmetry=None), image(2_000, -15_000, 0)) == 31_000


def test_a_phase_that_nobody_measures_leaves_what_is_declared_for_the_blind() -> None:
    readings = list(image(0, 0, 0))
    readings[1] = MISSING
    assert room(CIRCUIT, tuple(readings)) == 6_000


def test_a_phase_that_falls_silent_is_blind_after_its_grace_also_for_a_feed_that_is_not_on_it() -> None:
    run = Run(plan(signals=SIGNALS, circuits=(replace(CIRCUIT, grace_ms=1_000, trust_ms=30_000),)))
    run.keep = dict.fromkeys([signal.id for signal in SIGNALS], 0)
    run.go(500)
    run.cycle(ask(value=16_000, now_ms=run.now_ms))
    run.go(10_000)
    assert run.output("box.current") == 16_000
    del run.keep["meter.current_l2"]
    run.go(2_900)
    assert run.output("box.current") == 16_000
    run.go(300)
    assert run.output("box.current") == 6_000


def test_the_envelope_names_the_circuit() -> None:
    house = plan(signals=SIGNALS, targets=(replace(BOX, hi=32_000),), circuits=(CIRCUIT,))
    (span,) = envelopes(house, image(0, 0, 0), (), (idle(),), boot(house, 0).proven, (), 0, START_MS)[0]
    assert (span.hi, span.hi_by) == (20_000, "circuits.house")
