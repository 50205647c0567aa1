"""Who is let in, and how often: tokens over HTTP, buckets on a clock held in the hand."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from conftest import Gateway, bearer
from fake_guardian import DESCRIBE, TOKENS, FakeGuardian
from hypothesis import given
from hypothesis import strategies as st

from supervisor.gateway import door
from supervisor.gateway.door import Buckets, Door, Rate, Rates, identify, network_of
from supervisor.gateway.lockout import FIRST_MS, FORGET_MS, LAST_MS, NETWORKS_MAX, WITHIN_MS, WRONG_MAX, Lockout
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


EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("digest", ["", EMPTY, "-" * 64, "0" * 64])
@pytest.mark.parametrize("token", ["", " ", "\x00", "-" * 64, "0" * 64, EMPTY, "None", "a"])
def test_no_token_opens_what_has_none(digest: str, token: str) -> None:
    for header in (f"Bearer {token}", token, None):
        with pytest.raises(Problem):
            identify(header, (IdentityInfo("local", "installer", digest),))


@given(token=st.text(max_size=600))
def test_nothing_that_can_be_sent_opens_what_has_no_token(token: str) -> None:
    with pytest.raises(Problem):
        identify(f"Bearer {token}", (IdentityInfo("local", "installer", ""), IdentityInfo("b", "observer", "-" * 64)))


def test_every_identity_is_compared_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time must tell neither who was found nor how much of a token was right."""
    compared: list[tuple[int, int]] = []

    def counted(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(door.hmac, "compare_digest", counted)
    nobody = IdentityInfo("local", "installer", "")
    for token in (*TOKENS.values(), "wrong", "x"):
        compared.clear()
        with contextlib.suppress(Problem):
            identify(f"Bearer {token}", (nobody, *DESCRIBE.identities, nobody))
        assert compared == [(64, 64)] * 4


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


# ---- who guesses --------------------------------------------------------------------------------------------------
RIGHT, WRONG = f"Bearer {TOKENS['nodered']}", "Bearer guess"
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Guessing:
    """A door and a clock in the hand. Each word is a status, 200 for being let in."""

    def __init__(self) -> None:
        self.door = Door(Rates(Rate(10_000, 10_000), Rate(10_000, 10_000)))
        self.now_ms = 0

    def __call__(self, header: str | None, address: str = HERE, urgent: bool = False) -> str:
        ask = self.door.admit_urgent if urgent else self.door.admit
        try:
            ask(header, DESCRIBE.identities, address, self.now_ms)
        except Problem as problem:
            self.wait_ms = problem.retry_after_ms
            return problem.code
        return "in"

    def guess(self, count: int = WRONG_MAX) -> list[str]:
        return [self(WRONG) for _ in range(count)]


@pytest.fixture
def guessing() -> Guessing:
    return Guessing()


def test_who_guesses_is_locked_out_and_a_right_token_is_as_well(guessing: Guessing) -> None:
    assert guessing.guess() == ["who_are_you"] * WRONG_MAX
    assert [guessing(WRONG), guessing(RIGHT), guessing(None)] == ["locked_out"] * 3
    assert guessing.wait_ms == FIRST_MS
    assert guessing(RIGHT, THERE) == "in", "only the network that guessed"
    guessing.now_ms = FIRST_MS
    assert guessing(RIGHT) == "in"


def test_each_lock_of_the_same_network_is_longer_up_to_a_bound_and_peace_forgets_them(guessing: Guessing) -> None:
    waits = []
    for _ in range(9):
        guessing.guess()
        guessing(RIGHT)
        waits.append(guessing.wait_ms)
        guessing.now_ms += guessing.wait_ms or 0
    assert waits == [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000, 600_000]
    assert LAST_MS == 600_000
    guessing.now_ms += FORGET_MS + 1
    guessing.guess()
    guessing(RIGHT)
    assert guessing.wait_ms == FIRST_MS


def test_a_person_who_mistypes_now_and_then_is_never_locked_out(guessing: Guessing) -> None:
    for _ in range(100):
        assert guessing(WRONG) == "who_are_you"
        guessing.now_ms += WITHIN_MS // (WRONG_MAX - 1) + 1


def test_what_is_no_token_is_no_guess(guessing: Guessing) -> None:
    for header in (None, "", "Bearer", "Bearer ", "Basic x") * 10:
        assert guessing(header) == "who_are_you"
    assert guessing(RIGHT) == "in"


def test_a_right_token_in_between_does_not_forgive_the_guesses(guessing: Guessing) -> None:
    for _ in range(WRONG_MAX):
        guessing(WRONG)
        guessing(RIGHT)
    assert guessing(RIGHT) == "locked_out"


def test_a_stop_is_never_held_up_and_a_wrong_one_hears_what_everything_else_hears(guessing: Guessing) -> None:
    guessing.guess()
    assert guessing(RIGHT, urgent=True) == "in"
    assert (guessing(WRONG, urgent=True), guessing.wait_ms) == ("locked_out", FIRST_MS)
    assert (guessing(WRONG), guessing.wait_ms) == ("locked_out", FIRST_MS)
    for _ in range(1_000):  # guessing by stops does not make it longer, or it would tell that it was looked at
        guessing(WRONG, urgent=True)
    assert guessing.wait_ms == FIRST_MS


def test_stops_from_a_locked_network_have_a_rate_of_their_own_which_no_guesser_uses_up(guessing: Guessing) -> None:
    guessing.guess()
    for _ in range(1_000):
        guessing(WRONG, urgent=True)
    burst = Rates().locked_urgent.burst
    assert [guessing(RIGHT, urgent=True) for _ in range(burst + 1)] == ["in"] * burst + ["too_often"]


def test_guesses_by_stops_lock_as_well(guessing: Guessing) -> None:
    for _ in range(WRONG_MAX):
        guessing(WRONG, urgent=True)
    assert guessing(RIGHT) == "locked_out"


def test_all_of_an_ipv6_subscriber_is_locked_and_this_machine_is_no_exception(guessing: Guessing) -> None:
    for host in range(WRONG_MAX):
        guessing(WRONG, f"2001:db8::{host}")
        guessing(WRONG, "127.0.0.1")
    assert guessing(RIGHT, "2001:db8::ffff") == guessing(RIGHT, "127.0.0.1") == "locked_out"


def test_the_table_of_guessers_is_bounded() -> None:
    lockout = Lockout()
    for number in range(5_000):
        lockout.wrong(str(number), number)
    assert len(lockout) == NETWORKS_MAX


def test_a_locked_network_hears_how_long(guardian: FakeGuardian) -> None:
    with Gateway(guardian.path, Rates(wrong_max=3)) as gateway:
        gateway.until("snapshot")
        assert [gateway.post("/v1/heartbeat", "guess").status_code for _ in range(3)] == [401] * 3
        refused = gateway.post("/v1/heartbeat")
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "locked_out"
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert gateway.post("/v1/stop").status_code == 200
        assert gateway.http.get("/v1/state").status_code == 200, "reading needs no token, so it is not locked"
