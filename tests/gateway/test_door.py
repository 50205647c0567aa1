"""Who is let in, and how often: tokens over HTTP, buckets on a clock held in the hand."""

from __future__ import annotations

import pytest
from conftest import Gateway, bearer
from fake_guardian import DESCRIBE, TOKENS, FakeGuardian
from hypothesis import given
from hypothesis import strategies as st

from supervisor.gateway.door import Buckets, Rate, Rates, identify, network_of
from supervisor.gateway.problem import Problem
from supervisor.wire import IdentityInfo

WRITES = [("PUT", "/v1/targets/heater.relay/setpoint"), ("POST", "/v1/heartbeat"), ("POST", "/v1/stop")]
WRITES += [("POST", f"/v1/targets/heater.relay/{verb}") for verb in ("renew", "release", "stop")]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Basic token-of-node-red",
        "token-of-node-red",
        "Bearer  token-of-node-red",
        "Bearer TOKEN-OF-NODE-RED",
        "Bearer " + "a" * 5_000,
        "Bearer " + DESCRIBE.identities[0].token_sha256,
    ],
)
def test_nobody_writes_without_a_known_token(
    gateway: Gateway, guardian: FakeGuardian, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    response = gateway.http.request(method, path, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "who_are_you"
    assert guardian.asks.empty()


def test_an_identity_without_a_token_is_nobody() -> None:
    with pytest.raises(Problem):
        identify("Bearer ", (IdentityInfo("local", "installer", ""),))


def test_a_token_names_its_identity_wherever_it_stands() -> None:
    for identity in DESCRIBE.identities:
        assert identify(f"bearer {TOKENS[identity.name]}", DESCRIBE.identities) == identity.name


def test_a_flood_of_one_identity_stops_neither_the_other_nor_a_stop(guardian: FakeGuardian) -> None:
    rates = Rates(address=Rate(1_000, 1_000), identity=Rate(1, 3), urgent=Rate(1, 5))
    with Gateway(guardian.path, rates) as gateway:
        gateway.until("snapshot")
        codes = [gateway.post("/v1/heartbeat").status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        refused = gateway.post("/v1/heartbeat")
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        assert gateway.post("/v1/heartbeat", "nodered").status_code == 200
        stops = [gateway.post("/v1/stop").status_code for _ in range(6)]
        assert stops == [200, 200, 200, 200, 200, 429]


def test_a_flood_from_an_address_is_held_and_yet_a_stop_from_it_passes(guardian: FakeGuardian) -> None:
    rates = Rates(address=Rate(1, 4), identity=Rate(100, 100), urgent=Rate(100, 100))
    with Gateway(guardian.path, rates) as gateway:
        gateway.until("snapshot")
        stop, guess = "/v1/stop", bearer("guess")
        codes = [gateway.http.post(stop, headers=guess).status_code for _ in range(6)]
        assert codes == [401, 401, 401, 401, 429, 429]
        assert gateway.http.get("/v1/state").status_code == 429
        assert gateway.post("/v1/stop").status_code == 200
        assert gateway.post("/v1/targets/heater.relay/release").status_code == 200


@given(steps=st.lists(st.integers(0, 3_000), max_size=60), per_s=st.integers(1, 50), burst=st.integers(1, 20))
def test_a_bucket_never_gives_more_than_its_rate(steps: list[int], per_s: int, burst: int) -> None:
    buckets, now_ms, given_ = Buckets(Rate(per_s, burst), 4), 0, 0
    for step in steps:
        now_ms += step
        wait_ms = buckets.take("a", now_ms)
        given_ += wait_ms == 0
        if wait_ms:  # what it says about waiting is true
            now_ms += wait_ms
            assert buckets.take("a", now_ms) == 0
            given_ += 1
    assert given_ <= burst + now_ms * per_s / 1_000


def test_tables_stay_bounded_whoever_calls() -> None:
    buckets = Buckets(Rate(1, 1), 16)
    for number in range(1_000):
        buckets.take(str(number), number)
    assert len(buckets) == 16


def test_one_ipv6_subscriber_is_one_caller() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("somebody") == "?"
