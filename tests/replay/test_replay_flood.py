"""Ten times too many requests, a disk that fills up: every request is counted once, what widened is recorded."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from replay_files import replayed, taken_apart
from replay_house import Recorded, ask

from supervisor import wire
from supervisor.guardian.inbox import REQUESTS_MAX
from supervisor.guardian.record import Head, Record, read
from supervisor.guardian.segment import Disk, segments
from supervisor.guardian.tally import rules
from supervisor.kernel.keep import guarded
from supervisor.kernel.mains import Export, Grid
from supervisor.loader.load import load

ROOT = Path(__file__).resolve().parents[2]
WIDENING = ("granted", "clipped")


class FullDisk(Disk):
    full = False

    def write(self, file: int, data: bytes, place: int) -> int:
        if self.full:
            raise OSError(28, "no space left on device")
        return super().write(file, data, place)


def settled(folder: Path, disk: Disk | None = None) -> Recorded:
    """A house that has come to its normal mode, with nobody asking."""
    house = Recorded(folder, disk=disk)
    house.restless = False
    house.live(15_000, talkative=0)
    assert house.counters["requests_total"] == 0
    return house


def written(folder: Path) -> list[Record | Head]:
    found = []
    for path in segments(folder):
        found += [read(line) for line in taken_apart(path)]
    return [item for item in found if isinstance(item, Record | Head)]


def the_sum(house: Recorded) -> Counter[str]:
    """Asserts that every request is counted once; by verdict, and refusals by reason."""
    counters = house.counters
    verdicts = {name: counters[f"decisions_{name}"] for name in ("granted", "clipped", "refused", "done")}
    reasons = {name.removeprefix("refused:"): n for name, n in counters.items() if name.startswith("refused:")}
    assert counters["requests_total"] == sum(verdicts.values())
    assert verdicts["refused"] == sum(reasons.values())
    return Counter(verdicts | reasons)


def test_in_a_flood_the_sum_is_exact_and_no_accepted_decision_is_missing(tmp_path: Path) -> None:
    house = settled(tmp_path / "journal")
    asked = 0
    for cycle in range(40):
        flood = [
            ask(wire.Verb.SET, house.now_ms, 6_000 + 1_000 * (n % 12), seq=asked + n, who=who(n), duration_ms=5_000)
            for n in range(10 * REQUESTS_MAX)
        ]
        flood.insert(cycle, ask(wire.Verb.HEARTBEAT, house.now_ms))
        asked += len(flood)
        house.cycle(*flood)
    house.close()
    sums = the_sum(house)
    assert house.counters["requests_total"] == asked
    assert sums["guardian.busy"] == 40 * (len(flood) - REQUESTS_MAX)
    answered = Counter(answer.verdict for answer in house.gateway.answers)
    assert sum(answered.values()) == asked
    recorded = Counter(
        d.verdict.value for one in written(tmp_path / "journal") if isinstance(one, Record) for d in one.d
    )
    for verdict in WIDENING:
        assert sums[verdict] == recorded[verdict] == answered[verdict]
    assert sums["granted"] > 0
    turned = sum(n for one in written(tmp_path / "journal") if isinstance(one, Record) for _, _, n in one.x)
    assert sum(recorded.values()) + turned == asked
    assert replayed(tmp_path / "journal")[0] == 0


def who(n: int) -> str:
    return ("optimiser", "phone", "nobody")[n % 3]


def test_stops_and_releases_pass_in_a_flood(tmp_path: Path) -> None:
    house = settled(tmp_path / "journal")
    flood = [ask(wire.Verb.SET, house.now_ms, 6_000, seq=n) for n in range(1_000)]
    stops = [ask(verb, house.now_ms, seq=2_000 + n) for n in range(100) for verb in (wire.Verb.STOP, wire.Verb.RELEASE)]
    house.cycle(*flood, *stops)
    done = [answer.seq for answer in house.gateway.answers if answer.verdict == "done"]
    assert len(done) == 200
    the_sum(house)


def test_an_identity_or_rule_that_nobody_knows_makes_no_counter(tmp_path: Path) -> None:
    house = settled(tmp_path / "journal")
    before = set(house.counters)
    house.cycle(*[ask(wire.Verb.SET, house.now_ms, 6_000, who=f"guest{n}", target=f"t{n}") for n in range(50)])
    assert set(house.counters) - before == {"refused:identity.unknown"}
    the_sum(house)


# ---- a full disk -----------------------------------------------------------------------------------------------------
def one_answer(house: Recorded, verb: wire.Verb, value: int | None = None) -> wire.Answer:
    house.gateway.answers.clear()
    house.cycle(ask(verb, house.now_ms, value))
    (answer,) = house.gateway.answers
    return answer


def test_on_a_full_disk_nothing_is_widened_and_tightening_and_stops_pass(tmp_path: Path) -> None:
    disk = FullDisk()
    house = settled(tmp_path / "journal", disk)
    assert one_answer(house, wire.Verb.SET, 10_000).verdict == "granted"
    disk.full = True
    house.live(2_000, talkative=0)
    wider = one_answer(house, wire.Verb.SET, 12_000)
    assert (wider.verdict, wider.clauses[-1].rule) == ("refused", "journal.failing")
    assert one_answer(house, wire.Verb.RENEW).verdict == "refused"
    assert one_answer(house, wire.Verb.SET, 8_000).verdict == "granted", "less than he has"
    assert one_answer(house, wire.Verb.STOP).verdict == "done"
    assert one_answer(house, wire.Verb.SET, 6_000).verdict == "refused", "from nothing, anything is wider"
    disk.full = False
    house.live(3_000, talkative=0)
    assert one_answer(house, wire.Verb.SET, 6_000).verdict == "granted"
    house.close()
    assert replayed(tmp_path / "journal")[0] == 0, "what was refused for it is refused again"
    decided = [
        (d.verdict.value, d.value) for one in written(tmp_path / "journal") if isinstance(one, Record) for d in one.d
    ]
    assert [said for said in decided if said[0] == "granted"] == [
        ("granted", 10_000),
        ("granted", 8_000),
        ("granted", 6_000),
    ]


def test_after_a_long_loss_a_new_segment_begins_and_all_that_widened_is_there(tmp_path: Path) -> None:
    disk = FullDisk()
    house = settled(tmp_path / "journal", disk)
    assert one_answer(house, wire.Verb.SET, 10_000).verdict == "granted"
    disk.full = True
    house.live(2_000, talkative=0)
    for _ in range(25):  # together more cycles than the queue holds
        assert one_answer(house, wire.Verb.SET, 12_000).verdict == "refused"
        house.live(10_000, talkative=0)
    assert house.counters["journal_refused"] > 0
    assert house.counters["unrecorded_cycles"] > 2_000
    disk.full = False
    house.live(3_000, talkative=0)
    assert one_answer(house, wire.Verb.SET, 12_000).verdict == "granted"
    house.close()
    told = written(tmp_path / "journal")
    assert [one.reason for one in told if isinstance(one, Head)] == ["start", "lost"]
    granted = [d.value for one in told if isinstance(one, Record) for d in one.d if d.verdict == "granted"]
    assert granted == [10_000, 12_000]
    the_sum(house)
    code, said = replayed(tmp_path / "journal")
    assert code == 0, said
    assert any("could not be recorded" in line for line in said)


@pytest.mark.parametrize("pattern", sorted((ROOT / "supervisor/kernel").glob("*.py")), ids=lambda path: path.name)
def test_every_reason_that_the_kernel_gives_has_a_counter_of_its_own(pattern: Path) -> None:
    known = rules(guarded(load(ROOT / "policies" / "uc001").plan))
    tree = ast.parse(pattern.read_text())
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    reasons = {
        word
        for word in named
        if re.fullmatch(r"(request|lease|permission|identity|target|latch|journal)\.[a-z_]+", word)
    }
    assert reasons <= known


def test_what_a_fuse_and_the_grid_operator_refuse_is_counted_by_its_own_name() -> None:
    plan = load(ROOT / "policies" / "uc001").plan
    export = Export("grid.export", "5 kW may leave", 5_000_000, 0, 0, 0, (), ())
    known = rules(msgspec.structs.replace(plan, grid=Grid(plan.contactor, export=export)))
    assert {"circuits.house", "circuits.house.curve", "grid.export"} <= known
