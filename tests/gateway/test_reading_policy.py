"""Who may look: everybody, or whoever has a token, as the site says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Gateway, bearer
from fake_guardian import DESCRIBE, TOKENS, FakeGuardian, identity
from msgspec.structs import replace

from supervisor.wire import GatewayInfo

TOKENS.setdefault("grafana", "token-of-grafana")
OPEN = ["/", "/docs", "/healthz", "/v1/openapi.json"]
CLOSED = [
    *("/metrics", "/v1/state", "/v1/devices", "/v1/devices/wallbox", "/v1/targets", "/v1/targets/heater.relay"),
    *("/v1/targets/heater.relay/envelope", "/v1/targets/heater.relay/why", "/v1/events", "/v1/decisions"),
]
TOKEN_NEEDED = [*CLOSED, "/v1/stream", "/v1/targets/nobody", "/v1/devices/nobody"]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGuardian]:
    with FakeGuardian(tmp_path_factory.mktemp("g") / "g.sock") as fake:
        known = (*DESCRIBE.identities, identity("grafana", "observer"))
        fake.describe = replace(DESCRIBE, gateway=GatewayInfo("identified", None), identities=known)
        yield fake


@pytest.fixture(scope="module")
def private(watched: FakeGuardian) -> Iterator[Gateway]:
    with Gateway(watched.path) as running:
        running.until("snapshot")
        yield running


@pytest.mark.parametrize("path", TOKEN_NEEDED)
@pytest.mark.parametrize("who", [None, "a-wrong-token"])
def test_where_reading_needs_an_identity_nothing_is_shown_without_one(
    private: Gateway, path: str, who: str | None
) -> None:
    response = private.http.get(path, headers=bearer(who))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "who_are_you")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("who", ["homeassistant", "grafana"])
def test_any_identity_will_do_also_an_observer(private: Gateway, path: str, who: str) -> None:
    assert private.http.get(path, headers=bearer(who)).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_what_a_person_needs_before_the_token_is_open(private: Gateway, path: str) -> None:
    assert private.http.get(path).status_code == 200


def test_looking_does_not_spend_what_an_identity_may_ask(tmp_path: Path) -> None:
    from supervisor.gateway.door import Rate, Rates

    rates = Rates(Rate(100_000, 100_000), Rate(1, 2), Rate(100_000, 100_000), wrong_max=100_000)
    with FakeGuardian(tmp_path / "g.sock") as guardian:
        guardian.describe = replace(DESCRIBE, gateway=GatewayInfo("identified", None))
        with Gateway(guardian.path, rates) as running:
            running.until("snapshot")
            looks = [running.http.get("/v1/state", headers=bearer("nodered")).status_code for _ in range(10)]
            assert looks == [200] * 10
            assert running.put("wallbox.current_limit", {"value": 10, "unit": "A"}, "nodered").status_code == 200


def test_while_the_guardian_is_away_nothing_that_is_remembered_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    guardian = FakeGuardian(path)
    guardian.describe = replace(DESCRIBE, gateway=GatewayInfo("identified", None))
    with guardian, Gateway(path) as running:
        running.until("snapshot")
        guardian.__exit__()
        running.until("lost")
        for remembered in ("/v1/events", "/v1/decisions", "/v1/stream"):
            assert running.http.get(remembered).status_code == 503
        state = running.http.get("/v1/state")
        assert (state.status_code, state.json()["house"]["mode"]) == (200, "unknown")
        guardian.__enter__()


def test_where_reading_is_open_events_outlive_the_guardian(tmp_path: Path) -> None:
    with Gateway(tmp_path / "g.sock") as running:
        with FakeGuardian(tmp_path / "g.sock"):
            running.until("snapshot")
        running.until("lost")
        assert len(running.http.get("/v1/events").json()["events"]) == 10


def test_who_am_i_needs_a_token_and_tells_no_secret(private: Gateway) -> None:
    me = private.http.get("/v1/identities/me", headers=bearer("homeassistant")).json()
    assert (me["name"], me["role"], me["holds"]) == ("homeassistant", "orchestrator", ["wallbox.current_limit"])
    assert set(me) == {"name", "role", "shared", "mqtt", "holds", "rate"}
    assert private.http.get("/v1/identities/me", headers=bearer("grafana")).json()["role"] == "observer"
    assert private.http.get("/v1/identities/me").status_code == 401


# ---- who was turned away -------------------------------------------------------------------------------------------
def test_whoever_may_ask_sees_who_was_turned_away_and_an_observer_does_not(private: Gateway) -> None:
    private.http.get("/v1/state", headers={"authorization": "Bearer guess"})
    seen = private.http.get("/v1/denials", headers=bearer("homeassistant")).json()
    assert seen["totals"]["who_are_you"] >= 1
    assert "/v1/state" in [row["what"] for row in seen["recent"] if row["reason"] == "who_are_you"]
    assert "guess" not in str(seen)
    refused = private.http.get("/v1/denials", headers=bearer("grafana"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_yours")
    assert private.http.get("/v1/denials").status_code == 401
