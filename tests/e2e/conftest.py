"""Fixtures: one running house for the tests of a module, and a place to write down measured times."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest
from running_house import RunningHouse, running_house


@pytest.fixture(scope="module")
def house() -> Iterator[RunningHouse]:
    with running_house() as running:
        running.until_mode("normal")
        running.until(running.healthy, "the gateway answers")
        yield running


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Write figures down where POWERWARDEN_MEASURED names a file: one JSON object a line."""

    def write(**figures: object) -> None:
        path = os.environ.get("POWERWARDEN_MEASURED")
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"test": request.node.name, **figures}) + "\n")

    return write
