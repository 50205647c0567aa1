"""A real Prometheus reads a real house: the series are there, the rules load, and nothing is refused."""

from __future__ import annotations

import subprocess
import urllib.request

from metrics_peers import DEPLOY, Prometheus, needed, until
from running_house import RunningHouse

BOUNDED = 3_000  # series of the example house; a leak of a caller's words would pass any such number
MARK = "zz5mark"


def exposition(house: RunningHouse) -> str:
    with urllib.request.urlopen(house.url + "/metrics", timeout=5) as reply:
        told: str = reply.read().decode()
        return told


def test_promtool_finds_nothing_to_say_about_the_names_and_texts(house: RunningHouse) -> None:
    promtool = needed("promtool", "apt-get install prometheus")
    lint = subprocess.run([promtool, "check", "metrics"], input=exposition(house), capture_output=True, text=True)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")


def test_prometheus_has_every_series_that_the_gateway_shows(house: RunningHouse, prometheus: Prometheus) -> None:
    shown = {name.partition("{")[0] for name in series(exposition(house))}
    assert shown <= set(prometheus.get("/api/v1/label/__name__/values")["data"])
    (up,) = prometheus.ask("up")
    assert up["value"][1] == "1"


def test_the_values_are_those_of_the_house(house: RunningHouse, prometheus: Prometheus) -> None:
    def one(expression: str) -> float:
        (found,) = prometheus.ask(expression)
        return float(found["value"][1])

    assert one('powerwarden_house_mode{mode="normal"}') == 1
    assert one('powerwarden_decisions_total{verdict="clipped"}') == 1
    assert one('powerwarden_clips_total{rule="rating"}') == 1
    assert one('powerwarden_refusals_total{rule="permission.none"}') == 1
    assert one('powerwarden_lease_held{target="wallbox.current", holder="optimiser", kind="live"}') == 1
    assert one('powerwarden_lease_value{target="wallbox.current"}') == 16
    assert one('powerwarden_lease_age_seconds{target="wallbox.current"}') > 0
    assert one('powerwarden_contactor_closings_total{contactor="relays.coil_1"}') == 1
    assert one('powerwarden_machine_state_seconds_total{machine="battery", state="unseen"}') > 0
    assert one('powerwarden_house_mode_seconds_total{mode="normal"}') > 0
    assert one("powerwarden_cycle_lateness_seconds_count") > 10
    assert 0 < one("powerwarden_watchdog_slack_seconds") <= 5
    assert one("powerwarden_journal_bytes_total") > 1_000
    assert one("process_resident_memory_bytes") > 1e7
    assert one('powerwarden_denials_total{reason="who_are_you"}') == 1
    assert one('powerwarden_http_requests_total{route="/v1/targets/{target}/setpoint", method="PUT", code="4xx"}') == 2


def test_the_alert_rules_load_and_evaluate_on_real_data(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, str]]:
        return [rule for group in prometheus.get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    assert len(rules()) == (DEPLOY / "alerts.yml").read_text().count("- alert:")
    until(lambda: all(rule["health"] != "unknown" for rule in rules()), "all rules have been evaluated")
    assert [(rule["name"], rule.get("lastError")) for rule in rules() if rule["health"] != "ok"] == []

    def firing() -> set[str]:
        return {alert["labels"]["alertname"] for alert in prometheus.get("/api/v1/alerts")["data"]["alerts"]}

    until(lambda: "PowerwardenSimulated" in firing(), "the one that holds here has been evaluated on a scrape")
    late = {"PowerwardenCyclesSkipped", "PowerwardenWatchdogWithheld", "PowerwardenCyclesLate"}  # a busy machine
    assert firing() - late == {"PowerwardenSimulated"}


def test_nothing_that_a_caller_sends_becomes_a_label(house: RunningHouse) -> None:
    """Addresses, methods, names, tokens, request ids, units: the same caller twice makes no new series either."""

    def shout(word: str) -> None:
        body = {"value": 1, "unit": word, "kind": word, "request_id": word}
        house.http("GET", f"/{word}", token=word)
        house.http("GET", f"/v1/targets/{word}?{word}={word}")
        house.http("PUT", f"/v1/targets/{word}/setpoint", body)
        house.http("PUT", "/v1/targets/relays.coil_1/setpoint", body, token=word)
        wish = {"value": 16, "unit": "A", "kind": "live", "request_id": word}
        house.http("PUT", "/v1/targets/wallbox.current/setpoint?dry_run=true", wish)
        house.http(word.upper(), "/v1/state")
        house.http("POST", f"/v1/latches/{word}/acknowledge", body)

    shout(MARK)
    first = exposition(house)
    for number in range(5):
        shout(f"{MARK}{number}")
    again = exposition(house)
    assert MARK not in again.lower()
    assert asked(again) == asked(first)
    assert len(series(again)) < BOUNDED


def asked(text: str) -> set[str]:
    """The series that a caller has to do with; those of the house come and go with the house."""
    about = ("http", "denials", "decisions", "refusals", "clips", "events", "guardian_counts", "lease", "requests")
    return {name for name in series(text) if name.startswith(tuple(f"powerwarden_{word}" for word in about))}


def series(text: str) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}
