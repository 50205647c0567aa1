"""A house in memory that is walked: the whole product and the rig's devices on virtual time, with a person beside it.

The walk sees what a client of the gateway would see (the same JSON, made by the gateway's own code) and its wishes go
through the guardian's policy as any orchestrator's do.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hil.bench.virtual import VirtualBench
from hil.house import find, load
from hil.scenario.model import Scenario, ToDevice
from supervisor.gateway import shapes
from supervisor.gateway.link import View
from supervisor.loader.load import Loaded
from supervisor.walk import result
from supervisor.walk.course import Options, Walk
from supervisor.walk.look import Look, look
from supervisor.walk.main import placed
from supervisor.walk.step import Wish
from supervisor.walk.survey import survey

POLICIES = Path(__file__).parents[2] / "policies"
WHO = "optimiser"
SETTLED_MS = 16_000
LOOK_MS, RENEW_MS = 1_000, 15_000
COARSE_MS = 500
KETTLE_W = 1_000
LOADS = {"load_l1_w": 400, "load_l2_w": 250, "load_l3_w": 150}
HOUR_MS = 3_600_000


class Picture:
    """What the gateway's link would hold; ``trouble`` never comes."""

    connected, trouble = True, ""

    def __init__(self, bench: VirtualBench) -> None:
        picture = bench.harness.picture()
        assert picture is not None
        self._view = View(*picture, 0)

    def view(self) -> View:
        return self._view

    def age_ms(self) -> int:
        return 0


class WalkedHouse:
    """``edits`` of the site's documents (in ``folder``), ``house`` edits of the rig's house file; ``set``: plant."""

    def __init__(
        self,
        name: str,
        folder: Path,
        edits: Mapping[str, str] | None = None,
        house: Mapping[str, str] | None = None,
        before: tuple[ToDevice, ...] = (),
    ) -> None:
        self.now_ms = 0
        self.bench = VirtualBench(skip=True, coarse_ms=COARSE_MS)
        self.bench.open(_scenario(name, folder, edits or {}, house or {}), 1)
        for key, watt in LOADS.items():
            self.plant(key, watt)
        for action in before:
            self.bench.do(action)
        self._held: dict[str, tuple[float, int]] = {}
        self.asked: list[Wish] = []
        self.wait(SETTLED_MS)

    @property
    def loaded(self) -> Loaded:
        return self.bench.harness.loaded

    def plant(self, key: str, value: float) -> None:
        self.bench.do(ToDevice("plant", {"set": key, "value": value}))

    def wait(self, ms: int) -> None:
        self.now_ms += ms
        for _ in self.bench.advance(self.now_ms):
            pass

    def state(self) -> Mapping[str, Any]:
        return shapes.state(Picture(self.bench))  # type: ignore[arg-type]  # it is asked for nothing else

    def look(self) -> Look:
        return look(self.state())

    # ---- the walk ----------------------------------------------------------------------------------------------------
    def walk(self, options: Options | None = None, each: Callable[[int], None] | None = None) -> Walk:
        """To its end, at once. ``each`` is called before every look."""
        options = options if options is not None else Options()
        walk = Walk(survey(self.loaded), options, placed(self.look()))
        end_ms = self.now_ms + HOUR_MS // 2
        while not walk.done and self.now_ms < end_ms:
            self._person(walk)
            if each is not None:
                each(self.now_ms)
            for wish in walk.turn(self.now_ms, self.look()):
                self.asked.append(wish)
                walk.told(*self._carry_out(wish))
            self._renew()
            self.wait(LOOK_MS)
        assert walk.done, f"it does not end: {walk.step.title if walk.step else ''}"
        self.bench.close()
        return walk

    def _person(self, walk: Walk) -> None:
        """Does what the walk asks a person to do: a kettle at the phase that it names."""
        says = walk.step.says if walk.step is not None else ""
        for at, (key, watt) in enumerate(LOADS.items(), 1):
            on = says.startswith("NOW switch on") and f" L{at} " in says
            if on != (key in self._kettles):
                self.plant(key, watt + KETTLE_W * on)
                self._kettles ^= {key}

    _kettles: frozenset[str] = frozenset()

    def _carry_out(self, wish: Wish) -> tuple[str, str]:
        if wish.value is None:
            self._held.pop(wish.target, None)
            return self._ask("release", wish.target, None)
        self._held[wish.target] = (wish.value, self.now_ms)
        return self._ask("set", wish.target, wish.value)

    def _renew(self) -> None:
        for target, (value, said_ms) in list(self._held.items()):
            if self.now_ms - said_ms >= RENEW_MS:
                self._held[target] = (value, self.now_ms)
                self._ask("set", target, value)

    def _ask(self, verb: str, target: str, value: float | None) -> tuple[str, str]:
        unit = str(self.state()["targets"][target]["unit"])
        self.bench.harness.ask(WHO, verb, target, value, unit, "live", None if value is None else 60.0)
        count = len(self.bench.decisions)
        while len(self.bench.decisions) == count:
            self.wait(self.bench.harness.cycle_ms)
        decision = self.bench.decisions[-1]
        return decision.verdict, decision.text


def findings(walk: Walk) -> dict[str, str]:
    """What is wrong, by its subject."""
    return {row.subject: row.text for row in result.rows(walk) if row.status is result.Status.WRONG}


def statuses(walk: Walk) -> dict[str, str]:
    """Every row's status, the worst where there are several."""
    order = list(result.Status)
    worst: dict[str, result.Status] = {}
    for row in result.rows(walk):
        worst[row.subject] = min(worst.get(row.subject, row.status), row.status, key=order.index)
    return {subject: status.value for subject, status in worst.items()}


def _scenario(name: str, folder: Path, edits: Mapping[str, str], house: Mapping[str, str]) -> Scenario:
    site = Path(shutil.copytree(POLICIES / name, folder / "site"))
    _edit(site, edits)
    text = find(name).read_text("utf-8")
    for old, new in house.items():
        assert old in text, f"{old!r} is nowhere in the house {name}"
        text = text.replace(old, new)
    path = folder / "house.yaml"
    path.write_text(text, "utf-8")
    return Scenario(
        name=name,
        title=name,
        why="",
        path=path,
        house_path=path,
        house=load(path),
        site=site,
        hazards=("H28",),
        benches=("virtual",),
        seed=1,
        wall="2026-06-21T12:00",
        length_ms=HOUR_MS,
        events=(),
        expectations=(),
    )


def _edit(site: Path, edits: Mapping[str, str]) -> None:
    for old, new in edits.items():
        there = [path for path in sorted(site.glob("*.yaml")) if old in path.read_text("utf-8")]
        assert there, f"{old!r} is nowhere in {site}"
        for path in there:
            path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
