"""The house at any moment: as it was then, from the nearest checkpoint; and an honest answer where nothing is known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from replay_house import NOON, START_MS, Recorded, ask

from supervisor import wire
from supervisor.guardian import journal, scribe
from supervisor.guardian.budget import CAPACITY, LEAN_BELOW
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.state import State
from supervisor.replay.moment import moment
from supervisor.replay.reader import ReplayError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints and segments within seconds."""
    monkeypatch.setattr(scribe, "CHECKPOINT_MS", 3_000)
    monkeypatch.setattr(journal, "SEGMENT_MS", 10_000)


@pytest.mark.usefixtures("quick")
def test_at_any_moment_it_is_the_state_that_the_guardian_had(tmp_path: Path) -> None:
    house = Recorded(tmp_path / "journal", seed=6)
    house.every = True
    seen: list[tuple[int, State, Outputs]] = []
    for _ in range(600):
        house.live(50)
        assert house.guardian._outputs is not None
        seen.append((house.now_ms - 50, house.guardian._state, house.guardian._outputs))
    house.close()
    for at_ms, state, outputs in [*seen[::23], *seen[-3:]]:
        then = moment(tmp_path / "journal", NOON + timedelta(milliseconds=at_ms - START_MS + 20))
        assert then.now_ms - at_ms in (0, 20)
        assert len(then.state.trips) == len(then.loaded.plan.rules)
        assert [(t.output, t.lease) for t in then.state.targets] == [(t.output, t.lease) for t in state.targets]
        assert (then.state.house, then.state.devices, then.state.trips) == (state.house, state.devices, state.trips)
        assert then.outputs.values == outputs.values
        assert not then.live
        assert all(event.at_ms <= at_ms for event in then.events)


def test_the_newest_is_now(tmp_path: Path) -> None:
    house = Recorded(tmp_path / "journal", seed=6)
    house.live(12_000)
    house.cycle(ask(wire.Verb.STOP, house.now_ms))
    house.close()
    now = moment(tmp_path / "journal")
    assert now.live
    assert now.state.targets == house.guardian._state.targets
    assert now.image == house.guardian._inbox.image
    assert now.wall.startswith((NOON + timedelta(seconds=12)).astimezone().isoformat(timespec="seconds")[:18])
    assert "phone: stop" in now.events[-1].text or any("phone: stop" in event.text for event in now.events)


def test_events_reach_back_over_the_head_of_a_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_MS", 10_000)
    house = Recorded(tmp_path / "journal", seed=6)
    house.restless = False
    house.live(15_000, talkative=0)
    house.close()
    assert any("starting -> " in event.text for event in moment(tmp_path / "journal").events)


def test_a_time_without_a_zone_is_the_clock_on_the_wall(tmp_path: Path) -> None:
    house = Recorded(tmp_path / "journal")
    house.live(3_000)
    house.close()
    local = (NOON + timedelta(seconds=2)).astimezone().replace(tzinfo=None)
    assert moment(tmp_path / "journal", local).now_ms == START_MS + 2_000


def test_where_nothing_is_recorded_it_says_what_there_is(tmp_path: Path) -> None:
    for start_ms in (START_MS, START_MS + 3_600_000):
        house = Recorded(tmp_path / "journal", start_ms=start_ms)
        house.live(5_000)
        house.close()
    begin, again = ((NOON + timedelta(hours=h)).astimezone().strftime("%Y-%m-%d %H:%M") for h in (0, 1))
    for wanted in (NOON - timedelta(hours=1), NOON + timedelta(minutes=30), NOON + timedelta(hours=2)):
        with pytest.raises(ReplayError) as error:
            moment(tmp_path / "journal", wanted)
        assert "nothing is recorded at" in str(error.value)
        assert f"{begin}:00 to {begin}:0" in str(error.value)
        assert f"{again}:00 to {again}:0" in str(error.value)


def test_without_samples_it_is_the_last_checkpoint_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scribe, "CHECKPOINT_MS", 3_000)
    house = Recorded(tmp_path / "journal", seed=6)
    house.live(2_000)
    house.journal._writer.budget.spend(CAPACITY - LEAN_BELOW + 100_000)
    house.live(20_000)
    house.close()
    then = moment(tmp_path / "journal", NOON + timedelta(seconds=15))
    assert not then.exact
    assert START_MS + 11_000 < then.now_ms <= START_MS + 15_000
    assert len(then.outputs.values) == len(then.loaded.plan.targets)
