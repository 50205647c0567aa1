"""Other policies on the same recording: under the same ones nothing differs, and what differs is told with times."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from replay_files import replayed
from replay_house import EXAMPLE, Recorded, ask

from supervisor import wire
from supervisor.guardian import journal
from supervisor.guardian.segment import segments


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calm house: 16 A for the car for a minute, a load that leaves 7 A of it, the outdoor socket, a stop."""
    folder = tmp_path_factory.mktemp("evening") / "journal"
    house = Recorded(folder)
    house.restless = False
    house.live(20_000, talkative=0)
    house.cycle(ask(wire.Verb.SET, house.now_ms, 16_000))
    house.live(60_000, talkative=0)
    house.plant.load_ma = 28_000
    house.cycle(ask(wire.Verb.SET, house.now_ms, 1, target="relays.coil_1", unit="flag"))
    house.live(10_000, talkative=0)
    house.cycle(ask(wire.Verb.STOP, house.now_ms))
    house.live(5_000, talkative=0)
    house.close()
    return folder


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], Path]:
    """The example's documents with something replaced."""
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE, site)

    def edit(old: str, new: str) -> Path:
        texts = {path: path.read_text() for path in sorted(site.glob("*.yaml"))}
        assert any(old in text for text in texts.values()), old
        for path, text in texts.items():
            path.write_text(text.replace(old, new, 1) if old in text else text)
        return site

    return edit


def test_the_same_policies_decide_the_same(evening: Path, hour_of_luck: Path) -> None:
    for recording in (evening, hour_of_luck):
        code, said = replayed(recording, EXAMPLE)
        assert code == 0
        assert "0 would have been answered differently; 0 rules" in said[-1], said
        assert said[-1].endswith("outputs would have differed for 0 s.")


@pytest.fixture(scope="module")
def hour_of_luck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("luck") / "journal"
    house = Recorded(folder, seed=8)
    house.live(240_000)
    house.close()
    return folder


def test_a_narrower_permission_clips_and_the_car_gets_less(evening: Path, edited: Callable[[str, str], Path]) -> None:
    code, said = replayed(evening, edited("to: 16 A\n", "to: 10 A\n"))
    text = "\n".join(said)
    assert code == 0
    assert "phone: set wallbox.current 16 A, once" in text
    assert "recorded: granted; with these: clipped to 10 A by permissions.charge_the_car" in text
    (output,) = [line for line in said if "wallbox.current: " in line]
    assert output.startswith("2026-03-01 ")
    assert output.endswith("mostly 16 A, with these 10 A")
    assert "1 would have been answered differently; 0 rules" in said[-2]
    assert "what the house would have answered is not known" in said[-1]


def test_what_a_car_drew_beyond_its_share_is_as_it_was_recorded(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    house = Recorded(tmp_path / "journal")
    house.restless = False
    house.plant.load_ma, house.plant.greedy = 24_000, 200  # 9 A are left, and it takes a fifth more
    house.live(20_000, talkative=0)
    house.cycle(ask(wire.Verb.SET, house.now_ms, 16_000))
    house.live(90_000, talkative=0)
    assert house.guardian._state.proven.circuits[0].excesses[0].amount > 0
    house.close()
    said = replayed(tmp_path / "journal", EXAMPLE)[1]
    assert "0 would have been answered differently; 0 rules" in said[-1], said
    assert said[-1].endswith("outputs would have differed for 0 s.")
    said = replayed(tmp_path / "journal", edited("margin: 2 A", "margin: 0 A"))[1]
    assert not [line for line in said if "excess" in line], "nobody drew more than the other documents would have said"


def test_a_car_that_was_told_more_is_not_accused_of_it_by_other_documents(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    house = Recorded(tmp_path / "journal")
    house.restless, house.plant.load_ma = False, 20_000
    house.live(20_000, talkative=0)
    house.cycle(ask(wire.Verb.SET, house.now_ms, 16_000))
    house.live(90_000, talkative=0)
    house.close()
    said = replayed(tmp_path / "journal", edited("margin: 2 A", "margin: 5 A"))[1]
    (output,) = [line for line in said if "wallbox.current: " in line]
    assert output.endswith("mostly 13 A, with these 10 A"), "and no less the longer it lasts"


def test_a_rule_may_be_called_excess(evening: Path, edited: Callable[[str, str], Path]) -> None:
    site = edited("  fuse_l1:\n", "  excess:\n")
    for path in site.glob("*.yaml"):
        path.write_text(path.read_text().replace("[meter.current_l1 above 35 A", "[meter.current_l1 above 20 A"))
    said = replayed(evening, site)[1]
    assert [line for line in said if "limits.excess would have acted, and did not" in line]


def test_a_stricter_limit_would_have_acted(evening: Path, edited: Callable[[str, str], Path]) -> None:
    site = edited("[meter.current_l1 above 35 A", "[meter.current_l1 above 20 A")
    said = replayed(evening, site)[1]
    rows = [line for line in said if "limits.fuse_l1 would have acted, and did not" in line]
    assert len(rows) == 1
    assert rows[0].startswith("2026-03-01 ")
    assert "1 rule would have acted at other times" in said[-2]


def test_what_exists_on_one_side_only_is_named(evening: Path, edited: Callable[[str, str], Path]) -> None:
    site = edited("  phone:  ", "  tablet:  ")
    for path in site.glob("*.yaml"):
        path.write_text(path.read_text().replace("[optimiser, phone]", "[optimiser]"))
    said = replayed(evening, site)[1]
    assert any("identities that only the recording has: phone" in line for line in said)
    assert any("identities that only the other documents have" in line and "tablet" in line for line in said)
    assert any("refused by identity.unknown" in line for line in said)


def test_what_falls_due_only_with_the_other_policies_acts_in_its_time(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    """A minute of silence, of which nothing is recorded: the row with the longer hold acts in the middle of it."""
    house = Recorded(tmp_path / "journal")
    house.restless = False
    house.live(15_000, talkative=0)
    house.moods["wallbox"] = "silent"
    house.live(15_000, talkative=0)
    house.moods = dict.fromkeys(house.moods, "silent")
    house.live(60_000, talkative=0)
    house.close()
    said = replayed(tmp_path / "journal", edited("unseen\n    hold: 1 s\n    clear: 2 s\n    house", LONGER))[1]
    (row,) = [line for line in said if "limits.wallbox_lost acted, and would not have" in line]
    lasted = float(row.partition("(")[2].partition(" s)")[0])
    assert 38.8 <= lasted <= 39.2, row


LONGER = "unseen\n    hold: 40 s\n    clear: 2 s\n    house"


def test_with_other_numbers_for_the_same_things_a_segment_in_the_middle_decides_the_same(
    tmp_path: Path, edited: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_MS", 20_000)
    house = Recorded(tmp_path / "journal")
    house.restless = False
    house.live(15_000, talkative=0)
    house.cycle(ask(wire.Verb.SET, house.now_ms, 10_000))
    house.live(15_000, talkative=0)
    house.cycle(ask(wire.Verb.RENEW, house.now_ms))
    house.live(5_000, talkative=0)
    house.close()
    visitor = "orchestrators:\n  first:\n    role: orchestrator\n    priority: 1\n    token_sha256: " + "0" * 64 + "\n"
    edited("orchestrators:\n", visitor)
    meter = "{driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 15029, unit: 1}}"
    said = replayed(segments(tmp_path / "journal")[1], edited("devices:\n", f"devices:\n  extra: {meter}\n"))[1]
    assert said[-1].startswith("1 requests in "), said
    assert ": 0 would have been answered differently; 0 rules" in said[-1]
