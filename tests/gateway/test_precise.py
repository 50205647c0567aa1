"""HTTP to the letter: methods, HEAD, paths, queries and types of content."""

from __future__ import annotations

import httpx
import pytest
from conftest import Gateway, bearer
from fake_guardian import FakeGuardian

READS = [
    *("/", "/docs", "/healthz", "/metrics", "/v1/openapi.json", "/v1/state", "/v1/devices", "/v1/devices/wallbox"),
    *("/v1/targets", "/v1/targets/heater.relay", "/v1/targets/heater.relay/envelope", "/v1/targets/heater.relay/why"),
    *("/v1/events", "/v1/decisions"),
]
WISH = b'{"value": 10, "unit": "A"}'
TARGET = "/v1/targets/wallbox.current_limit"


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert all(response.json()["error"].values())


@pytest.mark.parametrize("path", READS)
def test_each_get_is_answered_to_head_without_a_body(gateway: Gateway, path: str) -> None:
    got, head = gateway.http.get(path), gateway.http.head(path)
    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("path", READS)
def test_a_query_that_nobody_knows_is_an_error(gateway: Gateway, path: str) -> None:
    refused(gateway.http.get(f"{path}?verbose=1"), 422, "bad_query")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=1e2",
        "limit=%D9%A1",
        "limit=",
        "after=",
        f"after={'1' * 81}",
        "limit=1&limit=2",
    ],
)
def test_a_page_that_cannot_be_meant_is_an_error(gateway: Gateway, query: str) -> None:
    for path in ("/v1/events", "/v1/decisions"):
        refused(gateway.http.get(f"{path}?{query}"), 422, "bad_query")


def test_a_long_query_is_an_error(gateway: Gateway) -> None:
    refused(gateway.http.get("/v1/decisions?target=" + "a" * 600), 422, "bad_query")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/state", "GET, HEAD"),
        ("POST", "/v1/state", "GET, HEAD"),
        ("GET", f"{TARGET}/setpoint", "PUT"),
        ("POST", f"{TARGET}/setpoint", "PUT"),
        ("GET", "/v1/stop", "POST"),
        ("DELETE", f"{TARGET}", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_with_those_that_are_allowed(
    gateway: Gateway, method: str, path: str, allowed: str
) -> None:
    response = gateway.http.request(method, path)
    refused(response, 405, "method_not_allowed")
    assert sorted(response.headers["allow"].split(", ")) == allowed.split(", ")


@pytest.mark.parametrize("path", ["/v1/state/", "/v1//state", f"{TARGET}/setpoint/", "/V1/state"])
def test_a_path_that_is_almost_right_is_404_and_never_a_redirection(gateway: Gateway, path: str) -> None:
    refused(gateway.http.get(path), 404, "not_found")


def test_an_id_may_be_percent_encoded_and_a_wrong_one_is_404(gateway: Gateway) -> None:
    assert gateway.http.get("/v1/targets/wallbox%2Ecurrent%5Flimit").json()["id"] == "wallbox.current_limit"
    for name in ("nobody", "%ff%fe", "wallbox.current_limit%00", "..", "Wallbox.current_limit", "%F0%9F%92%A9"):
        assert gateway.http.get(f"/v1/targets/{name}").status_code == 404
    refused(gateway.http.get("/v1/devices/nobody"), 404, "unknown_device")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/x-www-form-urlencoded"],
)
def test_a_body_calls_itself_json_or_what_curl_calls_everything(gateway: Gateway, kind: str) -> None:
    headers = bearer("homeassistant") | {"content-type": kind}
    assert gateway.http.put(f"{TARGET}/setpoint", headers=headers, content=WISH).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "json", ""])
def test_a_body_that_calls_itself_something_else_is_415_and_reaches_nobody(
    gateway: Gateway, guardian: FakeGuardian, kind: str
) -> None:
    headers = bearer("homeassistant") | {"content-type": kind}
    refused(gateway.http.put(f"{TARGET}/setpoint", headers=headers, content=WISH), 415, "not_json")
    assert guardian.asks.empty()
    assert gateway.http.post("/v1/heartbeat", headers=headers).status_code == 200  # there is no body to be anything


@pytest.mark.parametrize("path", ["/v1/stop", f"{TARGET}/stop", f"{TARGET}/release"])
def test_no_query_and_no_type_of_content_can_spoil_a_stop(gateway: Gateway, path: str) -> None:
    headers = bearer("homeassistant") | {"content-type": "text/plain"}
    assert gateway.http.post(f"{path}?now=please&{'x' * 600}", headers=headers, content=b"stop!").status_code == 200


@pytest.mark.parametrize("path", [f"{TARGET}/setpoint?dryrun=true", f"{TARGET}/setpoint?dry_run=true&dry_run=false"])
def test_a_misspelt_dry_run_is_never_an_order_in_earnest(gateway: Gateway, guardian: FakeGuardian, path: str) -> None:
    refused(gateway.http.put(path, headers=bearer("homeassistant"), content=WISH), 422, "bad_query")
    assert guardian.asks.empty()


def test_nothing_that_a_local_hand_must_do_has_a_path(gateway: Gateway) -> None:
    described = gateway.http.get("/v1/openapi.json").json()["paths"]
    assert not [path for path in described for word in ("reset", "maintenance", "promote", "observe") if word in path]
    for path in ("/v1/reset", "/v1/latches/cell_cold/reset", "/v1/maintenance", "/v1/mode"):
        assert gateway.http.post(path, headers=bearer("homeassistant")).status_code == 404
