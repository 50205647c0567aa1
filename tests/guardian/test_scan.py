"""One cycle of the guardian over its real socket: answers, images, and a journal that cannot be written."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor import wire
from supervisor.guardian.clock import now_ms
from supervisor.guardian.journal import Journal
from supervisor.guardian.keep import Content, Disk, Keeper, decoded, encoded
from supervisor.guardian.peers import Peers
from supervisor.guardian.scan import VALID_CYCLES, Guardian
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.keep import UNREADABLE, Kept, KeptContactor, guarded
from supervisor.loader.load import Loaded, load

EXAMPLE = Path("policies/uc001")


class Bench:
    """A guardian whose cycles the test turns by hand, and a peer of each role."""

    def __init__(self, folder: Path, observe: bool = False, clock: Callable[[], int] = now_ms) -> None:
        loaded = load(EXAMPLE, observe=observe)
        self.loaded: Loaded = replace(loaded, plan=guarded(loaded.plan))
        self.path = str(folder / "guardian.sock")
        self.peers = Peers(Path(self.path), self.loaded.site.digest)
        self.peers.open()
        self.journal = Journal(folder / "journal")
        self.watchdog = Watchdog({})
        self.keeper = Keeper(folder, self.loaded.site.name)
        self.guardian = Guardian(self.loaded, self.peers, self.journal, self.watchdog, self.keeper, clock)

    def join(self, role: wire.Role, name: str) -> socket.socket:
        sock = wire.connect(self.path)
        sock.send(wire.encode(wire.Hello(role, name, os.getpid(), wire.PROTOCOL, self.loaded.site.digest)))
        self.listen()
        self.listen()
        return sock

    def listen(self) -> None:
        for peer, word in self.peers.receive(self.peers.wait(0.05)):
            self.guardian.hear(peer, word)

    def cycle(self, timely: bool = True) -> None:
        self.listen()
        self.guardian.cycle(now_ms(), timely)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.peers.close()


def ask(verb: wire.Verb, seq: int) -> bytes:
    word = wire.Ask(seq, verb, "phone", "wallbox.current", 6_000, "mA", "live", None, "", now_ms(), False)
    return wire.encode(word)


def words(sock: socket.socket) -> list[wire.Word]:
    heard = []
    try:
        while True:
            heard.append(wire.decode(sock.recv(wire.MESSAGE_MAX)))
    except BlockingIOError:
        return heard


def test_a_bus_gets_its_own_complete_image_with_its_expiry(bench: Bench) -> None:
    bus = bench.join(wire.Role.BUS, "lan")
    before_ms = now_ms()
    bench.cycle()
    (image,) = [word for word in words(bus) if isinstance(word, wire.Image)]
    assert [bench.loaded.plan.targets[index].id for index, _ in image.values] == ["wallbox.current"]
    assert image.valid_until_ms >= before_ms + VALID_CYCLES * bench.loaded.site.cycle_ms


def test_nothing_is_said_to_contacts_that_have_not_been_looked_at(bench: Bench) -> None:
    bus = bench.join(wire.Role.BUS, "can0")
    bench.cycle()
    images = [word for word in words(bus) if isinstance(word, wire.Image)]
    assert [image.values for image in images] == [()]


def test_an_observed_bus_gets_no_image_at_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path, observe=True)
    bus = bench.join(wire.Role.BUS, "lan")
    bench.cycle()
    assert words(bus) == []
    bench.peers.close()


def test_when_the_journal_fails_new_setpoints_are_refused_and_a_stop_passes(bench: Bench) -> None:
    gateway = bench.join(wire.Role.GATEWAY, "gateway")
    bench.cycle()
    bench.journal.turn()  # its folder has not been made, so the disk refuses
    for verb, seq in ((wire.Verb.SET, 1), (wire.Verb.RENEW, 2), (wire.Verb.STOP, 3), (wire.Verb.RELEASE, 4)):
        gateway.send(ask(verb, seq))
    bench.cycle()
    answers = {word.seq: word for word in words(gateway) if isinstance(word, wire.Answer)}
    assert [answers[seq].verdict for seq in (1, 2, 3, 4)] == ["refused", "refused", "done", "done"]
    assert answers[1].clauses[-1].rule == "journal.failing"


def test_a_late_cycle_renews_nothing_and_the_next_timely_one_does(bench: Bench) -> None:
    bus = bench.join(wire.Role.BUS, "lan")
    bench.cycle(timely=False)
    assert words(bus) == []
    bench.cycle()
    assert [type(word) for word in words(bus)] == [wire.Image]


def test_a_late_cycle_does_not_feed_the_watchdog(bench: Bench) -> None:
    bench.cycle(timely=False)
    assert (bench.watchdog.fed, bench.watchdog.withheld) == (0, 1)
    bench.cycle()
    assert bench.watchdog.fed == 1


def test_a_deadline_that_was_missed_is_skipped_and_counted(bench: Bench) -> None:
    assert bench.guardian._next(1_000, 1_010) == 1_050
    assert bench.guardian._next(1_000, 1_230) == 1_250, "no burst: the deadlines in between are gone"
    assert bench.guardian._counters["late_cycles"] == 1
    assert bench.guardian._counters["skipped_cycles"] == 4


# ---- what survives a restart ---------------------------------------------------------------------------------------
def write_state(folder: Path, what: Kept) -> None:
    (folder / "state.json").write_bytes(encoded(Content(1, "a house", "", what)))


def test_a_guardian_boots_with_what_was_kept_tells_it_and_keeps_it_again(tmp_path: Path) -> None:
    was = Kept({"relays.coil_2": KeptContactor(7, 3, 0, 0, "welded")}, stops={"wallbox.current": "phone"})
    write_state(tmp_path, was)
    bench = Bench(tmp_path)
    view = bench.join(wire.Role.VIEW, "view")
    bench.cycle()
    bench.guardian._show(now_ms())
    shown = [word for word in words(view) if isinstance(word, wire.Snapshot)][-1]
    assert {event.subject for event in shown.events} >= {"relays.coil_2", "wallbox.current"}
    assert dict(shown.counters)["state_not_kept"] == 0
    assert shown.targets[1].output == 0
    bench.keeper.start()
    bench.keeper.stop()
    now = decoded((tmp_path / "state.json").read_bytes()).kept
    assert (now.contactors["relays.coil_2"], now.stops) == (was.contactors["relays.coil_2"], was.stops)
    bench.peers.close()


def test_a_change_is_handed_over_in_its_own_cycle_and_a_quiet_cycle_hands_over_nothing(bench: Bench) -> None:
    gateway = bench.join(wire.Role.GATEWAY, "gateway")
    bench.cycle()
    before = bench.keeper._slot
    bench.cycle()
    assert bench.keeper._slot is before
    gateway.send(ask(wire.Verb.STOP, 1))
    bench.cycle()
    assert bench.keeper._slot is not None
    assert bench.keeper._slot.kept.stops == {"wallbox.current": "phone"}


def test_with_an_unreadable_state_the_house_is_in_fault_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(b"?")
    bench = Bench(tmp_path)
    view = bench.join(wire.Role.VIEW, "view")
    bench.cycle()
    bench.cycle()
    bench.guardian._show(now_ms())
    shown = [word for word in words(view) if isinstance(word, wire.Snapshot)][-1]
    assert (shown.mode, [trip.rule for trip in shown.trips if trip.latched]) == ("fault", [UNREADABLE])
    bench.peers.close()


def test_what_could_not_be_kept_is_counted_where_people_look(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    view = bench.join(wire.Role.VIEW, "view")
    bench.keeper.not_kept = 3
    bench.cycle()
    bench.guardian._show(now_ms())
    shown = [word for word in words(view) if isinstance(word, wire.Snapshot)][-1]
    assert dict(shown.counters)["state_not_kept"] == 3
    bench.peers.close()


def test_a_stop_writes_what_is_left_of_the_budgets(tmp_path: Path) -> None:
    class NeverWrites(Disk):
        def read(self, path: Path) -> bytes:
            return encoded(Content(1, "a house", "", Kept({"relays.coil_1": KeptContactor(paid_in_ms=3_600_000)})))

    bench = Bench(tmp_path)
    bench.keeper = Keeper(tmp_path, bench.loaded.site.name, NeverWrites())
    bench.guardian = Guardian(bench.loaded, bench.peers, bench.journal, bench.watchdog, bench.keeper)
    bench.guardian.cycle(now_ms() + 60_000, True)
    bench.guardian.stop()
    bench.guardian.run()
    assert bench.keeper._slot is not None
    assert bench.keeper._slot.kept.contactors["relays.coil_1"].paid_in_ms <= 3_540_000
    bench.peers.close()


# ---- the deadline belongs to the deadline --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("now", "due"),
    [(970, 975), (980, 975), (996, 975), (997, 1_000), (999, 1_000)],
    ids=["5 ms after the last", "at once", "still over in time", "not over in time", "just before"],
)
def test_an_early_cycle_that_would_not_be_over_at_the_deadline_waits_for_it(tmp_path: Path, now: int, due: int) -> None:
    bench = Bench(tmp_path, clock=lambda: now)
    bench.guardian._inbox.early = True
    assert bench.guardian._due(1_000, 970) == due
    bench.peers.close()


def test_a_loop_that_is_late_reads_what_has_come_all_the_same(tmp_path: Path) -> None:
    bench = Bench(tmp_path, clock=lambda: 150)
    bench.join(wire.Role.VIEW, "phone").close()
    before = len(bench.peers.all)
    bench.guardian._gather(100, 50)
    assert len(bench.peers.all) == before - 1
    bench.peers.close()
