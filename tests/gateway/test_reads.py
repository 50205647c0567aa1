"""What anybody may read: the picture, the devices, the metrics, the page."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from conftest import Gateway
from fake_guardian import DESCRIBE
from prometheus_client.parser import text_string_to_metric_families

PATHS = [
    "/",
    "/healthz",
    "/metrics",
    "/v1/state",
    "/v1/devices",
    "/v1/targets",
    "/v1/targets/heater.relay",
    "/v1/events",
]


@pytest.mark.parametrize("path", PATHS)
def test_reads_are_open(gateway: Gateway, path: str) -> None:
    assert gateway.http.get(path).status_code == 200


def test_the_state_has_units_ages_qualities_and_what_binds(gateway: Gateway) -> None:
    state = gateway.http.get("/v1/state").json()
    assert state["house"]["mode"] == "degraded"
    assert state["house"]["for_s"] >= 75
    assert state["simulated"] is True
    assert state["machines"][1] | {"for_s": 0} == {"id": "wallbox", "kind": "charger", "state": "standby", "for_s": 0}
    current = state["readings"]["meter.current_l1"]
    assert (current["value"], current["unit"], current["quality"]) == (12.345, "A", "good")
    assert 0.06 <= current["age_s"] <= 2.06
    missing = state["readings"]["battery.cell_temp"]
    assert missing == {"value": None, "unit": "°C", "age_s": None, "quality": "missing"}
    wallbox = state["targets"]["wallbox.current_limit"]
    assert (wallbox["output"], wallbox["unit"], wallbox["rating"]["forbidden"]) == (10, "A", [[0, 6]])
    assert (wallbox["envelope"]["hi"], wallbox["envelope"]["hi_by"]) == (13, "main_fuse")
    assert wallbox["envelope"]["hi_why"] == "the main fuse carries 35 A per phase"
    assert wallbox["lease"]["holder"] == "homeassistant"
    assert 19 <= wallbox["lease"]["expires_in_s"] <= 21.5
    assert state["targets"]["heater.relay"]["output"] is None
    assert state["trips"][0]["rule"] == "cell_cold"
    assert state["trips"][0]["answer"] == "unknown"
    assert [bus["connected"] for bus in state["buses"]] == [True, False]
    assert len(state["events"]) == 10


def test_no_read_tells_a_token_its_hash_or_the_request_of_another(gateway: Gateway) -> None:
    for path in PATHS:
        text = gateway.http.get(path).text
        assert all(identity.token_sha256 not in text for identity in DESCRIBE.identities)
        assert "request_id" not in text


def test_devices_gather_what_belongs_together(gateway: Gateway) -> None:
    wallbox = gateway.http.get("/v1/devices").json()["devices"]["wallbox"]
    assert wallbox["machines"][0]["state"] == "standby"
    assert set(wallbox["readings"]) == {"wallbox.power", "wallbox.plugged"}
    assert wallbox["targets"] == ["wallbox.current_limit"]


def test_one_target_is_the_same_as_in_the_list(gateway: Gateway) -> None:
    one = gateway.http.get("/v1/targets/battery.soc_max").json()
    listed = gateway.http.get("/v1/targets").json()["targets"]["battery.soc_max"]
    assert one == {"id": "battery.soc_max"} | listed
    assert one["envelope"]["lo"] == 20
    assert gateway.http.get("/v1/targets/nothing").status_code == 404


def test_metrics_parse_and_say_what_the_picture_says(gateway: Gateway) -> None:
    response = gateway.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(response.text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert all(family.documentation for family in families)
    samples = {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}
    assert samples["powerwarden_house_mode", ("mode", "degraded")] == 1
    assert samples["powerwarden_house_mode", ("mode", "normal")] == 0
    assert samples["powerwarden_signal_value", ("signal", "meter.current_l1"), ("unit", "A")] == 12.345
    assert samples["powerwarden_signal_value", ("signal", "battery.soc"), ("unit", "ratio")] == 0.705
    assert ("powerwarden_signal_value", ("signal", "battery.cell_temp"), ("unit", "degC")) not in samples
    assert samples["powerwarden_signal_quality", ("quality", "stale"), ("signal", "battery.soc")] == 1
    assert samples["powerwarden_envelope_hi", ("target", "wallbox.current_limit"), ("unit", "A")] == 13
    assert ("powerwarden_envelope_hi", ("target", "battery.charge_power"), ("unit", "W")) not in samples
    assert 19 <= samples["powerwarden_lease_remaining_seconds", ("target", "wallbox.current_limit")] <= 21.5
    assert samples["powerwarden_trip_active", ("rule", "cell_cold")] == 1
    assert samples["powerwarden_trip_active", ("rule", "main_fuse")] == 0
    assert samples["powerwarden_machine_state", ("machine", "wallbox"), ("state", "standby")] == 1
    assert samples["powerwarden_bus_connected", ("bus", "modbus")] == 0
    defects = ("powerwarden_bus_defects_total", ("bus", "can0"), ("device", "battery"), ("kind", "checksum"))
    assert samples[defects] == 3
    assert samples[("powerwarden_cycles_total",)] == 1_234
    assert samples[("powerwarden_guardian_connected",)] == 1


def test_the_page_needs_nothing_from_elsewhere_and_runs_only_its_own_script(gateway: Gateway) -> None:
    response = gateway.http.get("/")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        inner = re.search(f"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        assert inner is not None
        digest = base64.b64encode(hashlib.sha256(inner[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "http://" not in response.text
    assert "https://" not in response.text
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in response.text
