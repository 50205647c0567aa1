"""One product: a guardian and a host for each bus. ``turn`` lets all of them do what is due.

Theory of operation, in each turn
    hosts hear and ask -> their samples reach the guardian -> a cycle, where one is due -> hosts say its image

Rules
* The clock only goes forward, in steps of a cycle while anything moves. Before a longer step the image of before is
  said once more (``renew``): the guardian would have said it all the time.
* With ``skip`` a cycle that would change nothing is not computed; what the last one said is said again in its place.
* A part that is killed comes back after RESTART_MS as its launcher would bring it, with what the state file kept and
  nothing else. One that is stopped hears nothing meanwhile, and goes on where it was.

This file must never know what is at the far end of a wire.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from drivers.contract import BusKind, Frame
from supervisor import wire
from supervisor.bus.host import HostCore
from supervisor.guardian.keep import Keeper
from supervisor.guardian.scan import Guardian
from supervisor.guardian.schedule import Schedules
from supervisor.harness.inside import Calm, Door, Doors, Memory, Wall, unwritten
from supervisor.harness.ports import CanPort, GpioPort, ModbusPort, World
from supervisor.kernel.keep import guarded
from supervisor.kernel.wake import NEVER_MS
from supervisor.loader.load import DocumentError, load
from supervisor.site import BusSite, DeviceSite

RESTART_MS = 1_500  # a launcher's pause, and a cold start
SAMPLES_PER_PACKET = 512
POLLS_PER_TURN = 12  # a driver that goes on asking is asked again: 20 ms apart on the appliance
Port = CanPort | ModbusPort | GpioPort
_SCALE = {"mA": ("A", 1_000), "mW": ("W", 1_000), "mV": ("V", 1_000), "permille": ("%", 10), "ms": ("s", 1_000)}
_SCALE |= {"code": ("position", 1)}


@dataclass(frozen=True)
class Said:
    """What the product says of itself: ``machines`` by id, ``outputs`` by target in the units that people write."""

    mode: str
    machines: Mapping[str, str]
    outputs: Mapping[str, float | None]


@dataclass(frozen=True)
class Answered:
    """The answer to a wish."""

    at_ms: int
    who: str
    target: str
    verdict: str
    text: str


class _Bus:
    """A host with its port and its connection to the guardian."""

    def __init__(self, site: BusSite, world: World, dice: random.Random) -> None:
        self.site = site
        self.core = HostCore(site, dice.randbytes, lambda: None)
        self.door = Door(wire.Role.BUS, site.name)
        self.port = self._port(world)
        self.core.attach(self.port, None if site.observe or all(d.observe for d in site.devices) else self.port)
        self.core.on_link(True, "in this process", 0)

    def _port(self, world: World) -> Port:
        match self.site.kind:
            case BusKind.CAN:
                return CanPort(self.site, self.core, world)
            case BusKind.MODBUS:
                return ModbusPort(self.site, self.core, world)
            case BusKind.GPIO:
                return GpioPort(self.site, self.core, world)
            case BusKind.SERIAL:
                raise ValueError(f"bus {self.site.name}: a plain serial line cannot be held here yet")

    def begin(self) -> None:
        if isinstance(self.port, GpioPort):
            self.port.begin()

    def turn(self, now_ms: int) -> None:
        """Hear and ask, until nobody asks any more."""
        self.port.turn(now_ms)
        for _ in range(POLLS_PER_TURN):
            if not self.core.poll(now_ms) or isinstance(self.port, GpioPort):
                return
            self.port.turn(now_ms)

    def say(self, now_ms: int) -> None:
        """The guardian's newest image goes out."""
        image = self.door.taken()
        if image is not None:
            if not isinstance(self.port, ModbusPort):
                self.port.now_ms = now_ms
            self.core.on_image(image, now_ms)
            if isinstance(self.port, ModbusPort):
                self.port.turn(now_ms)


class Harness:
    """The product of the site in ``folder``. Raises DocumentError for documents that it would not accept."""

    def __init__(
        self, folder: Path, world: World, now_ms: int, wall: datetime, seed: int = 1, skip: bool = False
    ) -> None:
        loaded = load(folder)
        self.loaded = replace(loaded, plan=guarded(loaded.plan))
        self.site, self.plan = loaded.site, self.loaded.plan
        self.cycle_ms = self.site.cycle_ms
        self.now_ms, self.skip = now_ms, skip
        self.cycles = self.skipped = 0
        self.answers: list[Answered] = []
        self._world, self._dice = world, random.Random(seed)
        self._wall = Wall(wall, lambda: self.now_ms)
        self._disk = Memory()
        self._stopped: set[str] = set()
        self._back_ms: dict[str, int] = {}
        self._asked: dict[int, tuple[str, str]] = {}
        self._seq = 0
        self._units = {info.id: info.unit for info in self.plan.targets}
        self._buses: dict[str, _Bus] = {}
        self._guardian: Guardian | None = None
        self._asker = Door(wire.Role.GATEWAY, "harness")
        self._deadline_ms = now_ms
        for bus in self.site.buses:
            self._start(bus.name)
        self._start("guardian")

    # ---- parts -----------------------------------------------------------------------------------------------------
    @property
    def parts(self) -> tuple[str, ...]:
        """What can be killed and stopped."""
        return ("guardian", "gateway", *(bus.name for bus in self.site.buses))

    def _start(self, part: str) -> None:
        if part == "guardian":
            self._start_guardian()
        elif part != "gateway":
            site = next(bus for bus in self.site.buses if bus.name == part)
            self._buses[part] = _Bus(site, self._world, self._dice)
            self._buses[part].begin()
            self._connect()

    def _start_guardian(self) -> None:
        journal, scribe = unwritten(self.loaded, self._clock)
        self._doors = Doors()
        self._keeper = Keeper(Path("state"), self.site.name, self._disk)
        self._guardian = Guardian(
            self.loaded,
            self._doors,
            journal,
            Calm(),
            self._keeper,
            self._clock,
            lambda: "",
            scribe,
            Schedules(self.loaded.calendar, self._wall),
        )
        self._asker = Door(wire.Role.GATEWAY, "harness")
        self._deadline_ms = self.now_ms
        self._connect()

    def _connect(self) -> None:
        """Every running bus has its place at the running guardian; a new one of either says so."""
        if self._guardian is None:
            return
        self._doors.all = [bus.door for bus in self._buses.values()]
        for bus in self._buses.values():
            bus.core.on_guardian(connected=True)

    def _clock(self) -> int:
        return self.now_ms

    def kill(self, part: str) -> None:
        """kill -9; its launcher starts it again."""
        self._known(part)
        self._stopped.discard(part)
        self._back_ms[part] = self.now_ms + RESTART_MS
        if part == "guardian":
            self._guardian = None
        elif part in self._buses:
            del self._buses[part]
            self._connect()

    def stop(self, part: str) -> None:
        """SIGSTOP."""
        self._known(part)
        self._stopped.add(part)

    def resume(self, part: str) -> None:
        """SIGCONT."""
        self._known(part)
        self._stopped.discard(part)

    def power_cut(self, for_ms: int) -> None:
        """Everything is off for so long, and starts when it is over."""
        for part in self.parts:
            self.kill(part)
            self._back_ms[part] = self.now_ms + for_ms + RESTART_MS

    def clock_jumps(self, ms: int) -> None:
        """Somebody puts the wall clock by so much."""
        self._wall.jump(ms)

    def _known(self, part: str) -> None:
        if part not in self.parts:
            raise ValueError(f"no part {part!r}; there are {', '.join(self.parts)}")

    # ---- what comes in from the wires ------------------------------------------------------------------------------
    def can(self, bus: str, can_id: int, data: bytes, extended: bool, now_ms: int) -> None:
        """A frame has come."""
        if (there := self._hears(bus)) is not None:
            there.core.on_frame(Frame(can_id, data, extended), now_ms)

    def modbus(self, endpoint: str, data: bytes, now_ms: int) -> None:
        """A reply has come."""
        for name, bus in self._buses.items():
            if isinstance(bus.port, ModbusPort) and endpoint in bus.port.endpoints and name not in self._stopped:
                bus.port.endpoints[endpoint].hear(data, now_ms)

    def _hears(self, name: str) -> _Bus | None:
        return None if name in self._stopped else self._buses.get(name)

    # ---- time ------------------------------------------------------------------------------------------------------
    @property
    def calm(self) -> bool:
        """Nothing has moved in the newest cycle, and nothing is due in the next one by time alone."""
        quiet = self._guardian is not None and self._guardian.wake_ms > self.now_ms + self.cycle_ms
        return quiet and not self._back_ms and not self._stopped

    @property
    def debounce_ms(self) -> int:
        """The longest time for which a level has to last before one of the site's panels tells it."""
        return max((int(device.options.get("debounce_ms", 0)) for device in self._devices()), default=0)

    @property
    def patience_ms(self) -> int:
        """How long every device keeps what it was told while nobody speaks to it."""
        told = (place.spec.silence.after_ms for device in self._devices() for place in device.outputs)
        return min((after_ms for after_ms in told if after_ms), default=NEVER_MS)

    def _devices(self) -> Iterator[DeviceSite]:
        return (device for bus in self.site.buses for device in bus.devices)

    def renew(self, now_ms: int) -> None:
        """Before a step that is longer than a cycle: what was said last is said once more, at its end."""
        self.now_ms = now_ms
        if self._guardian is not None:
            self._guardian.again(now_ms)
            self._say_images(now_ms)

    def listen(self, now_ms: int) -> None:
        """The hosts hear and ask; what they hear waits for the guardian's turn."""
        self.now_ms = now_ms
        for name, bus in self._buses.items():
            if name not in self._stopped:
                bus.turn(now_ms)

    def turn(self, now_ms: int) -> None:
        """Everything that is due at ``now_ms``."""
        self.now_ms = now_ms
        for part, back_ms in list(self._back_ms.items()):
            if now_ms >= back_ms:
                del self._back_ms[part]
                self._start(part)
        guardian = None if "guardian" in self._stopped else self._guardian
        self.listen(now_ms)
        if guardian is not None:
            self._hear_samples(guardian)
            self._cycle(guardian, now_ms)
            self._say_images(now_ms)

    def _hear_samples(self, guardian: Guardian) -> None:
        guardian.soon()
        for name, bus in self._buses.items():
            if name in self._stopped:
                continue
            while samples := bus.core.take(SAMPLES_PER_PACKET):
                guardian.hear(bus.door, wire.Samples(samples))

    def _cycle(self, guardian: Guardian, now_ms: int) -> None:
        late_ms = now_ms - self._deadline_ms
        if self.skip and guardian.idle(now_ms):
            guardian.again(now_ms)
            self.skipped += 1
        else:
            guardian.cycle(now_ms, timely=late_ms < self.cycle_ms)
            self._keeper.turn()
            self.cycles += 1
        self._deadline_ms = now_ms + self.cycle_ms
        for answer in self._asker.answers:
            self._tell(answer)
        self._asker.answers.clear()

    def _say_images(self, now_ms: int) -> None:
        for name, bus in self._buses.items():
            if name not in self._stopped:
                bus.say(now_ms)

    # ---- wishes ----------------------------------------------------------------------------------------------------
    def ask(
        self,
        who: str,
        verb: str,
        target: str = "",
        value: float | None = None,
        unit: str = "",
        kind: str = "",
        for_s: float | None = None,
    ) -> None:
        """A wish, as the gateway passes it on. The answer is in ``answers`` after the cycle that gives it. Raises
        ValueError for a target that the site does not have, and for a unit that is not the target's."""
        if target and target not in self._units:
            raise ValueError(f"no target {target!r}; there are {', '.join(self._units)}")
        down = {"gateway", "guardian"} & (self._stopped | set(self._back_ms))
        if self._guardian is None or down:
            self._note(who, target, "unanswered", "nobody is there to be asked")
            return
        self._seq += 1
        self._asked[self._seq] = (who, target)
        number = None if value is None else self._in_kernel_units(target, value, unit)
        ask = wire.Ask(
            seq=self._seq,
            verb=wire.Verb(verb),
            identity=who,
            target=target,
            value=number,
            unit="" if number is None else self._units.get(target, unit),
            kind=(kind or "live") if number is not None else "",
            duration_ms=None if for_s is None else round(for_s * 1_000),
            request_id="",
            received_ms=self.now_ms,
            dry_run=False,
        )
        self._guardian.hear(self._asker, ask)

    def _in_kernel_units(self, target: str, value: float, unit: str) -> int:
        own = self._units.get(target, unit)
        spelled, scale = _SCALE.get(own, (own, 1))
        if unit not in (spelled, own) and not (own == "mW" and unit == "kW"):
            raise ValueError(f"{target} is set in {spelled}, not in {unit or 'nothing'}")
        factor = 1 if unit == own else 1_000_000 if unit == "kW" else scale
        return int(Decimal(str(value)) * factor)

    def _tell(self, answer: wire.Answer) -> None:
        who, target = self._asked.pop(answer.seq, ("", ""))
        self._note(who, target, answer.verdict, "; ".join(f"{c.rule} {c.effect}: {c.text}" for c in answer.clauses))

    def _note(self, who: str, target: str, verdict: str, text: str) -> None:
        self.answers.append(Answered(self.now_ms, who, target, verdict, text))

    def picture(self) -> tuple[wire.Describe, wire.Snapshot] | None:
        """What the guardian tells the gateway; None while there is nobody who could."""
        guardian = self._guardian
        shown = None if guardian is None else guardian.picture()
        return None if guardian is None or shown is None else (guardian.describe, shown)

    # ---- what it says of itself --------------------------------------------------------------------------------------
    def said(self) -> Said:
        """What a live view would show now; the mode is "absent" while no guardian runs."""
        guardian = self._guardian
        brief = None if guardian is None else guardian.brief()
        if guardian is None or brief is None:
            return Said("absent" if guardian is None else "starting", {}, {})
        mode, standing, said = brief
        told = guardian.describe
        machines = {info.id: info.states[state] for info, state in zip(told.machines, standing, strict=True)}
        outputs = {
            info.id: None if output is None else output / _SCALE.get(info.unit, ("", 1))[1]
            for info, output in zip(told.targets, said, strict=True)
        }
        return Said(mode, machines, outputs)


__all__ = ["Answered", "DocumentError", "Harness", "Said"]
