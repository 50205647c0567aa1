"""Is the flow zero, proven? A meter that has never shown that it can see proves nothing by saying zero.

Rules, per current that must be zero
* Its reading is GOOD, young and within the threshold, whatever its sign.
* Nobody else who knows the same current says that it flows.
* The sensor has shown a current since it was last lost or contradicted; or somebody else also says zero; or, where a
  breaking is stranded, somebody in the house has vouched for it since.
* Or every contactor that carries it is proven open: then only a reading that says otherwise counts.

Two sensors are never read in the same instant, so a contradiction counts against the sensor only when it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from supervisor.kernel.headroom import read
from supervisor.kernel.interlock import proven_open
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.state import Switch, TargetState
from supervisor.kernel.switchgear import Changeover, Flow

replace = msgspec.structs.replace


def watch(
    plan: Plan,
    changeover: Changeover,
    switch: Switch,
    states: Sequence[TargetState],
    image: Image,
    now_ms: int,
    vouched: bool = False,
) -> Switch:
    """The changeover's memory of its flows after this cycle. ``vouched``: somebody in the house says that its sensors
    see. That counts as if they had shown it, and not against what they show."""
    odd_ms = tuple(
        (since if since is not None else now_ms) if _contradicted(flow, image, now_ms) else None
        for flow, since in zip(changeover.flows, switch.odd_ms, strict=True)
    )
    sighted = tuple(
        _sees(flow, was or vouched, odd is not None and now_ms - odd >= changeover.skew_ms, image, now_ms)
        for flow, was, odd in zip(changeover.flows, switch.sighted, odd_ms, strict=True)
    )
    still = all(
        not doubt(plan, flow, sees, states, image, now_ms) for flow, sees in zip(changeover.flows, sighted, strict=True)
    )
    calm_ms = (switch.calm_ms if switch.calm_ms is not None else now_ms) if still else None
    if (odd_ms, sighted, calm_ms) == (switch.odd_ms, switch.sighted, switch.calm_ms):
        return switch
    return replace(switch, odd_ms=odd_ms, sighted=sighted, calm_ms=calm_ms)


def calm(changeover: Changeover, switch: Switch, now_ms: int) -> bool:
    """Has nothing flowed for long enough?"""
    return switch.calm_ms is not None and now_ms - switch.calm_ms >= changeover.calm_ms


def doubt(plan: Plan, flow: Flow, sighted: bool, states: Sequence[TargetState], image: Image, now_ms: int) -> str:
    """Why this current is not proven zero, as a word; "" when it is."""
    mine = read(flow.current, image, now_ms)
    if mine is not None and abs(mine) > flow.zero:
        return "flowing"
    if flow.through and all(proven_open(plan, states[contactor]) for contactor in flow.through):
        return ""
    if mine is None:
        return "not known"
    other = read(flow.against, image, now_ms) if flow.against else None
    if other is not None and abs(other) >= flow.shown:
        return "contradicted"
    if not sighted and (other is None or abs(other) > flow.zero):
        return "blind"
    return ""


def _contradicted(flow: Flow, image: Image, now_ms: int) -> bool:
    mine = read(flow.current, image, now_ms)
    other = read(flow.against, image, now_ms) if flow.against else None
    return mine is not None and abs(mine) <= flow.zero and other is not None and abs(other) >= flow.shown


def _sees(flow: Flow, was: bool, contradicted: bool, image: Image, now_ms: int) -> bool:
    mine = read(flow.current, image, now_ms)
    if mine is None or contradicted:
        return False
    return was or abs(mine) >= flow.shown
