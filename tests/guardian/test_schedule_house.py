"""Schedules in a house: rules follow them, no bus speaks for them, no timer moves with them, and they replay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from acknowledge_bench import Bench
from schedule_toys import NOW_MS, Wall, at

from supervisor import wire
from supervisor.guardian.inbox import Inbox
from supervisor.guardian.schedule import Schedules
from supervisor.kernel.cycle import step
from supervisor.kernel.image import blank
from supervisor.kernel.question import NO, UNKNOWN, YES, Is
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import boot
from supervisor.loader.load import load

SITE = """
schedules:
  night: {zone: Europe/Berlin, on: ["mon..sun 22:00 .. 06:00"]}
"""
LIMIT = """
limits:
  quiet:
    when: schedule.night is on
    hold: 0 s
    clear: 0 s
    then: {wallbox.current: at most 6 A}
    why: the neighbours sleep above the wallbox
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name in ("site.yaml", "10-limits.yaml", "20-house.yaml"):
        (tmp_path / name).write_text(
            (Path("policies/uc001") / name).read_text() + (SITE if name == "site.yaml" else "")
        )
    (tmp_path / "30-quiet.yaml").write_text(LIMIT)
    return tmp_path


def test_a_limit_follows_the_flag_and_not_knowing_it_is_the_strict_side(house: Path) -> None:
    loaded = load(house)
    night = loaded.calendar.schedules[0].signal
    assert loaded.plan.signals[night].id == "schedule.night"
    wall = Wall(at("2026-12-02T23:00"))
    speaker = Schedules(loaded.calendar, wall)
    inbox = Inbox(loaded.plan, loaded.site, blank(loaded.plan.signals), NOW_MS)
    question = Is(night, loaded.plan.signals[night].max_age_ms, 1)
    assert question.ask(inbox.image, NOW_MS) is UNKNOWN
    inbox.take_own(list(speaker.samples(NOW_MS)), NOW_MS)
    assert question.ask(inbox.image, NOW_MS) is YES
    assert inbox.early, "a watched answer has changed"
    wall.now_ms = at("2026-12-03T12:00")
    inbox.take_own(list(speaker.samples(NOW_MS + 1_000)), NOW_MS + 1_000)
    assert question.ask(inbox.image, NOW_MS + 1_000) is NO
    assert question.ask(inbox.image, NOW_MS + 7_000) is UNKNOWN, "nobody has said it for five seconds"
    row = next(i for i, rule in enumerate(loaded.plan.rules) if rule.id == "limits.quiet")
    state = boot(loaded.plan, NOW_MS)
    state = step(loaded.plan, state, inbox.image, (), NOW_MS + 1_000).state
    assert state.trips[row].cause is NO
    state = step(loaded.plan, state, inbox.image, (), NOW_MS + 7_000).state
    assert state.trips[row].cause is UNKNOWN


def test_no_bus_can_speak_of_a_schedule(house: Path) -> None:
    loaded = load(house)
    night = loaded.calendar.schedules[0].signal
    inbox = Inbox(loaded.plan, loaded.site, blank(loaded.plan.signals), NOW_MS)
    for bus in ("can0", "lan", "schedule", "", "schedule.night"):
        inbox.take_samples(bus, wire.Samples((Sample(night, 1, NOW_MS, Quality.GOOD),)), NOW_MS)
    assert inbox.foreign == 5
    assert inbox.image[night].quality is Quality.MISSING


def test_the_same_samples_replay_to_the_same_bytes_without_any_clock(house: Path) -> None:
    loaded = load(house)
    wall = Wall(at("2026-12-02T20:59:58"))
    speaker = Schedules(loaded.calendar, wall)
    inbox = Inbox(loaded.plan, loaded.site, blank(loaded.plan.signals), NOW_MS)
    state, images, outputs = boot(loaded.plan, NOW_MS), [], []
    for cycle in range(80):
        now_ms = NOW_MS + cycle * 50
        inbox.take_own(list(speaker.samples(now_ms)), now_ms)
        images.append((inbox.image, now_ms))
        result = step(loaded.plan, state, inbox.image, (), now_ms)
        state = result.state
        outputs.append(result)
        wall.now_ms += 50
    again = boot(loaded.plan, NOW_MS)
    for (image, now_ms), was in zip(images, outputs, strict=True):
        result = step(loaded.plan, again, image, (), now_ms)
        again = result.state
        assert result == was


def test_a_jump_of_the_wall_clock_changes_the_flag_and_no_timer(house: Path) -> None:
    """Two houses, one whose wall clock jumps by a year and back within a minute: their states differ in that row."""
    loaded = load(house)
    night = loaded.calendar.schedules[0].signal
    states = []
    for jumps in (False, True):
        wall = Wall(at("2027-06-01T12:00"))
        speaker = Schedules(loaded.calendar, wall)
        inbox = Inbox(loaded.plan, loaded.site, blank(loaded.plan.signals), NOW_MS)
        state = boot(loaded.plan, NOW_MS)
        for cycle in range(400):
            now_ms = NOW_MS + cycle * 50
            wall.now_ms = at("2027-06-01T12:00") + cycle * 50
            if jumps and 100 <= cycle < 200:
                wall.now_ms += 365 * 86_400_000 + 12 * 3_600_000
            inbox.take_own(list(speaker.samples(now_ms)), now_ms)
            state = step(loaded.plan, state, inbox.image, (), now_ms).state
        states.append(state)
        assert inbox.image[night].value == 0
    quiet = next(i for i, rule in enumerate(loaded.plan.rules) if rule.id == "limits.quiet")
    calm, shaken = ([trip for i, trip in enumerate(state.trips) if i != quiet] for state in states)
    assert calm == shaken
    assert states[0].devices == states[1].devices
    assert states[0].orchestrators == states[1].orchestrators


def test_the_guardian_says_them_in_its_own_cycles_and_shows_them_like_any_signal(house: Path, tmp_path: Path) -> None:
    shutil.copytree(house, tmp_path / "run" / "house", ignore=shutil.ignore_patterns("run"))
    bench = Bench(tmp_path / "run")
    wall = Wall(at("2026-12-02T23:00"))
    bench.guardian._schedules = Schedules(bench.loaded.calendar, wall)
    bench.cycle()
    describe = next(word for word in bench.heard if isinstance(word, wire.Describe))
    position = [signal.id for signal in describe.signals].index("schedule.night")
    assert (describe.signals[position].unit, describe.signals[position].codes) == ("flag", ())
    assert bench.snapshot.readings[position] == wire.Seen(1, 0, Quality.GOOD)
    wall.now_ms, wall.fine = at("2000-01-01"), False
    bench.cycle()
    assert bench.snapshot.readings[position] == wire.Seen(None, 0, Quality.INVALID)
    assert any(trip.rule == "limits.quiet" for trip in bench.snapshot.trips)
    bench.close()
