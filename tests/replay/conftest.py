"""One recorded hour for all tests of this folder: they read it, and change only their copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from replay_house import Recorded

HOUR_S, MORE_S = 3_600, 60


@pytest.fixture(scope="session")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of the example house and a minute of the next: first calm, then with bad luck. Two segments."""
    folder = tmp_path_factory.mktemp("hour") / "journal"
    house = Recorded(folder)
    house.restless = False
    house.live(HOUR_S // 2 * 1_000)
    house.restless = True
    house.live((HOUR_S // 2 + MORE_S) * 1_000)
    house.close()
    return folder


@pytest.fixture(scope="session")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a busy house: one small segment."""
    folder = tmp_path_factory.mktemp("minute") / "journal"
    house = Recorded(folder, seed=3)
    house.live(60_000, talkative=0.1)
    house.close()
    (path,) = folder.iterdir()
    return path
