"""Where plain chance does not lead: short plays that bring a machine into a rare state, and what strikes it there.

Which stage a seed plays and which faults are aimed follows from the seed's number alone: stages and rows go round like
the hands of two clocks, so that some hundred seeds have aimed each fault at each state, and every seed can be repeated
without the others. Rules: a stage only does what a house can do (soak_strikes) or somebody may ask for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

from hil.scenario.model import ToDevice, ToProcess, Wish
from tests.soak.soak_houses import Yard
from tests.soak.soak_strikes import ROW_OF, Strike, Strikes

Step = tuple[int, Strike | Wish]  # ms after the stage began
STAGE_MS = 33_000
PRESS_MS = 500
TWO_PROOFS = ("rebundling", "island")  # a contact shows itself to the node and to the panel
SLOW_MS = 120  # just within what the node declares (travel 150 ms); slower is a weld, and has its own stage
PATIENT_MS, LOOK_MS = 1_000, 200  # a state that lasts is looked for so often, a fleeting one at every moment


@dataclass(frozen=True)
class Scene:
    """What a stage knows when it begins."""

    yard: Yard
    strikes: Strikes
    dice: random.Random
    closed: tuple[int, ...]  # contacts


@dataclass(frozen=True)
class Stage:
    """``columns``: the states that are wanted; each is struck ``at_once`` times when it is there, and not again for
    ``pause_ms``. ``mute``: the optimiser says nothing meanwhile."""

    name: str
    columns: tuple[str, ...]
    play: Callable[[Scene], list[Step]]
    houses: Collection[str] = ()
    at_once: int = 1
    pause_ms: int = 1_200
    mute: bool = False


def _fault(device: str, kind: str, for_ms: int, **given: object) -> Strike:
    begin, end = ToDevice(device, {"fault": kind, **given}), ToDevice(device, {"clear": kind})
    return Strike(ROW_OF[kind], device, kind, (begin,), (end,), for_ms, ", ".join(f"{k} {v}" for k, v in given.items()))


def _set(row: str, device: str, name: str, value: object, back: object, for_ms: int) -> Strike:
    begin, end = (ToDevice(device, {"set": name, "value": each}) for each in (value, back))
    return Strike(row, device, row.replace(" ", "_"), (begin,), (end,), for_ms, f"{name} {value}")


def _button(at_ms: int) -> Step:
    return at_ms, _set("local button", "panel", "car_button", 1, 0, PRESS_MS)


def _switched(scene: Scene, at_ms: int) -> list[Step]:
    """Somebody wants the other position: the button, for it waits for no dwell."""
    return [_button(at_ms)]


def _slowly(scene: Scene) -> list[Step]:
    """A switch while the car draws, whose contacts take their time, so that each of its steps can be struck."""
    when = scene.dice.choice(("both", "opening", "closing"))
    slow = [(0, _fault("relays", "slow", STAGE_MS, contact=at, ms=SLOW_MS, when=when)) for at in scene.yard.contacts]
    asked = Wish(scene.yard.who, "set", "wallbox.current", 6, "A", "setting", 30.0)  # without a ramp: it draws at once
    return [(3_500, asked), *slow, *_switched(scene, 9_000)]  # a cold start has settled by then


def _weld(scene: Scene) -> list[Step]:
    contact = min(scene.closed, default=scene.yard.contacts[0])
    return [(0, _fault("relays", "welded", STAGE_MS, contact=contact)), *_switched(scene, 500)]


def _stranded(scene: Scene) -> list[Step]:
    """The box restarts while one contactor falls off and the other one is held: no meter is seen to see any more."""
    held = (_fault("relays", "foreign", 10_000, contact=2), _fault("relays", "dead_coil", 10_000, contact=1), KILL)
    return [(0, strike) for strike in held]


def _weld_alone(scene: Scene) -> list[Step]:
    asked = [Wish(scene.yard.who, "set", "relays.coil_1", value, "flag", "live", 60.0) for value in (1, 0)]
    return [(0, asked[0]), (1_500, _fault("relays", "welded", STAGE_MS, contact=1)), (2_000, asked[1])]


def _closed_first(scene: Scene, kind: str) -> list[Step]:
    """Something happens to a contact that is closed."""
    asked: list[Step] = []
    if not scene.yard.switch:
        asked = [(0, Wish(scene.yard.who, "set", "relays.coil_1", 1, "flag", "live", 60.0))]
    contact = max(scene.closed, default=scene.yard.contacts[0])
    if kind == "wire_broken" and scene.yard.name in TWO_PROOFS:
        hangs = (ToProcess("gpio0", "stop"),), (ToProcess("gpio0", "resume"),)
        asked.append((1_500, Strike("bus hangs", "gpio0", "bus_hangs", *hangs, STAGE_MS - 4_000)))
    return [*asked, (1_500, _fault("relays", kind, STAGE_MS - 4_000, contact=contact))]


def _open_unproven(scene: Scene) -> list[Step]:
    opened = [at for at in scene.yard.contacts if at not in scene.closed] or list(scene.yard.contacts)
    return [(0, _fault("relays", "wire_broken", STAGE_MS - 4_000, contact=opened[0]))]


def _relay(scene: Scene) -> list[Step]:
    """A contactor that takes its time to close and to open."""
    slow = [(0, _fault("relays", "slow", STAGE_MS, contact=1, ms=SLOW_MS, when="both"))]
    turns = [(1_000 + 4_000 * at, 1 - at % 2) for at in range(7)]
    return [*slow, *((at, Wish(scene.yard.who, "set", "relays.coil_1", to, "flag", "live", 60.0)) for at, to in turns)]


def _charging(scene: Scene) -> list[Step]:
    return [(0, Wish(scene.yard.who, "set", "wallbox.current", 10, "A", "live", 60.0))]


def _stranger(scene: Scene) -> list[Step]:
    """The bus does not die: somebody's meter sees a voltage where there is none."""
    return [(0, _fault("busmeter", "value", STAGE_MS, register="voltage_l1", value=100.0)), *_switched(scene, 500)]


def _unstoppable(scene: Scene) -> list[Step]:
    """A car that draws on: nothing may be switched."""
    return [
        *_charging(scene),
        (
            6_000,
            _fault(
                "wallbox",
                "obstinate",
                STAGE_MS,
            ),
        ),
        *_switched(scene, 8_000),
    ]


def _sunny(watt: float) -> Callable[[Scene], list[Step]]:
    def play(scene: Scene) -> list[Step]:
        names = [n for n in ("inverter1", "inverter2", "inverter3", "islander") if n in scene.strikes.devices]
        return [(0, _set("sun", name, "pv_w", watt, "plant", STAGE_MS)) for name in names]

    return play


def _one(*steps: Strike) -> Callable[[Scene], list[Step]]:
    return lambda scene: [(0, step) for step in steps]


def _silent(*devices: str) -> Callable[[Scene], list[Step]]:
    def play(scene: Scene) -> list[Step]:
        return [(0, _fault(name, "silent", STAGE_MS - 3_000)) for name in devices if name in scene.strikes.devices]

    return play


PANEL = ("rebundling", "wallbox_phases", "island")
BATTERY = ("rebundling", "uc001")
SUN = ("rebundling", "island")
LONG = STAGE_MS - 4_000
_STEPS = ("draining", "breaking", "waiting", "probing", "making", "settling")
KILL = Strike("guardian is killed", "guardian", "guardian_is_killed", (ToProcess("guardian", "kill"),))

OPENINGS = (  # at the beginning of a run, and when the product comes back
    Stage("a cold start", ("house.starting", "contactor.looking"), lambda scene: [], at_once=3, pause_ms=0),
    Stage("the product is away", ("product.absent",), lambda scene: [(4_000, KILL)], at_once=3, pause_ms=400),
    Stage(
        "the product comes back",
        ("house.starting", "contactor.looking", "changeover.looking", "charger.unseen"),
        lambda scene: [(4_000, KILL)],
        at_once=3,
        pause_ms=0,
    ),
)
STAGES = (
    *(
        Stage(f"a switch, {step}", (f"changeover.{step}",), _slowly, PANEL, at_once=2, pause_ms=400)
        for step in (*_STEPS, *_STEPS)
    ),
    Stage("a contactor moves", ("contactor.closing", "contactor.opening"), _relay, ("uc001",), pause_ms=300),
    Stage("contacts open and close", ("contactor.closing", "contactor.opening"), _slowly, PANEL, 3, 300),
    Stage("a weld", ("changeover.stranded",), _weld, PANEL, at_once=3, pause_ms=300),
    Stage("stranded", ("changeover.stranded",), _stranded, ("wallbox_phases",), at_once=3, pause_ms=300),
    Stage("a weld stays", ("changeover.faulted", "contactor.welded"), _weld, PANEL),
    Stage("a weld alone", ("contactor.welded", "house.fault"), _weld_alone, ("uc001",)),
    Stage("a probe", ("changeover.probing",), _stranger, ("island",)),
    Stage("a doubt", ("contactor.doubted",), lambda scene: _closed_first(scene, "wire_broken")),
    Stage("a doubt holds", ("changeover.held",), lambda scene: _closed_first(scene, "wire_broken"), PANEL),
    Stage("a car holds", ("changeover.held", "changeover.draining"), _unstoppable, ("wallbox_phases",)),
    Stage("unproven", ("contactor.unverified",), _open_unproven),
    Stage("a contact drops", ("contactor.failed_open",), lambda scene: _closed_first(scene, "dead_coil")),
    Stage("a stop", ("house.fault",), _one(_set("emergency stop", "panel", "estop", 1, 0, LONG)), PANEL),
    Stage("a key", ("house.maintenance",), _one(_set("maintenance key", "panel", "key", 1, 0, LONG)), PANEL),
    Stage("a lock", ("contactor.locked_out",), _one(_set("maintenance key", "panel", "key", 1, 0, LONG)), PANEL),
    Stage("nobody asks", ("orchestrator.late",), lambda scene: [], mute=True),
    Stage("nobody asks any more", ("orchestrator.lost", "house.orchestrator_lost"), lambda scene: [], mute=True),
    Stage("a charging car", ("charger.charging",), _charging),
    Stage("no car", ("charger.standby",), _one(_set("car is unplugged", "wallbox", "car", "none", "plugged", LONG))),
    Stage(
        "a sick wallbox", ("charger.faulted",), _one(_set("wallbox reports an error", "wallbox", "error", 3, 0, LONG))
    ),
    Stage("no wallbox", ("charger.unseen",), _silent("wallbox")),
    Stage("no relays", ("presence.unseen", "contactor.looking"), _silent("relays")),
    Stage("no meters", ("meter.unseen", "house.degraded"), _silent("meter", "pvmeter", "feed", "gridmeter")),
    Stage("no battery", ("battery.unseen",), _silent("battery"), BATTERY),
    Stage(
        "a full battery",
        ("battery.limited",),
        _one(_set("battery takes its limits back", "battery", "charge_limit", 0, 150, LONG)),
        BATTERY,
    ),
    Stage(
        "a battery protects itself",
        ("battery.protected",),
        _one(
            Strike(
                "battery raises an alarm",
                "battery",
                "battery_raises_an_alarm",
                (ToDevice("battery", {"set": "alarm", "value": "high_current"}),),
                (ToDevice("battery", {"set": "clear_alarm", "value": "high_current"}),),
                LONG,
            )
        ),
        BATTERY,
    ),
    Stage("no inverter", ("inverter.unseen",), _silent("inverter1", "islander"), SUN),
    Stage(
        "a sick inverter",
        ("inverter.faulted",),
        lambda scene: [
            (0, _set("inverter trips", name, "fault", 1, 0, LONG))
            for name in ("inverter1", "islander")
            if name in scene.strikes.devices
        ],
        SUN,
    ),
    Stage("night", ("inverter.asleep",), _sunny(0.0), SUN),
    Stage("some sun", ("inverter.ready",), _sunny(3_000.0), SUN),
    Stage("much sun", ("inverter.limited",), _sunny(12_000.0), SUN),
)


def of_house(yard: Yard) -> tuple[Stage, ...]:
    """Those that can be played there."""
    return tuple(stage for stage in STAGES if not stage.houses or yard.name in stage.houses)


@dataclass
class Aim:
    """A stage while it is played: which rows are left to strike which column."""

    stage: Stage
    from_ms: int
    to_ms: int
    queues: dict[str, list[str]]
    quiet_until_ms: int = 0

    def rests(self, now_ms: int) -> bool:
        """Nothing is aimed at this moment."""
        playing = self.from_ms <= now_ms < self.to_ms
        return not playing or now_ms < self.quiet_until_ms or not any(self.queues.values())

    def due(self, now_ms: int, states: Collection[str]) -> list[tuple[str, str]]:
        """What strikes now: (row, column). It need not be asked while ``rests``."""
        found: list[tuple[str, str]] = []
        for column, rows in self.queues.items():
            if column in states and rows and len(found) < self.stage.at_once:
                taken = rows[: self.stage.at_once - len(found)]
                del rows[: len(taken)]
                found += [(row, column) for row in taken]
        if found:
            self.quiet_until_ms = now_ms + self.stage.pause_ms
        elif self.stage.pause_ms >= PATIENT_MS:
            self.quiet_until_ms = now_ms + LOOK_MS
        return found


def aim(stage: Stage, from_ms: int, visit: int, rows: tuple[str, ...]) -> Aim:
    """The stage's ``visit``-th time: another part of the rows comes first."""
    share = -(-len(rows) // 3)
    first = visit * share % len(rows)
    turned = [*rows[first:], *rows[:first]]
    return Aim(stage, from_ms, from_ms + STAGE_MS, {column: list(turned) for column in stage.columns})
