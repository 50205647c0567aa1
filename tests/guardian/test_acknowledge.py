"""Signed acknowledgements over the guardian's real socket: what is good once, and everything that is good never."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from acknowledge_bench import ANNA, BEN, CALM, DEEP, EMPTY, LOW, STRANGER, WRECKED, Bench, public
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor import wire
from supervisor.guardian import acknowledge as acknowledge_module
from supervisor.guardian.acknowledge import BURST, PER_S, STEP_MS, Acknowledger, verifier
from supervisor.kernel.lease import Decision, Verb


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


# ---- what is good --------------------------------------------------------------------------------------------------
def test_a_signature_of_an_installer_ends_a_nuisance_latch_and_the_answer_says_what_is_left(bench: Bench) -> None:
    bench.latch()
    assert (bench.trip().latched, len(bench.trip().challenge)) == ("nuisance", 32)
    answer = bench.answer(bench.signed())
    assert (answer.seq, answer.verdict) == (7, "done")
    assert "1 of 2" in answer.clauses[0].text
    assert not bench.latched()
    assert bench.counters()["decisions_done"] == 1
    assert any("installers.anna: acknowledge: done" in event.text for event in bench.snapshot.events)


def test_every_installer_of_the_site_may_and_it_is_recorded_who_did(bench: Bench) -> None:
    bench.latch()
    assert bench.answer(bench.signed(BEN)).verdict == "done"
    bench.cycle(CALM)
    assert any("installers.ben" in event.text for event in bench.snapshot.events)


# ---- what is not ---------------------------------------------------------------------------------------------------
def refused(bench: Bench, word: wire.Acknowledge, rule: str) -> None:
    was = bench.latched()
    answer = bench.answer(word)
    assert (answer.verdict, answer.clauses[0].rule) == ("refused", rule)
    assert bench.latched() == was
    assert bench.counters()[f"refused:{rule}"] == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"signature": "00" * 64}, "acknowledge.signature"),
        ({"signature": ""}, "acknowledge.signature"),
        ({"signature": "no hex"}, "acknowledge.signature"),
        ({"public_key": public(BEN)}, "acknowledge.signature"),
        ({"public_key": public(STRANGER)}, "acknowledge.key"),
        ({"public_key": "anna"}, "acknowledge.key"),
        ({"challenge": "0" * 32}, "acknowledge.replay"),
        ({"challenge": ""}, "acknowledge.replay"),
        ({"challenge": "é"}, "acknowledge.replay"),
        ({"rule": "limits.nothing"}, "latch.unknown"),
        ({"rule": DEEP}, "latch.none"),
        ({"received_ms": 0}, "acknowledge.age"),
        ({"received_ms": 2**53}, "acknowledge.age"),
    ],
)
def test_what_is_not_signed_by_an_installer_for_this_row_now_is_refused_and_counted(
    bench: Bench, changes: dict[str, object], rule: str
) -> None:
    bench.latch()
    refused(bench, bench.signed(**changes), rule)


def test_a_strangers_own_signature_is_worth_nothing(bench: Bench) -> None:
    bench.latch()
    refused(bench, bench.signed(STRANGER), "acknowledge.key")


@pytest.mark.parametrize("what", ["site", "rule", "challenge", "prefix"])
def test_a_signature_over_anything_else_does_not_fit(bench: Bench, what: str) -> None:
    bench.latch()
    name, challenge = bench.loaded.site.name, bench.trip().challenge
    message = {
        "site": wire.signed("another house", LOW, challenge),
        "rule": wire.signed(name, DEEP, challenge),
        "challenge": wire.signed(name, LOW, "0" * 32),
        "prefix": challenge.encode(),
    }[what]
    refused(bench, bench.signed(signature=ANNA.sign(message).hex()), "acknowledge.signature")


def test_a_challenge_is_good_for_one_signature_also_when_that_one_came_too_early(bench: Bench) -> None:
    """The cause is still there, so it is refused; whoever has seen it cannot use it when the cause has gone."""
    bench.cycle(EMPTY)
    bench.cycle(EMPTY)
    word = bench.signed()
    assert bench.answer(word, EMPTY).clauses[0].rule == "latch.cause"
    bench.cycle(CALM)
    bench.cycle(CALM)
    refused(bench, msgspec.structs.replace(word, received_ms=bench.now_ms), "acknowledge.replay")
    assert bench.answer(bench.signed()).verdict == "done"


def test_the_same_message_twice_in_one_cycle_counts_once(bench: Bench) -> None:
    bench.latch()
    word = wire.encode(bench.signed())
    bench.gateway.send(word)
    bench.gateway.send(word)
    bench.cycle(CALM, ms=50)
    answers = [word for word in bench.heard if isinstance(word, wire.Answer)]
    assert sorted(answer.verdict for answer in answers) == ["done", "refused"]
    assert len(bench.guardian._state.acknowledged) == 1


def test_a_message_of_an_earlier_latch_is_nothing_for_a_later_one(bench: Bench) -> None:
    bench.latch()
    old = bench.signed()
    assert bench.answer(bench.signed()).verdict == "done"
    bench.latch()
    refused(bench, msgspec.structs.replace(old, received_ms=bench.now_ms), "acknowledge.replay")


def test_a_message_that_is_held_up_for_long_is_nothing_any_longer(bench: Bench) -> None:
    bench.latch()
    old = bench.signed()
    bench.cycle(CALM, ms=2 * STEP_MS)
    refused(bench, msgspec.structs.replace(old, received_ms=bench.now_ms), "acknowledge.replay")


def test_a_challenge_is_good_for_at_least_one_step_whenever_it_was_shown(bench: Bench) -> None:
    bench.latch()
    word = bench.signed()
    bench.cycle(CALM, ms=STEP_MS - 1)
    assert bench.answer(msgspec.structs.replace(word, received_ms=bench.now_ms)).verdict == "done"


def test_a_restart_ends_every_challenge(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    first.latch()
    old = first.signed()
    first.keeper.start()
    first.keeper.stop()
    first.close()
    second = Bench(tmp_path)
    second.now_ms = first.now_ms
    second.cycle(CALM)
    second.cycle(CALM)
    assert second.latched()
    refused(second, msgspec.structs.replace(old, received_ms=second.now_ms), "acknowledge.replay")
    assert second.answer(second.signed()).verdict == "done"
    second.close()


def test_the_two_of_a_day_are_used_up_over_a_restart_too(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    for _ in range(2):
        first.latch()
        assert first.answer(first.signed()).verdict == "done"
    first.latch()
    refused(first, first.signed(), "latch.used_up")
    first.keeper.start()
    first.keeper.stop()
    first.close()
    second = Bench(tmp_path)
    second.cycle(CALM)
    second.cycle(CALM)
    refused(second, second.signed(), "latch.used_up")
    second.close()


def test_a_danger_latch_shows_no_challenge_and_its_message_is_told_who_can_end_it(bench: Bench) -> None:
    bench.latch(WRECKED)
    assert (bench.trip(DEEP).latched, bench.trip(DEEP).challenge) == ("danger", "")
    answer = bench.answer(bench.signed(rule=DEEP))
    assert (answer.verdict, answer.clauses[0].rule) == ("refused", "latch.danger")
    assert "somebody in the house" in answer.clauses[0].text
    assert bench.latched(DEEP)


def test_a_site_without_installers_shows_no_challenge_and_refuses_everything(tmp_path: Path) -> None:
    bench = Bench(tmp_path, installers=False)
    bench.latch()
    assert (bench.trip().latched, bench.trip().challenge) == ("nuisance", "")
    refused(bench, bench.signed(), "acknowledge.key")
    bench.close()


# ---- who may say it ------------------------------------------------------------------------------------------------
def test_the_wire_has_no_word_that_asks_for_it_without_a_signature() -> None:
    assert Verb.ACKNOWLEDGE.value not in {verb.value for verb in wire.Verb}
    ask = ["Ask", 1, wire.Verb.STOP.value, "me", LOW, None, "", "", None, "", 0, False]
    assert isinstance(wire.decode(msgspec.msgpack.encode(ask)), wire.Ask)
    ask[2] = Verb.ACKNOWLEDGE.value
    with pytest.raises(wire.WireError):
        wire.decode(msgspec.msgpack.encode(ask))


@pytest.mark.parametrize("role", [wire.Role.BUS, wire.Role.VIEW])
def test_only_the_gateway_passes_acknowledgements_on(bench: Bench, tmp_path: Path, role: wire.Role) -> None:
    bench.latch()
    word = bench.signed()
    other = bench.join(tmp_path / "guardian.sock", role)
    before = bench.peers.refused
    other.send(wire.encode(word))
    bench.listen()
    assert bench.peers.refused == before + 1
    bench.cycle(CALM)
    assert bench.latched()
    other.close()


# ---- a flood -------------------------------------------------------------------------------------------------------
def test_a_flood_of_bad_signatures_costs_a_few_verifications_a_second(bench: Bench) -> None:
    """Whatever comes, the loop verifies BURST and then PER_S a second: at 0.12 ms each no cycle is late for it."""
    bench.latch()
    verified = 0
    keys = bench.guardian._acknowledger._keys

    def counting(signature: bytes, message: bytes) -> bool:
        nonlocal verified
        verified += 1
        return verifier(public(ANNA))(signature, message)

    keys[public(ANNA)] = ("installers.anna", counting)
    begun_ms, seen = bench.now_ms, 0
    for _ in range(200):
        word = wire.encode(bench.signed(signature="11" * 64))
        for _ in range(5):
            bench.gateway.send(word)
        bench.cycle(CALM, ms=50)
        seen += sum(isinstance(word, wire.Answer) for word in bench.heard)
        bench.heard = [word for word in bench.heard if isinstance(word, wire.Snapshot)]
    assert seen == 1_000, "each of them gets its answer"
    assert verified <= BURST + PER_S * (bench.now_ms - begun_ms) // 1000
    assert bench.latched()
    counted = bench.counters()
    assert counted["refused:acknowledge.signature"] + counted["refused:acknowledge.rate"] == 1_000
    assert counted["requests_total"] == counted["decisions_refused"] == 1_000
    bench.cycle(CALM, ms=1_000)
    assert bench.answer(bench.signed()).verdict == "done", "afterwards an installer is heard again"


# ---- the challenge -------------------------------------------------------------------------------------------------
def test_challenges_differ_by_process_row_latch_use_and_time(bench: Bench) -> None:
    bench.latch()
    plan, state = bench.loaded.plan, bench.guardian._state
    installers = bench.loaded.installers
    low = next(i for i, rule in enumerate(plan.rules) if rule.id == LOW)
    trip = state.trips[low]
    here = Acknowledger(plan, installers, b"n" * 32)
    shown = {
        here.challenge(low, trip, 0),
        here.challenge(low, trip, STEP_MS),
        here.challenge(low, msgspec.structs.replace(trip, cause_ms=1), 0),
        Acknowledger(plan, installers).challenge(low, trip, 0),
        Acknowledger(plan, installers).challenge(low, trip, 0),
    }
    here._used[low] += 1
    shown.add(here.challenge(low, trip, 0))
    assert len(shown) == 6
    assert all(len(challenge) == 32 for challenge in shown)


def test_where_signatures_cannot_be_told_apart_nobody_can_acknowledge_anything(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acknowledge_module, "verifier", lambda _key: lambda _signature, _message: True)
    blind = Acknowledger(bench.loaded.plan, bench.loaded.installers)
    bench.latch()
    said = blind.take(bench.signed(), bench.guardian._state, bench.now_ms)
    assert isinstance(said, Decision)
    assert said.clauses[0].rule == "acknowledge.key"
    assert "cannot be verified" in caplog.text


# ---- any message ---------------------------------------------------------------------------------------------------
WORDS = st.builds(
    wire.Acknowledge,
    seq=st.integers(0, 9),
    rule=st.sampled_from((LOW, DEEP, "", "x" * 80)),
    challenge=st.one_of(st.just("shown"), st.text(max_size=40)),
    public_key=st.sampled_from((public(ANNA), public(BEN), public(STRANGER), "")),
    signature=st.one_of(st.binary(max_size=64).map(bytes.hex), st.text(max_size=128)),
    received_ms=st.integers(-5, 2**53),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(WORDS, st.integers(0, 2**40))
def test_no_message_without_a_valid_signature_ever_becomes_a_request(
    bench: Bench, word: wire.Acknowledge, now_ms: int
) -> None:
    if not any(trip.latched for trip in bench.guardian._state.trips):
        bench.latch(WRECKED)
    state = bench.guardian._state
    low = next(i for i, rule in enumerate(bench.loaded.plan.rules) if rule.id == LOW)
    fresh = Acknowledger(bench.loaded.plan, bench.loaded.installers)
    if word.challenge == "shown":
        word = msgspec.structs.replace(
            word, challenge=fresh.challenge(low, state.trips[low], now_ms), received_ms=now_ms
        )
    assert isinstance(fresh.take(word, state, now_ms), Decision)
