"""schemathesis against a real gateway: whatever is sent, no bug (5xx) and nothing that the description does not say.

By default a few examples of each operation; ``POWERWARDEN_FUZZ=15`` fuzzes for about that many minutes instead.
"""

from __future__ import annotations

import os
import time

import pytest
import schemathesis
from conftest import Gateway, bearer
from fake_guardian import DESCRIBE, FakeGuardian
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.json import decode
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from supervisor.gateway.openapi import description

MINUTES = float(os.environ.get("POWERWARDEN_FUZZ", "0"))
EXAMPLES = 12
MANY = 100_000
ENDLESS = "/v1/stream"  # it never ends, so test_stream.py looks at it
DOCUMENTED_5XX = 503


def closed(schema: object) -> object:
    """The same description, in which an answer may hold nothing that is not named."""
    if isinstance(schema, dict):
        inner = {name: closed(value) for name, value in schema.items()}
        if "properties" in inner and inner.get("type") == "object":
            inner.setdefault("additionalProperties", False)
        return inner
    return [closed(one) for one in schema] if isinstance(schema, list) else schema


API = schemathesis.openapi.from_dict(closed(decode(description())))
API.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
OPERATIONS = [found.ok() for found in API.get_all_operations()]
FUZZED = [operation for operation in OPERATIONS if operation.path != ENDLESS]


def names() -> list[str]:
    return [f"{operation.method} {operation.path}" for operation in FUZZED]


@pytest.fixture
def busy(gateway: Gateway, guardian: FakeGuardian) -> Gateway:
    """With something to show on every path: somebody holds a target, and something has been decided."""
    guardian.held_by = {"heater.relay": "nodered"}
    gateway.put("wallbox.current_limit", {"value": 16, "unit": "A"})
    return gateway


KNOWN = {"target": [info.id for info in DESCRIBE.targets], "device": ["wallbox"], "rule": ["cell_cold"]}


@pytest.mark.parametrize("operation", FUZZED, ids=names())
@pytest.mark.parametrize("who", [None, "homeassistant"], ids=["stranger", "known"])
def test_no_bug_and_nothing_undocumented(busy: Gateway, operation: object, who: str | None) -> None:
    ends = time.monotonic() + 60 * MINUTES / (2 * len(FUZZED))

    @settings(
        max_examples=MANY if MINUTES else EXAMPLES,
        deadline=None,
        derandomize=not MINUTES,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), exists=st.booleans(), at=st.integers(0, 9))  # type: ignore[attr-defined]
    def answers(case: schemathesis.Case, exists: bool, at: int) -> None:
        if MINUTES and time.monotonic() > ends:
            return
        for name, known in KNOWN.items():
            if exists and name in (case.path_parameters or {}):
                case.path_parameters[name] = known[at % len(known)]
        response = case.call(base_url=f"http://127.0.0.1:{busy.port}", headers=bearer(who))
        assert response.status_code < 500 or response.status_code == DOCUMENTED_5XX, response.text
        checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
        case.validate_response(response, checks=[*checks, response_headers_conformance])

    answers()


def test_the_fuzzer_sees_every_operation_but_the_endless_one() -> None:
    described = decode(description())["paths"]
    assert {operation.path for operation in FUZZED} == set(described) - {ENDLESS}
