"""Who asked for what and got what, over HTTP; and what happened, in pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Gateway
from fake_guardian import DESCRIBE, TOKENS, FakeGuardian

CURRENT = "wallbox.current_limit"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that has heard of nothing yet."""
    with FakeGuardian(tmp_path / "g.sock") as guardian, Gateway(guardian.path) as running:
        running.until("snapshot")
        yield running


def decisions(gateway: Gateway, **query: str) -> list[dict[str, object]]:
    rows = gateway.http.get("/v1/decisions", params=query).json()["decisions"]
    assert isinstance(rows, list)
    return rows


def test_each_wish_is_kept_with_who_asked_for_what_and_what_he_got(fresh: Gateway) -> None:
    fresh.put(CURRENT, {"value": 16, "unit": "A", "duration_s": 30}, "nodered")
    (made,) = decisions(fresh)
    assert (made["identity"], made["verb"], made["target"], made["via"]) == ("nodered", "set", CURRENT, "http")
    asked = {"value": 16, "unit": "A", "kind": "live", "duration_s": 30, "starts_in_s": None}
    assert made["asked"] == asked
    assert (made["verdict"], made["value"], made["unit"]) == ("clipped", 13, "A")
    assert made["text"] == f"nodered asked for 16 A at {CURRENT}: clipped to 13 A (main_fuse: 35 A per phase)"


def test_what_never_became_a_question_is_no_decision(fresh: Gateway) -> None:
    fresh.put(CURRENT, {"value": "16", "unit": "A"})
    fresh.put(CURRENT, {"value": 16, "unit": "A"}, "a-wrong-token")
    fresh.post("/v1/heartbeat")
    assert decisions(fresh) == []


def test_dry_runs_and_acknowledgements_are_told_apart(fresh: Gateway) -> None:
    fresh.put(CURRENT, {"value": 10, "unit": "A"}, dry_run="true")
    word = {"challenge": "0" * 32, "public_key": "1" * 64, "signature": "2" * 128}
    assert fresh.http.post("/v1/latches/cell_cold/acknowledge", json=word).status_code == 403
    tried, signed = decisions(fresh)
    assert tried["dry_run"] is True
    assert (signed["verb"], signed["rule"], signed["identity"]) == ("acknowledge", "cell_cold", None)


def test_decisions_can_be_asked_for_by_target_and_identity(fresh: Gateway) -> None:
    fresh.put(CURRENT, {"value": 10, "unit": "A"}, "nodered")
    fresh.put("heater.relay", {"value": "on", "unit": "flag"})
    fresh.post("/v1/stop")
    verbs = [made["verb"] for made in decisions(fresh, target=CURRENT)]
    assert verbs == ["set", "stop"]  # a stop of everything stopped this one, too
    assert [made["target"] for made in decisions(fresh, identity="nodered")] == [CURRENT]
    assert decisions(fresh, identity="nobody") == []


def test_no_decision_tells_a_token_its_hash_or_a_request_id(fresh: Gateway) -> None:
    fresh.put(CURRENT, {"value": 10, "unit": "A", "request_id": "secret-of-the-caller"})
    text = fresh.http.get("/v1/decisions").text
    secrets = [*TOKENS.values(), *(identity.token_sha256 for identity in DESCRIBE.identities), "secret-of-the-caller"]
    assert not [secret for secret in secrets if secret in text]


def test_pages_follow_each_other_without_a_gap_or_a_repetition(fresh: Gateway) -> None:
    whole = fresh.http.get("/v1/events").json()["events"]
    found, after = [], "0"
    for _ in range(4):
        page = fresh.http.get("/v1/events", params={"after": after, "limit": 3}).json()
        assert not page["missed"]
        found += page["events"]
        after = page["next"]
    assert found == [event | {"ago_s": found[n]["ago_s"]} for n, event in enumerate(whole)]
    assert page["more"] is False
    assert fresh.http.get("/v1/events", params={"after": after}).json()["events"] == []


def test_a_place_that_is_kept_no_more_is_missed_and_not_an_error(fresh: Gateway) -> None:
    page = fresh.http.get("/v1/events", params={"after": "123-4"}).json()
    assert page["missed"] is True
    assert len(page["events"]) == 10
