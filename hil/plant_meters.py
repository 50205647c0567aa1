"""What a meter makes of the currents around it, and how somebody may have connected it wrongly.

Theory of operation: a meter has a voltage tap and a current clamp on each phase, and multiplies them. A clamp that sits
on another phase measures a current that is a third of a turn away from its tap, so that its power is minus one half of
what it would be; a clamp that sits the wrong way round has the opposite sign. Taps and clamps that are exchanged
together are not noticed by the meter at all: its L1 is the house's L2.
A wallbox whose phases are rotated has its L1 on another phase of the house, and everything else in the same order.

Rules: several faults add up, in the order of their beginning. Energies are not touched by them.
It must never know what is right for the product.
"""

from __future__ import annotations

import math

from hil.plant_phases import PHASES, Three
from hil.sim.device import ControlError, FaultKind, Faults, Value

METER = {"meter": "meter"}
WIRING_FAULTS = (
    FaultKind("clamps_swapped", "two current clamps of this meter are exchanged", {**METER, "first": 1, "second": 2}),
    FaultKind("clamp_reversed", "this current clamp of this meter sits the wrong way round", {**METER, "phase": 1}),
    FaultKind("phases_swapped", "two phases of this meter, tap and clamp", {**METER, "first": 1, "second": 2}),
    FaultKind("wallbox_rotated", "the wallbox's L1 is so many phases after the house's L1", {"steps": 1}),
)
DISPLACED = math.cos(2 * math.pi / 3)


def check(name: str, params: dict[str, Value], meters: list[str]) -> None:
    """A fault begins; ControlError for phases that no meter has, and for a meter that is not there."""
    for key in ("first", "second", "phase"):
        if key in params and params[key] not in PHASES:
            raise ControlError(f"fault {name}: {key} must be 1, 2 or 3")
    if "first" in params and params["first"] == params["second"]:
        raise ControlError(f"fault {name}: first and second must be two different phases")
    if "steps" in params and params["steps"] not in (1, 2):
        raise ControlError(f"fault {name}: steps must be 1 or 2")
    if "meter" in params and meters and params["meter"] not in meters:
        raise ControlError(f"fault {name}: no meter {params['meter']!r} has spoken; there are {', '.join(meters)}")


def rotation(faults: Faults) -> int:
    """How many phases after the house's L1 the wallbox's L1 is."""
    return sum(int(params["steps"]) for params in faults.all("wallbox_rotated")) % 3


def measured(name: str, volts: Three, watts: Three, faults: Faults) -> tuple[Three, Three, Three]:
    """V, W and A as this meter shows them, from those that are there."""
    if not faults.any():
        return volts, watts, [abs(watt / volt) if volt else 0.0 for watt, volt in zip(watts, volts, strict=True)]
    taps, clamps, signs = [0, 1, 2], [0, 1, 2], [1.0] * 3
    for params in faults.all("phases_swapped"):
        if params["meter"] == name:
            first, second = int(params["first"]) - 1, int(params["second"]) - 1
            taps[first], taps[second] = taps[second], taps[first]
            clamps[first], clamps[second] = clamps[second], clamps[first]
    for params in faults.all("clamps_swapped"):
        if params["meter"] == name:
            first, second = int(params["first"]) - 1, int(params["second"]) - 1
            clamps[first], clamps[second] = clamps[second], clamps[first]
    for params in faults.all("clamp_reversed"):
        if params["meter"] == name:
            signs[int(params["phase"]) - 1] *= -1.0
    amperes = [watt / volt if volt else 0.0 for watt, volt in zip(watts, volts, strict=True)]
    shown_v = [volts[tap] for tap in taps]
    shown_w = [
        sign * (watts[clamp] if tap == clamp else volts[tap] * amperes[clamp] * DISPLACED)
        for tap, clamp, sign in zip(taps, clamps, signs, strict=True)
    ]
    return shown_v, shown_w, [abs(amperes[clamp]) for clamp in clamps]
