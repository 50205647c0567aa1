"""Hunting: each setpoint permitted, together an oscillation (hazard H30).

Theory of operation
* A level swings when it has come back by a good part of its range from how far it had gone; small steps are none.
  Each reversal has a share of time, and what several of them need beyond ``within_ms`` is too much: the level hunts.
* While it hunts it relaxes more slowly, and only a while after it was last tightened. Tightening is never held back.
* It has calmed down when half of the time that its reversals need is left.

Levels are kept as times, so skipping quiet cycles changes nothing. This file must never make a value larger.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.plan import Hunting, Target
from supervisor.kernel.state import Swings, TargetState


def swung(target: Target, before: TargetState, after: TargetState, now_ms: int) -> TargetState:
    """``after`` with its swings counted."""
    limits, swings = target.hunting, before.swings
    if limits is None:
        return after
    if after.output != before.output and before.output is not None and after.output is not None:
        at, fell = abs(after.output - target.safe), abs(after.output - target.safe) < abs(before.output - target.safe)
        swings = _counted(target, limits, swings or Swings(True, at, now_ms, False, now_ms), at, now_ms)
        swings = msgspec.structs.replace(swings, tightened_ms=now_ms) if fell else swings
    if swings is not None and swings.hunting and now_ms >= calmed_ms(target, swings):
        swings = msgspec.structs.replace(swings, hunting=False)
    if swings is before.swings or swings is None:
        return after
    if swings.hunting != (before.swings is not None and before.swings.hunting):
        after = msgspec.structs.replace(after, ramp_value=None)  # its slope changes, so the ramp begins anew from here
    return msgspec.structs.replace(after, swings=swings)


def _counted(target: Target, limits: Hunting, was: Swings, at: int, now_ms: int) -> Swings:
    """The swings after the level has come to ``at`` from its safe value."""
    farther = at >= was.extreme if was.up else at <= was.extreme
    if farther:
        return msgspec.structs.replace(was, extreme=at)
    if abs(at - was.extreme) * 1000 < (target.hi - target.lo) * limits.swing:
        return was
    share_ms = limits.within_ms // limits.reversals
    # bounded, so that a long night of swinging does not take as long to be forgiven
    due_ms = min(max(was.due_ms, now_ms) + share_ms, now_ms + 2 * limits.within_ms)
    return Swings(not was.up, at, due_ms, was.hunting or due_ms - now_ms > limits.within_ms, was.tightened_ms)


def calmed_ms(target: Target, swings: Swings) -> int:
    """When a level that hunts counts as calm again, if nothing more happens."""
    return swings.due_ms - (target.hunting.within_ms // 2 if target.hunting else 0)


def calm_ms(target: Target, state: TargetState) -> int:
    """Before this it does not relax."""
    if target.hunting is None or state.swings is None or not state.swings.hunting:
        return 0
    return state.swings.tightened_ms + target.hunting.dwell_ms


def slower(target: Target, state: TargetState) -> int:
    """By how much its ramp is slower now."""
    return target.hunting.slower if target.hunting and state.swings and state.swings.hunting else 1
