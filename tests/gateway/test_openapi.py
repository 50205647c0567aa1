"""The description of the API: committed as served, complete, and shown to people without anything from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Gateway, bearer
from msgspec.json import decode
from starlette.routing import Route

from supervisor.gateway.door import Door
from supervisor.gateway.http import build
from supervisor.gateway.link import Link
from supervisor.gateway.openapi import description

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
TOLD = decode(description())


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, said) for path, item in TOLD["paths"].items() for method, said in item.items()]


def test_the_committed_description_is_what_is_served(gateway: Gateway) -> None:
    assert gateway.http.get("/v1/openapi.json").content == COMMITTED.read_bytes(), (
        "run: python -m supervisor.gateway.openapi > docs/openapi.json"
    )


def test_every_route_is_described_and_nothing_else() -> None:
    routes = [route for route in build(Link("nowhere"), Door()).routes if isinstance(route, Route)]
    served = {(route.path, method.lower()) for route in routes for method in route.methods or () if method != "HEAD"}
    assert served == {(path, method) for path, method, _ in operations()}


def test_every_operation_says_who_may_what_can_come_back_and_has_a_name_of_its_own() -> None:
    for path, method, said in operations():
        assert said["security"] is not None, path
        assert {"200", "429"} <= set(said["responses"]), (path, method)
        assert said["summary"]
    names = [said["operationId"] for _, _, said in operations()]
    assert len(names) == len(set(names))


def test_every_parameter_of_a_path_is_described() -> None:
    for path, _, said in operations():
        described = {p["name"] for p in said.get("parameters", ()) if p["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path))


def test_every_reference_leads_somewhere() -> None:
    for reference in set(re.findall(r'"\$ref":\s*"#/([^"]+)"', description().decode())):
        place: Any = TOLD
        for step in reference.split("/"):
            place = place[step]


def test_the_examples_of_bodies_are_taken(gateway: Gateway) -> None:
    for path, method, said in operations():
        for content in said.get("requestBody", {}).get("content", {}).values():
            where = path.replace("{target}", "wallbox.current_limit").replace("{rule}", "cell_cold")
            sent = gateway.http.request(method, where, headers=bearer("homeassistant"), json=content["example"])
            assert sent.status_code in (200, 403), (path, sent.text)


@pytest.mark.parametrize("body", [{"value": 10}, {"value": True, "unit": "A"}, {"value": 10, "unit": "A", "x": 1}])
def test_what_the_schema_forbids_the_parser_forbids(gateway: Gateway, body: dict[str, object]) -> None:
    assert gateway.put("wallbox.current_limit", body).status_code == 422
    shape = TOLD["components"]["schemas"]["Setpoint"]
    assert shape["additionalProperties"] is False
    assert set(shape["required"]) == {"value", "unit"}


def test_the_page_for_people_names_every_path_and_runs_nothing(gateway: Gateway) -> None:
    page = gateway.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in TOLD["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_the_description_names_no_site(gateway: Gateway) -> None:
    assert "example house" not in json.dumps(TOLD)
