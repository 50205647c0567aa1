"""The grid operator dims: a lost input is a limit, no limit goes below 4.2 kW, and no limit lifts a fuse (hazard H10).

The times are those of EEBUS LPC as its implementations have them (phase_switching_evse.md, section 5).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_guard import WITH_GUARD
from kernel_mains import BOXES, PERMISSIONS, SITE, Driven, box_words, meter_words
from kernel_toys import START_MS, ask

from supervisor.kernel.event import EventKind
from supervisor.kernel.plan import Plan
from supervisor.loader.load import load

HOUR_MS = 3_600_000
LPC = """\
grid:
  dimming:
    why: the grid operator may dim the wallboxes (section 14a EnWG)
    value: guard.limit
    active: guard.active is on
    heartbeat: guard.beat
    failsafe: 4.2 kW
    failsafe_for: 2 h
    limits: LIMITS
    devices:
      box1.current: {phases: 3, draws: box1.power}
      box2.current: {phases: 3, draws: box2.power}
      box3.current: {phases: 1, draws: box3.power}
"""
CONTACT = """\
grid:
  dimming:
    why: the grid operator dims the wallboxes with a relay contact
    when: panel.aux_1 is closed
    limits: each
    devices:
      box1.current: {phases: 3}
      box3.current: {phases: 1}
"""
GUARD = "  guard: {driver: guard, bus: lan, optional: true}\n"
PANEL = "  panel: {driver: panel_gpio, bus: gpio0, optional: true, options: {inputs: 'aux_1=5 contact'}}\n"
THREE, ONE = 4_200_000 // (230 * 3), 4_200_000 // 230


def plan_with(folder: Path, grid: str, device: str = GUARD, fuse: str = "63 A") -> Plan:
    """The three wallboxes, behind a fuse that leaves them alone where nothing else is said."""
    site = SITE.replace("fuse: 20 A", "fuse: 50 A").replace("fuse: 35 A", f"fuse: {fuse}")
    site = site.replace("blind: 6 A", "blind: 20 A")
    site = site.replace("max_ampere: 16", "max_ampere: 32")
    site = site.replace("circuits:\n", device + "circuits:\n", 1)
    site = site.replace("buses:\n", "buses:\n  gpio0: {kind: gpio, factory: linehub, channel: x, simulated: true}\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(site + grid, "utf-8")
    (folder / "10-house.yaml").write_text(PERMISSIONS, "utf-8")
    return load(folder, families=WITH_GUARD).plan


class Guarded(Driven):
    """The house with its energy guard: ``beats`` each ten seconds, while it does."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.beats, self.count = True, 0
        self.flows = [3.0, 3.0, 3.0]
        self.amps: dict[str, float] = dict.fromkeys(BOXES, 0.0)
        self.contact: int | None = None
        self.sun_w = 0

    def go(self, seconds: int, tick_ms: int = 1_000) -> None:
        for _ in range(0, seconds * 1000, tick_ms):
            self.hear(meter_words(self.flows) | {"pv.power": self.sun_w * 1000})
            for name, amps in self.amps.items():
                self.hear(box_words(name, amps))
            if "guard.beat" in self.index and self.beats and (self.now_ms - START_MS) % 10_000 < tick_ms:
                self.count += 1
                self.hear({"guard.beat": self.count})
            if self.contact is not None:
                self.hear({"panel.aux_1": self.contact})
            self.cycle()
            self.now_ms += tick_ms

    def write(self, watts: int, active: bool = True) -> None:
        self.hear({"guard.limit": watts * 1000, "guard.active": int(active)})
        self.cycle()

    @property
    def lpc(self) -> str:
        grid, state = self.plan.grid, self.state.proven.grid
        assert grid is not None
        assert state is not None
        return grid.lpc.states[state.input.machine.state]


@pytest.fixture(scope="module")
def each(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_with(tmp_path_factory.mktemp("each"), LPC.replace("LIMITS", "each"))


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    grid = LPC.replace("LIMITS", "together\n    meter: [meter.power]")
    return plan_with(tmp_path_factory.mktemp("together"), grid)


def controlled(plan: Plan, watts: int = 11_000, active: bool = False) -> Guarded:
    """A house whose guard is there and has spoken; the meter has been trusted for long."""
    house = Guarded(plan)
    house.go(30)
    house.write(watts, active)
    house.go(40)
    return house


# ---- the machine ------------------------------------------------------------------------------------------------
def test_before_the_first_word_the_failsafe_limit_holds(each: Plan) -> None:
    house = Guarded(each)
    house.beats = False
    house.go(300)
    assert house.lpc == "init"
    assert house.hi("box1.current") == (THREE, "grid.dimming")


def test_a_heartbeat_without_a_limit_lifts_nothing(each: Plan) -> None:
    house = Guarded(each)
    house.go(600)
    assert house.lpc == "init"
    assert house.hi("box1.current")[0] == THREE


def test_a_limit_without_a_heartbeat_lifts_nothing(each: Plan) -> None:
    house = Guarded(each)
    house.beats = False
    house.write(30_000)
    house.go(60)
    assert (house.lpc, house.hi("box1.current")[0]) == ("init", THREE)


def test_a_limit_is_in_force_while_it_is_active_and_as_long_as_nobody_changes_it(each: Plan) -> None:
    house = controlled(each)
    assert (house.lpc, house.hi("box1.current")) == ("unlimited", (32_000, "rating"))
    house.write(5_000)
    house.go(280)  # within the word's maximum age, and without a new one
    assert (house.lpc, house.hi("box1.current")) == ("limited", (5_000_000 // 690, "grid.dimming"))
    house.write(6_000)
    assert house.hi("box1.current")[0] == 6_000_000 // 690
    house.write(6_000, active=False)
    house.go(2)
    assert house.lpc == "unlimited"


@pytest.mark.parametrize(("silent_s", "state"), [(119, "unlimited"), (121, "failsafe")])
def test_a_heartbeat_is_missed_after_120_seconds(each: Plan, silent_s: int, state: str) -> None:
    house = controlled(each)
    house.hear({"guard.beat": 10**6})
    house.cycle()
    began_ms, house.beats = house.now_ms, False
    while house.now_ms < began_ms + silent_s * 1000:
        house.go(1)
    house.cycle()
    assert house.lpc == state
    assert (house.hi("box1.current")[0] == THREE) == (state == "failsafe")


def test_a_counter_that_stands_still_is_no_heartbeat(each: Plan) -> None:
    house = controlled(each)
    house.beats = False
    for _ in range(13):
        house.hear({"guard.beat": house.count})
        house.go(10)
    assert house.lpc == "failsafe"


def failsafe(plan: Plan) -> Guarded:
    house = controlled(plan, 20_000, active=True)
    house.beats = False
    house.go(125)
    assert house.lpc == "failsafe"
    return house


def test_failsafe_is_not_left_without_a_new_limit(each: Plan) -> None:
    house = failsafe(each)
    house.beats = True
    house.go(1_000)
    assert (house.lpc, house.hi("box1.current")[0]) == ("failsafe", THREE)


@pytest.mark.parametrize(("late_s", "state"), [(119, "limited"), (121, "failsafe")])
def test_the_new_limit_has_to_come_within_120_seconds_after_the_heartbeat(each: Plan, late_s: int, state: str) -> None:
    house = failsafe(each)
    house.hear({"guard.beat": 10**6})
    house.cycle()
    house.beats, back_ms = True, house.now_ms
    while house.now_ms < back_ms + late_s * 1000:
        house.go(1)
    house.write(9_000)
    house.go(2)
    assert house.lpc == state


def test_a_late_limit_counts_all_the_same_where_it_is_stricter_than_the_failsafe(tmp_path: Path) -> None:
    grid = LPC.replace("LIMITS", "each").replace("failsafe: 4.2 kW", "failsafe: 11 kW")
    house = failsafe(plan_with(tmp_path, grid))
    assert house.hi("box1.current")[0] == 11_000_000 // 690
    house.beats = True
    house.go(300)
    house.write(5_000)
    assert (house.lpc, house.hi("box1.current")[0]) == ("failsafe", 5_000_000 // 690)


def test_after_the_failsafe_duration_the_house_is_autonomous_and_a_limit_then_counts_at_once(each: Plan) -> None:
    house = failsafe(each)
    grid = house.state.proven.grid
    assert grid is not None
    since_ms = grid.input.machine.since_ms
    house.now_ms = since_ms + 2 * HOUR_MS - 1_000
    house.go(1)
    assert house.lpc == "failsafe"
    house.go(1)
    assert (house.lpc, house.hi("box1.current")[1]) == ("autonomous", "rating")
    house.beats = True
    house.go(300)
    house.write(5_000)
    house.go(2)
    assert house.lpc == "limited"


def test_a_limit_that_waited_for_the_end_of_the_failsafe_counts_in_the_very_next_cycle(each: Plan) -> None:
    """Nothing else comes in that moment: the step to autonomous asks for the cycle itself."""
    house = failsafe(each)
    house.beats = True
    house.go(300)
    grid = house.state.proven.grid
    assert grid is not None
    end_ms = grid.input.machine.since_ms + 2 * HOUR_MS
    for at_ms in (*range(house.now_ms, end_ms - 100, 100_000), end_ms - 100):
        house.now_ms = at_ms
        house.hear({"guard.beat": at_ms})
        house.cycle()
    house.write(5_000)
    assert house.lpc == "failsafe"
    for state in ("autonomous", "limited"):
        house.now_ms += 100
        house.cycle()
        assert house.lpc == state


def test_every_step_is_told_with_what_it_means(each: Plan) -> None:
    house = failsafe(each)
    said = [e.text for e in house.events if e.subject == "grid.dimming" and e.kind is EventKind.MACHINE]
    assert said[0] == "init -> limited: at most 20000 W"
    assert said[-1] == "limited -> failsafe: at most 4200 W"


# ---- what is left -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("watts", [0, 1_000, 4_199])
def test_no_limit_goes_below_4_2_kw_for_each_device(each: Plan, watts: int) -> None:
    house = controlled(each, watts, active=True)
    assert house.hi("box1.current") == (THREE, "grid.dimming")
    assert house.hi("box3.current") == (ONE, "grid.dimming")
    house.wish("box1.current", 16_000)
    house.go(10)
    assert house.output("box1.current") == 6_000, "4.2 kW are just enough for three phases"


def test_the_floor_never_lifts_a_fuse(tmp_path: Path) -> None:
    house = controlled(plan_with(tmp_path, LPC.replace("LIMITS", "each"), fuse="20 A"), 0, active=True)
    house.flows = [15.0, 3.0, 3.0]
    house.go(5)
    assert house.hi("box1.current") == (3_000, "circuits.house")
    assert house.hi("box3.current") == (3_000, "circuits.house")


def test_together_they_share_one_limit(together: Plan) -> None:
    house = controlled(together, 10_000, active=True)
    house.flows = [20.0] * 3  # the kitchen needs it all, so nothing of it is their own
    for box in BOXES:
        house.wish(f"{box}.current", 16_000)
    house.go(60)
    told = [house.output(f"{box}.current") for box in BOXES]
    assert sum(told[:2]) * 690 + told[2] * 230 <= 10_000_000
    assert told[0] >= 6_000


def test_three_that_start_in_one_cycle_share_one_limit_too(together: Plan) -> None:
    house = controlled(together, 5_000, active=True)
    house.flows = [20.0] * 3
    house.go(5)
    house.cycle(
        *(
            ask(identity="anna", value=16_000, now_ms=house.now_ms, target=f"{box}.current", kind="setting",
                duration_ms=600_000)
            for box in BOXES
        )
    )  # fmt: skip
    for _ in range(20):
        told = [house.output(f"{box}.current") for box in BOXES]
        assert sum(told[:2]) * 690 + told[2] * 230 <= 5_000_000
        house.go(1)
    assert told == [7_000, 0, 0]


def test_their_own_sun_is_on_top_while_the_meter_proves_it(together: Plan) -> None:
    house = controlled(together, 4_200, active=True)
    house.flows, house.sun_w = [-20.0] * 3, 14_000  # 13.8 kW leave the house
    house.go(60)
    assert house.hi("box1.current")[0] == (4_200_000 + 13_800_000) // 690
    for _ in range(5):  # and now it says nothing
        house.now_ms += 1_000
        house.cycle()
    assert house.hi("box1.current") == (THREE, "grid.dimming")
    house.go(20)
    assert house.hi("box1.current") == (THREE, "grid.dimming"), "a meter that is back proves nothing yet"


def test_a_device_set_in_watts_gets_watts(tmp_path: Path) -> None:
    grid = LPC.replace("LIMITS", "each").replace("box1.current: {phases: 3, draws: box1.power}", "pv.power_limit: {}")
    house = controlled(plan_with(tmp_path, grid), 5_000, active=True)
    assert house.hi("pv.power_limit") == (5_000_000, "grid.dimming")


# ---- a relay contact --------------------------------------------------------------------------------------------
def test_a_contact_is_the_simplest_case(tmp_path: Path) -> None:
    house = Guarded(plan_with(tmp_path, CONTACT, PANEL))
    house.go(5)
    assert (house.lpc, house.hi("box1.current")) == ("init", (THREE, "grid.dimming"))
    house.contact = 0
    house.go(5)
    assert (house.lpc, house.hi("box1.current")[1]) == ("unlimited", "rating")
    house.contact = 1
    house.go(1)
    assert (house.lpc, house.hi("box1.current")[0], house.hi("box3.current")[0]) == ("limited", THREE, ONE)
    assert house.hi("box2.current")[1] != "grid.dimming"


def test_a_contact_that_nobody_hears_is_a_limit_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    house = Guarded(plan_with(tmp_path, CONTACT, PANEL))
    house.contact = 0
    house.go(5)
    house.contact = None
    house.go(30)
    assert (house.lpc, house.hi("box1.current")[0]) == ("failsafe", THREE)
    house.now_ms += 30 * HOUR_MS
    house.go(5)
    assert house.lpc == "failsafe", "a wire that is broken for a day is no permission"
    house.contact = 0
    house.go(2)
    assert house.lpc == "unlimited"
