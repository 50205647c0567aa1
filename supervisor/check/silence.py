"""When we fall silent: how long each target takes to come to zero, and what drops when. All times in ms, counted from
the last word of the guardian.

The ladder (design, "When we fall silent"; hazard H13): flow goes to zero before contactors drop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drivers.contract import OutputSpec, SilenceKind
from supervisor.check.survey import Survey, reverts
from supervisor.kernel.switchgear import Changeover
from supervisor.loader.documents import Item
from supervisor.site import DeviceSite

POLL_MS = 50  # how late a bus process may notice the silence (supervisor/bus/host.py)
SLACK_MS = 200  # one thinned renewal of a dead-man, and one lost word


def image_ms(device: DeviceSite) -> int:
    """When the bus process has said the silence image."""
    return device.silence_after_ms + POLL_MS


def settled_ms(device: DeviceSite, spec: OutputSpec) -> int | None:
    """When a target is at its safe value while the bus process lives; None: never."""
    if reverts(spec):
        return (spec.silence.after_ms or 0) + spec.enforce_ms
    if device.silence_image is None or device.silence_image[spec.name] != spec.safe:
        return None
    return image_ms(device) + spec.enforce_ms


@dataclass(frozen=True)
class Drop:
    """A contactor that a device drops by itself, and a target whose flow goes through it."""

    coil: int
    at_ms: int
    flow: int
    item: Item


def drops(survey: Survey) -> Iterator[Drop]:
    """Every contactor that is not rated to break its load and drops by itself, with each flow that it would break."""
    for coil, flow, item in _carried(survey):
        contactor, spec = survey.plan.targets[coil].contactor, survey.specs[coil]
        if contactor is not None and contactor.breaks_ms is None and reverts(spec):
            yield Drop(coil, spec.silence.after_ms or 0, flow, item)


def _carried(survey: Survey) -> Iterator[tuple[int, int, Item]]:
    """(contactor, target whose flow it carries, where that is written)."""
    for changeover in survey.plan.changeovers:
        drained = [action.target for action in changeover.drains if action.target not in survey.contactors]
        for coil in changeover.members:
            known = [flow for flow in drained if coil in _through(survey, changeover, flow)]
            for flow in known or drained:
                yield coil, flow, survey.of_rule(changeover.id, "drain", survey.plan.targets[flow].id)
    for name, cut in survey.loaded.cut_offs.items():
        yield from ((coil, survey.positions[name], survey.at("cut_offs", name)) for coil in cut.contactors)


def _through(survey: Survey, changeover: Changeover, position: int) -> set[int]:
    """The contactors of a changeover that are known to carry the flow of a target: its device measures it itself."""
    device = survey.device_of(position)
    sources = [(flow.against, flow.through) for flow in changeover.flows if flow.against is not None]
    return {
        coil
        for against, through in sources
        if device is not None and survey.owner(against.signal) == device.name
        for coil in through
    }


def flows(spec: OutputSpec) -> bool:
    """Is this something that flows, and not a mere lamp or a coil?"""
    return spec.unit.value != "flag"


def lifts(spec: OutputSpec) -> bool:
    """Does the device lift a limit by itself?"""
    return spec.silence.kind is SilenceKind.REVERTS_UNSAFE
