"""A house of its file in virtual time, whose contacts are where the test puts them: it has no relay node."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec
import yaml

from hil.house import HOUSES
from hil.plant import Options, Plant

STEP_MS = 100
WIRE_KEYS = ("sim", "bus", "lines", "tcp", "serial")


class Bench:
    """The plant and the simulators of one house file."""

    def __init__(self, house: str, seed: int = 1, **plant: object) -> None:
        document = yaml.safe_load((HOUSES / f"{house}.yaml").read_text("utf-8"))
        self.plant = Plant(msgspec.convert({**document["plant"], "load_swing": 0, **plant}, Options), seed, 0)
        self.notes: list[dict[str, Any]] = []
        self.plant.trace = self.notes.append
        self.devices: dict[str, Any] = {}
        for name, raw in document["devices"].items():
            if raw["sim"] not in ("relaynode_can", "panel_gpio"):
                module = importlib.import_module(f"hil.sim.{raw['sim']}")
                own = {key: value for key, value in raw.items() if key not in WIRE_KEYS}
                self.devices[name] = module.make(name, msgspec.convert(own, module.Options), 0)
        self.now_ms = 0
        self.told: list[bool] = []

    def tell(self, kind: str, name: str, **words: object) -> dict[str, Any]:
        return self.plant.exchange({"kind": kind, "name": name, **words}, self.now_ms)

    def closed(self, *contacts: int, after_ms: int = 0) -> None:
        """Exactly these are closed from now on."""
        self.now_ms += after_ms
        self.told = [contact in contacts for contact in range(1, 9)]
        self.tell("relays", "relays", contacts=self.told)

    def run(self, seconds: float) -> None:
        for _ in range(round(1000 * seconds / STEP_MS)):
            self.now_ms += STEP_MS
            self.tell("relays", "relays", contacts=self.told)
            for name, device in self.devices.items():
                told = self.tell(**{**device.to_plant(self.now_ms), "name": name})
                device.from_plant(told, self.now_ms)

    def set(self, name: str, value: object) -> None:
        answer = self.plant.control({"set": name, "value": value}, self.now_ms)
        assert answer["ok"], answer

    def charge(self, *amperes: float) -> None:
        """Words of a wallbox, instead of its simulator."""
        self.tell("wallbox", "wallbox", current_a=list(amperes))

    def meter(self, name: str) -> dict[str, Any]:
        return self.tell("meter", name)

    def phases(self, meter: str, what: str) -> list[float]:
        view = self.meter(meter)
        return [view[f"{what}_l{phase}"] for phase in (1, 2, 3)]

    def state(self) -> dict[str, Any]:
        return self.plant.state(self.now_ms)

    def noted(self, what: str) -> list[dict[str, Any]]:
        return [line for line in self.notes if line["what"] == what]
