"""The alert rules and the scrape configurations of deploy/prometheus, with Prometheus' own tool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from metric_page import known
from metrics_peers import DEPLOY, needed

RULES = [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
TESTS = yaml.safe_load((DEPLOY / "alerts_test.yml").read_text())["tests"]
SEVERITIES = {"critical", "warning", "info"}


@pytest.fixture
def promtool() -> str:
    return needed("promtool", "apt-get install prometheus")


def test_every_alert_fires_when_it_must_and_not_otherwise(promtool: str) -> None:
    said = subprocess.run([promtool, "test", "rules", "alerts_test.yml"], cwd=DEPLOY, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_every_alert_has_such_a_test() -> None:
    tested = {name for test in TESTS for name in re.findall(r"Powerwarden[A-Za-z]+", str(test))}
    assert {rule["alert"] for rule in RULES} == tested


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_what_that_means_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert set(rule["annotations"]) == {"summary", "description", "what_to_do"}
    assert all(len(text) > 20 for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in SEVERITIES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, str]) -> None:
    asked = set(re.findall(r"powerwarden_[a-z_]+", rule["expr"]))
    assert asked or rule["alert"] == "PowerwardenGatewayDown"
    assert {name.removesuffix("_bucket") for name in asked} <= set(known())


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-tls.yml"])
def test_the_scrape_configuration_is_one_for_prometheus(promtool: str, name: str, tmp_path: Path) -> None:
    for file in ("alerts.yml", name):
        shutil.copy(DEPLOY / file, tmp_path)
    for secret in ("powerwarden.token", "house-ca.pem"):  # the tool looks whether they are there
        (tmp_path / secret).write_text("")
    said = subprocess.run([promtool, "check", "config", name], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
