"""The strings of a roof and the inverters that contacts put on them.

Rules: the sun is the same on every string. A string without an inverter gives nothing, and two inverters on one string
have half of it each, so that no sun is counted twice. An inverter gives what it says, never more than the sun of its
strings now, and nothing on a phase that is not connected: its word may be older than the contacts.
It must never judge a position: hil/plant_watch.py does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hil.plant_phases import Three, three, total
from hil.plant_wiring import Closed, Path, Wires
from hil.sim.device import Json

STRING_VOLT = 400.0


class Strings:
    """All inverters of a house that has said how they are wired."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._see(frozenset())
        self.suns: dict[str, dict[str, float]] = {name: {} for name in wires.inverters}  # W of each of its strings
        self.watts: dict[str, Three] = {name: [0.0] * 3 for name in wires.inverters}  # W on each phase of the house

    def step(self, told: Mapping[str, Json], sun_w: float, closed: Closed, alive: Sequence[bool]) -> None:
        """Find what every inverter gives now; `told` has the last word of each device, `alive` is for each phase."""
        if closed != self._closed:
            self._see(closed)
        each_w = sun_w / self._strings
        for name, mine in self._mine.items():
            self.suns[name] = {string: each_w / users for string, users in mine}
            words, watts = three(told.get(name, {}), "power_w"), [0.0] * 3
            said_w = sum(words)
            share = min(1.0, self.sun_w(name) / said_w) if said_w > 0 else 0.0
            for watt, (at, joined) in zip(words, self._phases[name], strict=False):  # it may have one phase
                watts[at] = watt * share * (alive[at] and joined)
            self.watts[name] = watts

    def _see(self, closed: Closed) -> None:
        """The contacts have moved: which strings each inverter has now, with how many users each, and which phases."""
        self._closed, users = closed, self._wires.users(closed)
        self._strings = len(users)
        inverters = self._wires.inverters.items()
        self._mine = {
            name: [(string, len(users[string])) for string in inverter.strings if name in users[string]]
            for name, inverter in inverters
        }
        self._phases = {
            name: [(phase - 1, closed.issuperset(contacts)) for phase, contacts in inverter.ac.items()]
            for name, inverter in inverters
        }

    def sun_w(self, name: str) -> float:
        """W that an inverter could take from the strings that it is connected to."""
        return sum(self.suns[name].values())

    def all_watts(self) -> Three:
        """W that the inverters give together, on each phase."""
        return total(self.watts.values())

    def paths(self, volts: Three) -> Iterator[Path]:
        """The contacts on both sides of each inverter, with what flows there."""
        for name, inverter in self._wires.inverters.items():
            watts, sun_w = self.watts[name], self.sun_w(name)
            for phase, contacts in inverter.ac.items():
                volt = volts[phase - 1]
                yield Path(contacts, abs(watts[phase - 1]) / volt if volt else 0.0)
            part = sum(watts) / sun_w if sun_w else 0.0
            for string, sun in self.suns[name].items():
                yield Path(inverter.strings[string], part * sun / STRING_VOLT)

    def around(self, name: str, volts: Three, closed: Closed) -> Json:
        """What one inverter sees: voltages on its own phases, which may be others than those of the house."""
        own = [0.0] * 3
        for at, (phase, contacts) in enumerate(self._wires.inverters[name].ac.items()):
            own[at] = volts[phase - 1] * closed.issuperset(contacts)
        return {"voltage_v": own, "supplied": any(own), "pv_w": self.sun_w(name)}
