"""Findings about devices, contactors, buses and keys: what is left when we are silent, and who could get in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from drivers.contract import WriteCost
from supervisor.check import silence
from supervisor.check.finding import Spot
from supervisor.check.survey import Survey, reverts
from supervisor.kernel.signal import Unit, shown

DEMO_TOKENS = ("demo-optimiser", "demo-phone")
GUESSED_TOKENS = ("", "admin", "changeme", "password", "powerwarden", "secret", "test", "token", "1234", "12345678")


def _seconds(ms: int) -> str:
    return shown(ms, Unit.TIME)


# ---- when we are silent --------------------------------------------------------------------------------------------
def no_cut_off(survey: Survey) -> Iterator[Spot]:
    yield from _uncut(survey, simulated=False)


def no_cut_off_simulated(survey: Survey) -> Iterator[Spot]:
    yield from _uncut(survey, simulated=True)


def _uncut(survey: Survey, simulated: bool) -> Iterator[Spot]:
    for position, spec in survey.specs.items():
        target, device = survey.plan.targets[position], survey.device_of(position)
        lamp = not silence.flows(spec) and not spec.contactor
        if device is None or target.observe or reverts(spec) or lamp or position in survey.cut_offs:
            continue
        if survey.bus_of[device.name].simulated == simulated:
            does = (
                f"lifts its limit after {_seconds(spec.silence.after_ms or 0)}"
                if silence.lifts(spec)
                else "keeps its last order"
            )
            what = f"{target.id} {does} when nobody speaks to it, and nothing else is said to cut it off"
            yield Spot(survey.of_target(position), what)


def silence_energises(survey: Survey) -> Iterator[Spot]:
    for device in survey.devices.values():
        for place in device.outputs:
            value = (device.silence_image or {}).get(place.spec.name, place.spec.safe)
            if value != place.spec.safe and not reverts(place.spec):
                target = survey.plan.targets[place.index]
                what = f"{target.id} stays at {survey.said(value, target)} for as long as the guardian is silent"
                yield Spot(survey.of_target(place.index, "silence"), what)


def ladder_broken(survey: Survey) -> Iterator[Spot]:
    """One spot per place and flow: its contactors drop before it is at zero."""
    early: dict[tuple[str, int, int], tuple[list[str], silence.Drop]] = {}
    for drop in silence.drops(survey):
        device, spec = survey.device_of(drop.flow), survey.specs[drop.flow]
        zero_ms = None if device is None else silence.settled_ms(device, spec)
        if zero_ms is None or zero_ms + silence.SLACK_MS > drop.at_ms:
            coils, _ = early.setdefault((drop.item.file, drop.item.line, drop.flow), ([], drop))
            coils.append(survey.plan.targets[drop.coil].id)
    for coils, drop in early.values():
        device, spec = survey.device_of(drop.flow), survey.specs[drop.flow]
        zero_ms = None if device is None else silence.settled_ms(device, spec)
        zero = "never" if zero_ms is None else f"only {_seconds(zero_ms)} after the guardian's last word"
        names = f"{', '.join(dict.fromkeys(coils))} drop after {_seconds(drop.at_ms)}"
        what = f"{survey.plan.targets[drop.flow].id} is at zero {zero}, but {names} and are not rated to break it"
        yield Spot(drop.item, what)


def lifts_before_cut_off(survey: Survey) -> Iterator[Spot]:
    for position, cut in survey.cut_offs.items():
        spec = survey.specs.get(position)
        if spec is None or not silence.lifts(spec) or not cut.contactors:
            continue
        lifts_ms = spec.silence.after_ms or 0
        held = [coil for coil in cut.contactors if reverts(survey.specs[coil])]
        last_ms = max((survey.specs[coil].silence.after_ms or 0 for coil in held), default=0)
        if len(held) == len(cut.contactors) and lifts_ms <= last_ms + silence.SLACK_MS:
            name = survey.plan.targets[position].id
            what = f"{name} lifts its limit after {_seconds(lifts_ms)}, its contactors drop after {_seconds(last_ms)}"
            yield Spot(survey.of_target(position), what)


def cut_off_stays(survey: Survey) -> Iterator[Spot]:
    """A contactor that shall cut something off and keeps its own position when we are dead."""
    for position, cut in survey.cut_offs.items():
        for coil in cut.contactors:
            if not reverts(survey.specs[coil]):
                name = survey.plan.targets[position].id
                what = f"{survey.plan.targets[coil].id} keeps its position when we are dead, so it cuts nothing off"
                yield Spot(survey.at("cut_offs", name), what)


def drops_under_load(survey: Survey) -> Iterator[Spot]:
    """Nobody knows what flows through it, so nobody brings that to zero before it drops."""
    carrying = {coil for cut in survey.cut_offs.values() for coil in cut.contactors}
    for coil in survey.contactors:
        contactor, spec = survey.plan.targets[coil].contactor, survey.specs[coil]
        if contactor is None or coil in survey.moved | carrying or contactor.breaks_ms is not None:
            continue
        if reverts(spec):
            after = _seconds(spec.silence.after_ms or 0)
            what = f"{survey.plan.targets[coil].id} drops {after} after our last word, whatever flows through it"
            yield Spot(survey.of_target(coil), what)


# ---- contactors ----------------------------------------------------------------------------------------------------
def contactor_alone(survey: Survey) -> Iterator[Spot]:
    locked = {member for group in survey.plan.groups for member in group.members}
    locked |= {need.target for need in survey.plan.needs} | {
        need.requires for need in survey.plan.needs if need.requires
    }
    for coil in survey.contactors:
        if survey.may_close(coil) and coil not in locked | survey.moved:
            name = survey.plan.targets[coil].id
            yield Spot(survey.of_target(coil), f"{name} is in no interlock and in no changeover")


def weld_without_reset(survey: Survey) -> Iterator[Spot]:
    used = [coil for coil in survey.contactors if survey.may_close(coil) or coil in survey.moved]
    if used and survey.plan.local.reset is None:
        device = survey.device_of(used[0])
        item = survey.at("devices", device.name) if device is not None else survey.at()
        yield Spot(item, "a contactor that welds is latched, and nothing in the house resets it")


# ---- buses, wear and keys ------------------------------------------------------------------------------------------
def worn_by_ramp(survey: Survey) -> Iterator[Spot]:
    for position, spec in survey.specs.items():
        target = survey.plan.targets[position]
        if spec.write_cost is WriteCost.NON_VOLATILE and target.ramp is not None:
            what = f"each step of the ramp of {target.id} is a write to its flash or EEPROM"
            yield Spot(survey.of_target(position, "ramp"), what)


def simulated_beside_real(survey: Survey) -> Iterator[Spot]:
    real = [bus.name for bus in survey.site.buses if not bus.simulated]
    for bus in survey.site.buses:
        if bus.simulated and real:
            yield Spot(survey.at("buses", bus.name), f"{bus.name} is simulated, and {', '.join(real)} is real")


def demo_token(survey: Survey) -> Iterator[Spot]:
    if not all(bus.simulated for bus in survey.site.buses):
        yield from _known_tokens(survey, DEMO_TOKENS, "the published token of the examples")


def guessed_token(survey: Survey) -> Iterator[Spot]:
    yield from _known_tokens(survey, GUESSED_TOKENS, "a token that anybody tries first")


def _known_tokens(survey: Survey, tokens: tuple[str, ...], words: str) -> Iterator[Spot]:
    known = {hashlib.sha256(token.encode()).hexdigest() for token in tokens}
    for name, digest in survey.loaded.tokens.items():
        if digest in known:
            yield Spot(survey.at("orchestrators", name, "token_sha256"), f"{name} has {words}")
