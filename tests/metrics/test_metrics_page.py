"""docs/metrics.md says what the code has: every metric, every alert, every option of the export."""

from __future__ import annotations

import re

import yaml
from metric_page import PAGE, known, parts, table
from metrics_peers import DEPLOY

from supervisor.cli import parser

TEXT = PAGE.read_text()


def test_the_table_of_metrics_is_the_codes() -> None:
    assert parts()[1] == table(), "run: python tests/metrics/metric_page.py --write"


def test_the_table_of_alerts_is_that_of_the_rules() -> None:
    rules = [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
    told = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \| ([^|]+) \| [^|]+ \|$", TEXT, re.MULTILINE)
    assert told == [
        (rule["alert"].removeprefix("Powerwarden"), rule["labels"]["severity"], rule.get("for", "at once"))
        for rule in rules
    ]


def test_every_metric_that_the_page_asks_for_exists() -> None:
    (examples,) = re.findall(r"```promql\n(.*?)```", TEXT, re.DOTALL)
    asked = {name.removesuffix("_bucket") for name in re.findall(r"powerwarden_[a-z_]+", examples)}
    assert asked <= set(known())


def test_the_options_of_the_export_are_those_of_the_command() -> None:
    options = parser().parse_args(["export", "run/journal"])
    told = set(re.findall(r"^\| `--(\w+)`", TEXT, re.MULTILINE))
    assert told == set(vars(options)) - {"verb", "journal"}
    assert (options.every, options.format, options.since) == ("10s", "influx", None)
