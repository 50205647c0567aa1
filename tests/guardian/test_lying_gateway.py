"""What a gateway that lies gets at most, over the guardian's real socket (hazard H14). It knows every name and number,
and nothing that it says is true; the guardian believes it nothing but that somebody asks."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from liar_bench import CAR, CAR_MAX_MA, CHANGES, COIL, LONGEST_MS, NAMES, PER_MIN, REST_MS, Captured, site

from supervisor import wire
from supervisor.guardian.inbox import REQUESTS_MAX
from supervisor.guardian.journal import Journal
from supervisor.guardian.peers import Peer, Peers
from supervisor.guardian.scan import Guardian
from supervisor.guardian.tally import BUSY, FIXED, rules
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.keep import guarded
from supervisor.loader.load import load

POLICIES = Path(__file__).parents[2] / "policies"
MINUTE_MS = 60_000


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[Captured]:
    made = Captured(tmp_path, gateways=2)
    made.settle()
    yield made
    made.close()


def any_lie(dice: random.Random, liar: Captured) -> wire.Ask:
    """A wish in anybody's name, with anything in it that the wire can carry."""
    target, unit = dice.choice(
        ((CAR, "mA"), (CAR, "mA"), (COIL, "flag"), ("relays.coil_2", "flag"), ("no.thing", "mA"))
    )
    verb = dice.choice((wire.Verb.SET,) * 9 + (wire.Verb.RENEW, wire.Verb.HEARTBEAT))
    return liar.ask(
        verb,
        dice.choice(NAMES),
        dice.choice((1, 0, 2**53, -(2**53), 16_000, 32_000, 6_000, 10_000, None)),
        target=target,
        unit=dice.choice((unit, unit, unit, "A", "mW", "")),
        kind=dice.choice(("live", "setting", "program", "for ever", "")),
        duration_ms=dice.choice((None, 1, 12 * 3_600_000, 2**53, -1, 0)),
        request_id=dice.choice(("", f"{dice.random()}", "same")),
        received_ms=liar.now_ms + dice.choice((0, 0, 0, -(2**52), 2**52, -999, 1)),
        dry_run=dice.random() < 0.1,
        number=dice.choice((None, None, dice.randrange(2**53), -1)),
        starts_in_ms=dice.choice((None, None, None, 0, 1_000, 2**53)),
    )


# ---- the joint rate ------------------------------------------------------------------------------------------------
def test_in_every_name_by_turns_and_on_two_connections_it_gets_the_joint_rate_and_not_one_wish_more(
    liar: Captured,
) -> None:
    for turn in range(120):
        name = ("optimiser", "phone", "tablet")[turn % 3]
        liar.tell(liar.ask(wire.Verb.SET, name, 10_000, request_id=f"{turn}", number=turn + 1), turn % 2)
        liar.cycle(100)
    answers = liar.answers()
    assert len(answers) == 120
    held = [answer for answer in answers if answer.clauses[0].rule == "request.rate_of_all"]
    assert len(answers) - len(held) == PER_MIN
    assert all("network.everybody_together" in answer.clauses[0].text for answer in held)
    assert liar.counters()["refused:request.rate_of_all"] == len(held)


def test_over_twenty_minutes_of_asking_it_never_gets_more_in_any_minute(liar: Captured) -> None:
    judged: list[int] = []
    for turn in range(400):
        liar.tell(liar.ask(wire.Verb.RENEW, ("optimiser", "phone")[turn % 2]), turn % 3 % 2)
        liar.cycle(3_000)
        judged += [liar.now_ms for answer in liar.answers() if answer.clauses[0].rule != "request.rate_of_all"]
    assert max(sum(at - MINUTE_MS < other <= at for other in judged) for at in judged) <= PER_MIN
    assert len(judged) >= 18 * PER_MIN, "what it may, it gets"


def test_with_nothing_left_everybody_can_still_stop_let_go_and_lower(liar: Captured) -> None:
    liar.tell(liar.ask(wire.Verb.SET, "phone", 10_000))
    liar.cycle(10_000)
    for _ in range(40):
        liar.tell(liar.ask(wire.Verb.RENEW, "tablet"))
        liar.tell(liar.ask(wire.Verb.SET, "optimiser", 10_000))
        liar.cycle()
    liar.cycle(10_000)
    liar.cycle()
    assert liar.output() == CAR_MAX_MA
    liar.answers()
    liar.tell(liar.ask(wire.Verb.SET, "phone", 6_000))
    liar.cycle()
    assert ([answer.verdict for answer in liar.answers()], liar.output()) == (["granted"], 6_000)
    liar.tell(liar.ask(wire.Verb.STOP, "display", target=""))
    liar.cycle()
    assert ([answer.verdict for answer in liar.answers()], liar.output()) == (["done"], 0)


# ---- band, longest time, changes -----------------------------------------------------------------------------------
def test_whatever_it_says_nothing_leaves_its_band_and_every_word_is_counted(liar: Captured) -> None:
    dice, told = random.Random(4), 0
    before = liar.counters()
    for _ in range(300):
        for _ in range(dice.choice((1, 1, 5))):
            liar.tell(any_lie(dice, liar), dice.randrange(2))
            told += 1
        liar.cycle(dice.choice((50, 400, 2_000)))
        assert liar.output() <= CAR_MAX_MA
        assert [liar.output(f"relays.coil_{number}") for number in (2, 3, 4)] == [0, 0, 0]
    after = liar.counters()
    assert len(liar.answers()) == told
    assert after["requests_total"] - before["requests_total"] == told
    assert after["requests_total"] == sum(after[f"decisions_{v}"] for v in ("granted", "clipped", "done", "refused"))
    refused = {name: n for name, n in after.items() if name.startswith("refused:")}
    assert after["decisions_refused"] == sum(refused.values())
    assert {name.removeprefix("refused:") for name in refused} <= rules(liar.plan), "no counter that it can name"


def test_it_keeps_the_car_charging_no_longer_than_the_longest_time_however_it_takes_turns(liar: Captured) -> None:
    """Half an hour of everybody asking, taking over and renewing, with pauses that are none."""
    on_since: int | None = None
    off_since: int | None = None
    worst = turns = 0
    while turns < 420:
        name = ("optimiser", "phone", "tablet")[turns % 3]
        liar.tell(liar.ask(wire.Verb.RENEW if turns % 4 == 3 else wire.Verb.SET, name, 10_000), turns % 2)
        if turns % 17 == 0:
            liar.tell(liar.ask(wire.Verb.STOP, name))
        liar.cycle(5_000)
        if liar.output() == 0:
            off_since = off_since or liar.now_ms
        else:
            rested = off_since is not None and liar.now_ms - off_since >= REST_MS
            on_since = liar.now_ms if on_since is None or rested else on_since
            worst, off_since = max(worst, liar.now_ms - on_since), None
        turns += 1
    assert LONGEST_MS // 2 < worst <= LONGEST_MS


def test_it_switches_a_relay_no_more_often_than_it_may(liar: Captured) -> None:
    closings = 0
    for turn in range(60):
        name = ("optimiser", "phone")[turn % 2]
        was = liar.output(COIL)
        liar.tell(liar.ask(wire.Verb.SET, name, 1, target=COIL, unit="flag"))
        for _ in range(4):
            liar.cycle(500)
        closings += liar.output(COIL) > was
        liar.tell(liar.ask(wire.Verb.STOP, name, target=COIL))
        for _ in range(8):
            liar.cycle(1_000)
        assert liar.output(COIL) == 0
    assert closings == CHANGES


# ---- what it cannot be ---------------------------------------------------------------------------------------------
def test_it_is_no_observer_no_installer_and_nobody_that_it_makes_up(liar: Captured) -> None:
    for name, rule in {
        "display": "identity.role",
        "installers.anna": "identity.unknown",
        "": "identity.unknown",
    }.items():
        liar.tell(liar.ask(wire.Verb.SET, name, 10_000))
        liar.cycle()
        (answer,) = liar.answers()
        assert (answer.verdict, answer.clauses[0].rule) == ("refused", rule)
    assert liar.output() == 0


@pytest.mark.parametrize("verb", [wire.Verb.SET, wire.Verb.RENEW, wire.Verb.RELEASE, wire.Verb.STOP])
def test_it_is_nobody_in_the_house(tmp_path: Path, verb: wire.Verb) -> None:
    """Not even to stop: a stop by hand would wait for somebody in the house."""
    loaded = load(POLICIES / "rebundling")
    loaded = replace(loaded, plan=guarded(loaded.plan))
    peers = Peers(tmp_path / "guardian.sock", loaded.site.digest)
    peers.open()
    guardian = Guardian(loaded, peers, Journal(tmp_path / "journal"), Watchdog({}), None, lambda: 1_000_000)
    (hand,) = [identity.name for identity in loaded.plan.identities if identity.role == LOCAL][:1]
    fields = ("bundle.position", 2, "code", "setting", None, "", 1_000_000, False)
    guardian.hear(Peer(socket.socket()), wire.Ask(1, verb, hand, *fields))
    guardian.cycle(1_000_000, True)
    peers.close()
    assert guardian._tally.counters()["refused:identity.local"] == 1
    assert not any(target.stopped_by or target.lease for target in guardian._state.targets)


def test_it_resets_no_latch_whatever_it_makes_up(liar: Captured) -> None:
    liar.say = {"battery.soc": 150}
    liar.cycle(1_000)
    liar.say = {}
    liar.cycle(1_000)
    at = next(i for i, row in enumerate(liar.plan.rules) if row.id == "limits.low")
    assert liar.guardian._state.trips[at].latched
    dice = random.Random(8)
    for turn in range(200):
        challenge = dice.choice(("", "0" * 32, f"{dice.getrandbits(128):032x}", "x" * 80))
        key, signature = f"{dice.getrandbits(256):064x}", f"{dice.getrandbits(512):0128x}"
        rule = dice.choice(("limits.low", "limits.voltage", "network.everybody_together", "x"))
        liar.tell(wire.Acknowledge(turn, rule, challenge, key, signature, liar.now_ms), turn % 2)
        liar.tell(liar.ask(wire.Verb.SET, "phone", 10_000, target="limits.low"))
        liar.cycle(200)
        assert liar.guardian._state.trips[at].latched
        assert liar.output() == 0
    counters = liar.counters()
    assert sum(n for name, n in counters.items() if name.startswith(("refused:acknowledge.", "refused:latch."))) == 200


def test_it_can_say_that_somebody_lives_and_no_more(liar: Captured) -> None:
    """A forged heartbeat keeps a dead optimiser alive for the house; it ends no lease's time and begins none."""
    liar.tell(liar.ask(wire.Verb.SET, "optimiser", 10_000, kind="live", duration_ms=30_000))
    liar.cycle()
    for number in range(120):
        liar.tell(liar.ask(wire.Verb.HEARTBEAT, "optimiser", number=number))
        liar.cycle(1_000)
    assert liar.mode == "normal", "this it achieves: its loss is not seen (docs/setpoints.md)"
    assert liar.output() == 0, "this it does not"


def test_hello_twice_on_one_connection_ends_it_and_is_counted(liar: Captured) -> None:
    refused = liar.peers.refused
    liar.tell(liar.hello())
    liar.listen()
    assert (liar.peers.refused, len(liar.peers.all)) == (refused + 1, 1)
    liar.tell(liar.ask(wire.Verb.SET, "phone", 10_000), 1)
    liar.cycle()
    assert [answer.verdict for answer in liar.answers()] == ["granted"]


@pytest.mark.parametrize(
    "word",
    [
        wire.Samples(()),
        wire.Report("can0", 0, "up", "", ()),
        wire.Image(1, 2, ((0, 1),)),
    ],
)
def test_it_says_nothing_that_a_bus_or_the_guardian_says(liar: Captured, word: wire.Word) -> None:
    liar.tell(word)
    liar.listen()
    assert len(liar.peers.all) == 1


def test_every_reason_that_the_cap_gives_has_its_own_counter() -> None:
    assert {"request.rate_of_all", "identity.role", "identity.shared"} <= set(FIXED)


# ---- a flood -------------------------------------------------------------------------------------------------------
def test_in_a_flood_each_cycle_hears_so_many_and_a_stop_finds_its_place(liar: Captured) -> None:
    for number in range(100):
        liar.tell(liar.ask(wire.Verb.SET, "optimiser", 10_000), number % 2)
    liar.tell(liar.ask(wire.Verb.STOP, "phone", target=""))
    told = 101
    liar.cycle()
    liar.cycle()
    answers = liar.answers()
    assert len(answers) == told
    busy = [answer for answer in answers if answer.clauses[0].rule == BUSY]
    assert len(busy) >= 100 - 2 * REQUESTS_MAX
    assert [answer.verdict for answer in answers].count("done") == 1
    assert liar.counters()["requests_total"] == sum(
        liar.counters()[f"decisions_{v}"] for v in ("granted", "clipped", "done", "refused")
    )


class Worked:
    """The guardian's clock as the time for which its own thread has worked: what is late by it is late by what it had
    to do, and by nothing that other programs of this machine did meanwhile."""

    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> int:
        self.now_ms = 1_000_000 + time.thread_time_ns() // 1_000_000
        return self.now_ms


def test_a_flood_at_full_rate_from_four_connections_skips_no_cycle(tmp_path: Path) -> None:
    loaded = load(site(tmp_path))
    peers, clock = Peers(tmp_path / "guardian.sock", loaded.site.digest), Worked()
    peers.open()
    journal = Journal(tmp_path / "journal")
    journal.start()
    found: list[Guardian] = []

    def serve() -> None:  # the guardian is made where it runs, so that all its times are of one clock
        found.append(Guardian(loaded, peers, journal, Watchdog({}), None, clock))
        found[0].run()

    thread = threading.Thread(target=serve)
    thread.start()
    stop = threading.Event()
    liars = [threading.Thread(target=flood, args=(tmp_path / "guardian.sock", stop, clock)) for _ in range(4)]
    for one in liars:
        one.start()
    end = time.monotonic() + 60
    before = {"cycles": 0, "skipped_cycles": 0}  # a start has more to do than a cycle
    while time.monotonic() < end and not (found and found[0]._counters["cycles"] >= 200):
        if found and before["cycles"] < 5:
            before = dict(found[0]._counters)
        stop.wait(0.02)
    stop.set()
    for one in liars:
        one.join()
    found[0].stop()
    thread.join()
    counters = found[0]._counters | found[0]._tally.counters()
    peers.close()
    journal.stop()
    assert counters["cycles"] >= 200
    assert counters["requests_busy"] > 1_000, "that was no flood"
    assert counters["skipped_cycles"] == before["skipped_cycles"]
    assert counters["decisions_granted"] + counters["decisions_clipped"] <= PER_MIN
    asked = sum(counters[f"decisions_{verdict}"] for verdict in ("granted", "clipped", "done", "refused"))
    assert asked <= counters["requests_total"] <= asked + REQUESTS_MAX


def flood(path: Path, stop: threading.Event, clock: Worked) -> None:
    """Wishes as fast as the socket takes them, answers unread."""
    sock = wire.connect(str(path))
    sock.setblocking(True)
    sock.settimeout(0.2)
    sock.send(wire.encode(wire.Hello(wire.Role.GATEWAY, "gateway", os.getpid(), wire.PROTOCOL, "")))
    names, turn = ("optimiser", "phone", "tablet"), 0
    while not stop.is_set():
        turn += 1
        word = wire.Ask(turn, wire.Verb.SET, names[turn % 3], CAR, 10_000, "mA", "live", None, "", clock.now_ms, False)
        try:
            sock.send(wire.encode(word))
        except TimeoutError:
            continue
    sock.close()
