"""``powerwarden-rig rehearse SITE``: the standard scenarios with somebody's own site and policies, in virtual time.

What is written to OUT: the house that the rehearsal took (rig-house.yaml), the scenarios (scenarios/*.yaml, to be read,
copied and run again), and the pages of rig_run. Nothing outside of it is touched, and no device is spoken to.

Rules
* Of what lies in OUT/scenarios only what begins with HEAD is written anew: what somebody has put there is theirs.
* Judged is only what holds for any house: its fuses, that a wish ends, that without a guardian everything comes to
  rest as the documents say, that the house comes back. What a policy is meant to do only its owner can say: in
  scenarios of his own.
* Every doubt about the house that was made up is said before the verdicts.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hil.bench.virtual import About, AboutTarget, about
from hil.house import load
from hil.rehearse_house import OWN, fuse_a, house_text
from hil.report.outcome import Outcome
from hil.report.words import findings_in_words
from hil.rig_progress import run_with
from hil.rig_run import Settings, run_all
from hil.rig_select import scenarios_in
from hil.sim.device import Device, FaultKind, Json
from hil.unix_socket import RigError

FUSE_BEARS_S = 10  # a gG fuse bears far more than its rating for so long; what stays above it longer is not watched
REST_S = 20  # beyond the silence that the documents declare: the car's 5 s, the box's own 5 s, and the bus's turn
VOLT = 230
HEAD = """\
# Made by `powerwarden-rig rehearse`; the next rehearsal makes it anew. If you change it, take these two lines away:
# then it stays as it is, and is run with the others.
"""
STRUCK = {  # what a fault strikes when nobody says more: a number that the product decides by
    "register": ("current_l1", "car_state", "power"),
    "signal": ("StateOfCharge", "Contact1"),
}
Scene = dict[str, Any]


def rehearse(site: Path, out: Path) -> int:
    """Run it and tell. Returns 0 when everything held, 1 when something did not. RigError for a site that the product
    does not take."""
    told = about(site)
    folder = out / "scenarios"
    _empty(folder)
    house, doubts = _house(told, site, out)
    for name, scene in scenes(told, house, site).items():
        text = yaml.safe_dump(scene, sort_keys=False, allow_unicode=True, width=110)
        if not (folder / f"{name}.yaml").exists():
            (folder / f"{name}.yaml").write_text(HEAD + text, "utf-8")
    scenarios = [scenario for path in sorted(folder.glob("*.yaml")) for scenario in scenarios_in(path)]
    _say(f"{told.title}: {len(scenarios)} scenarios, with {house}")
    for doubt in doubts:
        _say(f"  not known: {doubt}")
    began_s = time.monotonic()
    with run_with() as progress:
        outcomes = run_all(scenarios, Settings("virtual", out, tell=True), progress, os.cpu_count() or 1)
    for line in in_plain_words(outcomes, time.monotonic() - began_s, len(scenarios) - len(outcomes)):
        _say(line)
    _say(f"every scenario with its pictures: {out / 'index.html'}")
    return 0 if len(outcomes) == len(scenarios) and all(outcome.passed for outcome in outcomes) else 1


def _house(told: About, site: Path, out: Path) -> tuple[Path, list[str]]:
    """The house to take, and what nobody knows of it."""
    own = site / OWN
    if own.is_file():
        return own, []
    text, doubts = house_text(told, site)
    made = out / OWN
    made.write_text(text, "utf-8")
    return made, [*doubts, f"what the house takes, and its sun: correct {made} and put it beside site.yaml"]


def _empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.yaml"):
            if path.read_bytes().startswith(HEAD.encode()):
                path.unlink()
    except OSError as error:
        raise RigError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None


# ---- the scenarios --------------------------------------------------------------------------------------------------
def scenes(told: About, house: Path, site: Path) -> dict[str, Scene]:
    """Scenario files by name."""
    cars = [target for target in told.targets if target.unit == "mA" and not target.contactor and target.hi > 0]
    common = {"house": str(house.resolve()), "site": str(site.resolve()), "benches": ["virtual"]}
    parts = _Parts(told, common, cars, load(house).plant.fuse_a)
    return {
        "an_evening": parts.evening(),
        "the_guardian_hangs": parts.hangs(),
        "the_guardian_dies": parts.dies(),
        "a_power_cut": parts.power_cut(),
        "an_orchestrator_goes_mad": parts.flood(),
    } | {f"{device}_{fault}": parts.broken(device, words, request) for device, fault, words, request in faults(house)}


class _Parts:
    """The pieces of which the scenarios of one site are made."""

    def __init__(self, told: About, common: Mapping[str, object], cars: list[AboutTarget], melts_a: float) -> None:
        self._told, self._common, self._cars, self._melts_a = told, dict(common), cars, melts_a
        self._fuse_a = fuse_a(told)

    def evening(self) -> Scene:
        """Somebody charges and somebody cooks."""
        cooking = {"at": "40 s", "set": {"plant.load_w": self._much_w()}}
        return self._scene(
            "An evening: the car charges, and somebody cooks on all phases",
            "together they would be more than the fuse bears; the car has to yield, and gets its current back",
            ["H04"],
            150,
            [*self._wishes(), cooking, {"at": "80 s", "set": {"plant.load_w": 400}}],
            [*self._fuse()],
        )

    def hangs(self) -> Scene:
        """The guardian is stopped for good."""
        return self._scene(
            "The guardian hangs, and nobody comes",
            "when the box that decides has died, every device comes to rest by itself",
            ["H06", "H13"],
            90,
            [*self._wishes(), {"at": "40 s", "stop": "guardian"}],
            [*self._fuse(), *self._rest(40)],
        )

    def dies(self) -> Scene:
        """The guardian is killed, and comes back."""
        return self._scene(
            "The guardian is killed, and comes back by itself",
            "whoever comes back has forgotten what was granted, and starts nothing that nobody asks for",
            ["H12", "H13"],
            90,
            [*self._wishes(), {"at": "40 s", "kill": "guardian"}],
            [*self._fuse()],
        )

    def power_cut(self) -> Scene:
        """Everything is off for a while."""
        nodes = [device.name for device in self._told.devices if device.family == "relaynode_can"]
        dark = [
            {"never": f"count({node}.closed) > 0", "from": "41 s", "to": "49 s", "why": "contactors fall open"}
            for node in nodes
        ]
        return self._scene(
            "The power is cut for ten seconds",
            "nothing that has fallen open closes by itself before the house has been seen whole",
            ["H12", "H23"],
            120,
            [*self._wishes(), {"at": "40 s", "power_cut": "10 s"}],
            [*self._fuse(), *dark],
        )

    def flood(self) -> Scene:
        """Two hundred wishes a second."""
        car = self._cars[0] if self._cars else None
        events = list(self._wishes())
        if car is not None and self._told.asks:
            values = [f"{value // 1_000} A" for value in (_least(car), car.hi)]
            wild = {"as": self._told.asks[0], "target": car.name, "values": values, "per_s": 200, "for": "15 s"}
            events.append({"at": "30 s", "flood": wild})
        return self._scene(
            "An orchestrator goes mad and asks two hundred times a second",
            "whoever shouts is not obeyed more often, and no fuse pays for it",
            ["H14", "H30"],
            90,
            events,
            [*self._fuse()],
        )

    def broken(self, device: str, words: str, request: Json) -> Scene:
        """One device is broken in one way for a while."""
        given = {key: value for key, value in request.items() if key != "fault"}
        kind = str(request["fault"])
        timeline = [
            *self._wishes(),
            {"at": "30 s", "fault": {device: {kind: given} if given else kind}},
            {"at": "35 s", "set": {"plant.load_w": self._much_w()}},
            {"at": "65 s", "set": {"plant.load_w": 400}},
            {"at": "70 s", "clear": {device: "all"}},
        ]
        why = "one device is broken while the car charges and somebody cooks, and is repaired later"
        return self._scene(f"{device}: {words}", why, ["H03", "H04", "H07"], 100, timeline, [*self._fuse()])

    # -- pieces --

    def _scene(
        self, title: str, why: str, hazards: list[str], length_s: int, timeline: list[Scene], expect: list[Scene]
    ) -> Scene:
        melts = f"a fuse of {self._melts_a:g} A in the house melts"
        expect = [*expect, {"never": "count(plant.fuse_blown) > 0", "why": melts}]
        scene = {"title": title, "why": why, "hazards": hazards, **self._common, "length": f"{length_s} s"}
        return scene | {"timeline": timeline, "expect": expect}

    def _wishes(self) -> Iterator[Scene]:
        """Everything that takes an amount of current is wanted whole, by everybody who may ask; no battery helps."""
        yield {"at": "10 s", "set": {"plant.battery_w": 0}}
        for number, car in enumerate(self._cars):
            for who in self._told.asks:
                wish = {"as": who, "set": car.name, "to": f"{car.hi // 1_000} A", "kind": "setting", "for": "1 h"}
                yield {"at": f"{15 + number} s", "ask": wish}

    def _much_w(self) -> int:
        """Watts on each phase that leave 8 A of the fuse: what a car takes at least, and a little."""
        return int((max(self._fuse_a, 16) - 8) * VOLT)

    def _fuse(self) -> Iterator[Scene]:
        if self._fuse_a:
            why = f"{self._fuse_a:g} A is the fuse of the house"
            yield {"never": f"max(plant.grid_a) > {self._fuse_a:g}", "for": f"{FUSE_BEARS_S} s", "why": why}

    def _rest(self, from_s: int) -> Iterator[Scene]:
        for car in self._cars:
            device = car.name.partition(".")[0]
            family = next((d.family for d in self._told.devices if d.name == device), "")
            if car.silent == 0 and family == "goe_modbus":
                within = car.silent_after_ms // 1_000 + REST_S
                why = "the documents declare that its bus stops it"
                yield {
                    "within": f"{within} s",
                    "after": f"{from_s} s",
                    "see": f"max({device}.current_a) == 0",
                    "why": why,
                }


def faults(house: Path) -> Iterator[tuple[str, str, str, Json]]:
    """Each way in which each device of the house can be broken: device, fault, in words, and the request for it."""
    for entry in load(house).entries:
        device = entry.make(0)
        for kind in device.fault_kinds:
            request = next((r for r in _tries(device, kind) if device.control(r, 0)["ok"]), None)
            device.control({"clear": True}, 0)
            if request is not None:  # a panel without coils has no contact that could weld
                yield entry.name, kind.name, kind.meaning, request


def _tries(device: Device, kind: FaultKind) -> Iterator[Json]:
    """The fault as it is, then with the first thing that it could strike."""
    plain: Json = {"fault": kind.name}
    yield plain
    for parameter in kind.defaults:
        for name in STRUCK.get(parameter, ()):
            yield {**plain, parameter: name}
    if "input" in kind.defaults:
        yield from ({**plain, "input": name} for name in device.settings())


def _least(car: AboutTarget) -> int:
    """The smallest current that is not nothing."""
    return max([car.lo, *(high for low, high in car.forbidden if low <= 0)]) or 1_000


# ---- what people read -----------------------------------------------------------------------------------------------
def in_plain_words(outcomes: list[Outcome], wall_s: float, missing: int = 0) -> Iterator[str]:
    """What would have happened. ``missing``: so many did not come to run. Of what was not seen nothing is promised."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    broken_off = sum(bool(outcome.trouble) for outcome in failed)
    yield ""
    for outcome in failed:
        yield f"{outcome.title}: {'broke off, so nobody knows.' if outcome.trouble else 'did not go well.'}"
        yield from (f"  {line}" for line in outcome.story)
        yield from (f"  {line}" for line in findings_in_words(outcome) if not line.startswith("held"))
        yield f"  again: {outcome.repeat}"
        yield ""
    good = [outcome for outcome in outcomes if outcome.passed]
    for outcome in good[:12]:
        yield f"{outcome.title}: went well."
    if len(good) > 12:
        yield f"... and {len(good) - 12} more went well."
    bad = len(failed) - broken_off
    told = f"in {bad} something would have gone wrong" if bad else "nothing would have gone wrong"
    yield f"\n{len(outcomes)} scenarios in {wall_s:.0f} s: {told} in what was looked at."
    if broken_off or missing:
        yield f"Nothing is known of {broken_off + missing}: {broken_off} broke off, {missing} did not come to run."


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
