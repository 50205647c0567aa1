"""Quiet cycles of the supply may be skipped: fuses heat and cool, meters are lost and trusted, the operator's limit
runs out, devices' graces end, and nothing of it waits for a cycle that somebody has skipped.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kernel_guard import WITH_GUARD
from kernel_mains import BOXES, PERMISSIONS, SITE, box_words, meter_words
from kernel_toys import START_MS, ask, replace

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import boot
from supervisor.loader.load import load

GRID = """\
grid:
  export:
    why: no more than 5 kW may leave this house
    limit: 5 kW
    react: 5 s
    blind: 3 kW
    trust_after: 7 s
    meter: [meter.power]
    through: {pv.power_limit: {produces: pv.power, acts: 1 s}}
  dimming:
    why: the grid operator may dim the wallboxes
    value: guard.limit
    active: guard.active is on
    heartbeat: guard.beat
    timeout: 20 s
    limits: together
    meter: [meter.power]
    devices: {box1.current: {phases: 3, draws: box1.power}, box2.current: {phases: 3}}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder: Path = tmp_path_factory.mktemp("wake")
    site = SITE.replace("port: 1}}", "port: 1}, grace: 23 s}").replace(
        "    curve: gG\n", "    curve: gG\n    trust_after: 6 s\n"
    )
    site = site.replace("circuits:\n", "  guard: {driver: guard, bus: lan, optional: true}\ncircuits:\n", 1)
    (folder / "site.yaml").write_text(site + GRID, "utf-8")
    (folder / "10-house.yaml").write_text(PERMISSIONS, "utf-8")
    plan = load(folder, families=WITH_GUARD).plan
    assert plan.grid is not None
    assert plan.grid.dimming is not None
    dimming = replace(plan.grid.dimming, failsafe_ms=90_000)  # two hours are long for a test
    return replace(plan, cycle_ms=250, grid=replace(plan.grid, dimming=dimming))


HAPPENINGS = st.lists(
    st.tuples(
        st.integers(0, 80),  # quiet cycles before
        st.sampled_from(("meter", "meter", "doubt", "boxes", "box2", "sun", "guard", "beat", "wish")),
        st.sampled_from((-30.0, 0.0, 3.0, 20.0, 36.0, 50.0, 80.0)),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=40, phases=(Phase.generate,), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HAPPENINGS)
def test_a_quiet_supply_may_be_left_alone_until_its_wake(plan: Plan, happenings: list[tuple[int, str, float]]) -> None:
    index = {signal.id: i for i, signal in enumerate(plan.signals)}
    every = some = boot(plan, START_MS)
    image, now_ms, wake_ms, beats = blank(plan.signals), START_MS, START_MS, 0
    last: Result | None = None
    for cycles, what, amps in (*happenings, (400, "", 0.0)):
        for left in range(cycles, -1, -1):
            inbox, words = (), {}
            if left == 0 and what == "wish":
                inbox = (ask(identity="anna", value=16_000, now_ms=now_ms, target="box1.current", kind="setting",
                             duration_ms=600_000),)  # fmt: skip
            elif left == 0:
                beats += what == "beat"
                words = {
                    "meter": meter_words([amps] * 3), "doubt": meter_words([amps] * 3), "beat": {"guard.beat": beats},
                    "boxes": {k: v for box in BOXES for k, v in box_words(box, max(amps, 0) / 3).items()},
                    "box2": box_words("box2", max(amps, 0)), "sun": {"pv.power": int(abs(amps)) * 100_000},
                    "guard": {"guard.limit": int(abs(amps)) * 300_000, "guard.active": int(amps > 3)},
                }.get(what, {})  # fmt: skip
            quality = Quality.SUSPECT if what == "doubt" else Quality.GOOD
            image = absorb(
                plan.signals, image, [Sample(index[n], v, now_ms, quality) for n, v in words.items()], now_ms
            )
            full = step(plan, every, image, inbox, now_ms)
            every = full.state
            if inbox or words or now_ms >= wake_ms:
                last = step(plan, some, image, inbox, now_ms)
                some, wake_ms = last.state, last.wake_ms
                assert last.events == full.events, now_ms
            else:
                assert full.events == (), now_ms
            assert last is not None
            assert last.outputs == full.outputs, now_ms
            now_ms += plan.cycle_ms
    assert replace(some, now_ms=0, cycle=0) == replace(every, now_ms=0, cycle=0)
