"""The page "What remains energised when everything of ours is dead", for whoever stands in front of the house.

Three cases, each in the order of time: the guardian is silent and its bus processes live; everything of ours is dead;
and what is energised then. All of it follows from what the families and the site declare; nothing is measured here
(docs/safety/silence.md says what is).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drivers.contract import OutputSpec
from supervisor.check import silence
from supervisor.check.survey import Survey, reverts
from supervisor.kernel.signal import Unit, shown
from supervisor.site import DeviceSite

TITLE = "What remains energised when everything of ours is dead"


@dataclass(frozen=True)
class Rung:
    """``who`` does ``what``, ``after_ms`` the guardian's last word."""

    after_ms: int
    who: str
    what: str


@dataclass(frozen=True)
class Remain:
    """What is left of one target. ``energised``: it may carry power for ever, or until its cut-off acts."""

    target: str
    energised: bool
    what: str
    cut_off: str


@dataclass(frozen=True)
class Page:
    silent: tuple[Rung, ...]  # the guardian is silent, its bus processes live
    dead: tuple[Rung, ...]  # everything of ours is dead
    remains: tuple[Remain, ...]  # when everything is dead and every time-out is over
    broken: tuple[str, ...]  # what contactors break under load when not even a silence image is said
    observed: tuple[str, ...]  # devices to which nothing of ours ever speaks


def page(survey: Survey) -> Page:
    live = [device for device in survey.devices.values() if device.outputs and not device.observe]
    silent = [rung for device in live for rung in (*_spoken(survey, device), *_own(survey, device, spoken=True))]
    dead = [rung for device in live for rung in _own(survey, device, spoken=False)]
    remains = (_remain(survey, place.index, place.spec) for device in live for place in device.outputs)
    observed = tuple(device.name for device in survey.devices.values() if device.outputs and device.observe)
    return Page(_in_time(silent), _in_time(dead), tuple(remains), tuple(_broken(survey)), observed)


def _in_time(rungs: list[Rung]) -> tuple[Rung, ...]:
    return tuple(sorted(rungs, key=lambda rung: (rung.after_ms, rung.who)))


# ---- what happens, and when ------------------------------------------------------------------------------------
def _spoken(survey: Survey, device: DeviceSite) -> Iterator[Rung]:
    """What the bus process says when the guardian is silent, and until when that has taken effect."""
    if device.silence_image is None:
        return
    values = [(place, device.silence_image[place.spec.name]) for place in device.outputs]
    words = ", ".join(
        f"{survey.plan.targets[place.index].id} {survey.said(value, survey.plan.targets[place.index])}"
        for place, value in values
    )
    yield Rung(silence.image_ms(device), f"bus {survey.bus_of[device.name].name}", f"says {words}, if that is less")
    slowest = max(place.spec.enforce_ms for place, _ in values)
    yield Rung(silence.image_ms(device) + slowest, device.name, f"has followed at the latest: {words}")


def _own(survey: Survey, device: DeviceSite, spoken: bool) -> Iterator[Rung]:
    """What a device does by itself. ``spoken``: the bus process has said the silence image, which is one more word."""
    by_time: dict[tuple[int, str], list[str]] = {}
    for place in device.outputs:
        target, spec = survey.plan.targets[place.index], place.spec
        after_ms = (spec.silence.after_ms or 0) + (silence.image_ms(device) if spoken and silence.lifts(spec) else 0)
        if reverts(spec):
            verb = "drops" if spec.contactor else "goes to its safe value"
            words = spec.name if spec.contactor else f"{spec.name} {survey.said(spec.safe, target)}"
            by_time.setdefault((after_ms, verb), []).append(words)
        elif silence.lifts(spec):
            words = f"{spec.name}, up to {survey.said(spec.hi, target)}"
            by_time.setdefault((after_ms, "lifts its limit"), []).append(words)
    for (after_ms, verb), words_ in by_time.items():
        yield Rung(after_ms, device.name, f"{verb} by itself: {', '.join(words_)}")


# ---- what remains ------------------------------------------------------------------------------------------------
def _remain(survey: Survey, position: int, spec: OutputSpec) -> Remain:
    target = survey.plan.targets[position]
    cut = _cut_off(survey, position)
    if reverts(spec):
        return Remain(target.id, spec.safe != 0, f"{survey.said(spec.safe, target)}, by itself", cut)
    most = survey.said(spec.hi, target)
    if silence.lifts(spec):
        return Remain(target.id, True, f"without limit: up to {most}", cut)
    return Remain(target.id, True, f"keeps its last order: up to {most}", cut)


def _broken(survey: Survey) -> Iterator[str]:
    """Contactors that are not rated to break their load, and what nobody has brought to zero before they drop."""
    found: dict[int, list[str]] = {}
    for drop in silence.drops(survey):
        if not reverts(survey.specs[drop.flow]):
            found.setdefault(drop.flow, []).append(survey.plan.targets[drop.coil].id)
    for flow, coils in found.items():
        yield f"{', '.join(dict.fromkeys(coils))}: what {survey.plan.targets[flow].id} draws or gives"


def _cut_off(survey: Survey, position: int) -> str:
    """What cuts it off without us, in words; "" when nothing does."""
    cut = survey.cut_offs.get(position)
    if cut is None:
        return ""
    if cut.words:
        return cut.words
    specs = [survey.specs[coil] for coil in cut.contactors]
    names = " and ".join(survey.plan.targets[coil].id for coil in cut.contactors)
    if not all(reverts(spec) for spec in specs):
        return ""
    return f"{names} drop{'s' if len(specs) == 1 else ''} after {_seconds(max(s.silence.after_ms or 0 for s in specs))}"


def _seconds(ms: int) -> str:
    return shown(ms, Unit.TIME)


# ---- as text -------------------------------------------------------------------------------------------------------
def lines(made: Page, name: str) -> Iterator[str]:
    """Plain text that reads as Markdown, too."""
    yield f"# {TITLE}"
    yield f"{name}. Times count from the guardian's last word."
    yield ""
    yield "## The guardian is silent, its bus processes live"
    yield from _ladder(made.silent)
    yield ""
    yield "## Everything of ours is dead (this computer is off)"
    yield from _ladder(made.dead)
    yield ""
    yield "## What then is energised"
    yield from _remaining(made)


def _ladder(rungs: tuple[Rung, ...]) -> Iterator[str]:
    if not rungs:
        yield "- nothing happens by itself"
    times = [_seconds(rung.after_ms) for rung in rungs]
    width, who = max(map(len, times), default=0), max((len(rung.who) for rung in rungs), default=0)
    for time, rung in zip(times, rungs, strict=True):
        yield f"- {time:>{width}}  {rung.who:<{who}}  {rung.what}"


def _remaining(made: Page) -> Iterator[str]:
    energised = [remain for remain in made.remains if remain.energised]
    width = max((len(remain.target) for remain in energised), default=0)
    for remain in energised:
        cut = f"cut off: {remain.cut_off}" if remain.cut_off else "NOTHING CUTS IT OFF"
        yield f"- {remain.target:<{width}}  {remain.what}; {cut}"
    if not energised:
        yield "- nothing that we can name"
    for words in made.broken:
        yield f"- opened under load, for which it is not rated: {words}"
    if dark := [remain.target for remain in made.remains if not remain.energised]:
        yield f"- open or at zero by itself: {', '.join(dark)}"
    if made.observed:
        yield f"- only observed, so as its own controls leave it: {', '.join(made.observed)}"
