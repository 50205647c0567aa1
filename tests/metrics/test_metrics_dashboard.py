"""The Grafana dashboard: it is what its generator makes, Grafana's schema knows it, and each panel has its data."""

from __future__ import annotations

import copy
import json
import runpy
from pathlib import Path
from typing import Any

import grafana_check
import pytest
from metrics_peers import Prometheus
from running_house import RunningHouse

DASHBOARD = json.loads(grafana_check.DASHBOARD.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
MAY_BE_EMPTY = {  # of a house in which nothing is wrong
    "What binds": "nothing but ratings binds",
    "What acts now, and since when": "nothing acts",
    "What acted": "nothing acted",
    "Readings that count as not known": "all are known",
    "Defects on the buses": "there are none",
    "Refused by": "increase() needs a second scrape after the first refusal",
    "Clipped by": "the same",
    "Turned away by the gateway": "the same",
}
QUESTIONS = (
    "What is the house doing?",
    "Who asked for what, and what did he get?",
    "What binds?",
    "What is wrong, and since when?",
    "How is the box?",
)


def filled(expression: str, instance: str) -> str:
    """As Grafana asks, with its variables in their places."""
    for name, value in {"$instance": instance, "$target": ".+", "$__rate_interval": "30s", "$__range": "60s"}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def test_the_file_is_what_its_generator_makes() -> None:
    made = runpy.run_path(str(grafana_check.DASHBOARD.with_name("make.py")))["text"]()
    assert made == grafana_check.DASHBOARD.read_text(), "run: python deploy/grafana/make.py"


def test_it_asks_what_an_owner_asks_and_every_panel_says_what_it_is() -> None:
    assert tuple(panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row") == QUESTIONS
    assert all(len(panel["description"]) > 10 for panel in PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_no_panel_lies_on_another_or_beside_the_page() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= mine


@pytest.mark.parametrize(("title", "target"), QUERIES, ids=[f"{title}-{t['refId']}" for title, t in QUERIES])
def test_every_panel_has_data_of_a_real_house(
    title: str, target: dict[str, Any], house: RunningHouse, prometheus: Prometheus
) -> None:
    expression = filled(target["expr"], f"127.0.0.1:{house.listen}")
    found = prometheus.range(expression) if target["range"] else prometheus.ask(expression)
    assert found or title in MAY_BE_EMPTY, expression


@pytest.mark.parametrize(("title", "target"), QUERIES, ids=[f"{title}-{t['refId']}" for title, t in QUERIES])
def test_every_label_that_a_legend_or_a_column_names_is_there(
    title: str, target: dict[str, Any], house: RunningHouse, prometheus: Prometheus
) -> None:
    named = {word.partition("}}")[0] for word in target.get("legendFormat", "").split("{{")[1:]}
    panel = next(panel for panel in PANELS if panel["title"] == title)
    if panel["type"] == "table" and target["refId"] == "A":
        columns = panel["transformations"][-1]["options"]["renameByName"]
        named = {column for column in columns if not column.startswith("Value")}
    expression = filled(target["expr"], f"127.0.0.1:{house.listen}")
    found = prometheus.range(expression) if target["range"] else prometheus.ask(expression)
    assert all(named <= set(series["metric"]) for series in found)


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    if not grafana_check.installed():
        pytest.skip(f"NOT TESTED: Grafana's schema is not installed; {grafana_check.REMEDY}")
    return tmp_path


def test_grafanas_own_schema_finds_nothing_wrong_with_it(schema: Path) -> None:
    assert grafana_check.wrong(DASHBOARD, schema) == ""


def test_the_schema_would_find_a_misspelt_a_missing_and_a_wrong_option(schema: Path) -> None:
    broken = copy.deepcopy(DASHBOARD)
    band, curve = (next(p for p in broken["panels"] if p["type"] == kind) for kind in ("state-timeline", "timeseries"))
    band["options"]["mergeValue"] = band["options"].pop("mergeValues")
    curve["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "lines"
    del broken["schemaVersion"]
    said = grafana_check.wrong(broken, schema)
    assert "mergeValue" in said
    assert '"lines"' in said
    assert "schemaVersion" in said
