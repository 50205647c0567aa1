"""state.json: nothing damaged is believed, a latch is written at once, the newest wins."""

from __future__ import annotations

import errno
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from keep_toys import COIL, NEW, OLD, PLAN, SITE, content, found, on_disk, run_once, until

from supervisor.guardian import keep as keep_module
from supervisor.guardian.keep import FILE_MAX, HEAD, Disk, Keeper, Unreadable, decoded, encoded
from supervisor.kernel.keep import UNREADABLE, Kept, KeptContactor, kept
from supervisor.kernel.state import boot


# ---- the file ----------------------------------------------------------------------------------------------------
def test_it_is_json_that_people_can_read() -> None:
    text = encoded(content(NEW))
    assert msgspec.json.decode(text)["kept"]["contactors"][COIL]["latch"] == "welded"
    assert len(text.splitlines()) > 10
    assert decoded(text) == content(NEW)


def test_every_truncation_is_detected() -> None:
    data = encoded(content(NEW))
    for length in range(len(data)):
        with pytest.raises(Unreadable):
            decoded(data[:length])


def test_every_flipped_byte_and_every_flipped_bit_is_detected() -> None:
    data = encoded(content(NEW))
    for place in range(len(data)):
        for mask in (0xFF, *(1 << bit for bit in range(8))):
            flipped = data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :]
            with pytest.raises(Unreadable):
                decoded(flipped)


def test_the_head_of_one_file_and_the_rest_of_another_are_not_a_file() -> None:
    old, new = encoded(content(OLD)), encoded(content(NEW))
    for length in range(1, min(len(old), len(new))):
        mixed = new[:length] + old[length:]
        if mixed not in (old, new):
            with pytest.raises(Unreadable):
                decoded(mixed)


def sealed(body: bytes) -> bytes:
    """A file with a right checksum whatever it says."""
    return HEAD % zlib.crc32(body) + body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'"format": 2, "anything": []}', "format 2"),
        (b'"format": "1"}', "does not say"),
        (b'"format": 1}', "does not say"),
        (b'"format": 1, "site": "x", "written": "", "kept": {"contactors": {"a": {"closings": -1}}}}', "does not say"),
        (b'"format": 1, "site": "x", "written": "", "kept": {"contactors": {"a": {"closings": "1"}}}}', "does not say"),
        (b'"format": 1, "site": "x", "written": "", "kept": {"contactors": {"a": {"closings": 1.5}}}}', "does not say"),
        (
            b'"format": 1, "site": "x", "written": "", "kept": {"contactors": {"a": {"latch": "loose"}}}}',
            "does not say",
        ),
        (b'"format": 1, "site": "x", "written": "", "kept": {"rules": {"a": "no"}}}', "does not say"),
        (b'"format": 1, "site": "x", "written": "", "kept": {"maintenance": 1}}', "does not say"),
        (b'"format": 1, "site": "x", "written": "", "kept": {"other": 1}}', "does not say"),
        (b'"format": 1, "site": ' + b"[" * 100_000, "does not say"),
        (b"", "does not say"),
        (b"[]", "does not say"),
    ],
)
def test_a_newer_format_or_another_type_is_not_guessed_at(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        decoded(sealed(body))


# ---- a start -----------------------------------------------------------------------------------------------------
def test_a_missing_file_is_a_new_house_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert found(tmp_path) == kept(PLAN, boot(PLAN, 1_000))
    assert "a new house, nothing is latched" in caplog.text


@pytest.mark.parametrize("damage", ["empty", "zeros", "short", "newer", "long", "folder"])
def test_what_cannot_be_read_is_the_strictest_and_the_log_names_file_and_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    data, path = encoded(content(OLD)), tmp_path / "state.json"
    texts = {
        "empty": b"", "zeros": bytes(len(data)), "short": data[:-1], "newer": sealed(b'"format": 9}'),
        "long": data + b" " * FILE_MAX,
    }  # fmt: skip
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(texts[damage])
    assert found(tmp_path).rules == {UNREADABLE: "unknown"}
    assert str(path) in caplog.text
    assert "presses its reset" in caplog.text
    assert "move" in caplog.text


def test_a_file_that_may_not_be_read_is_no_missing_one(tmp_path: Path) -> None:
    class Refusing(Disk):
        def read(self, path: Path) -> bytes:
            raise PermissionError(errno.EACCES, "no", str(path))

    keeper = Keeper(tmp_path, SITE, Refusing())
    assert UNREADABLE in kept(PLAN, keeper.begin(PLAN, boot(PLAN, 1_000))).rules


def test_an_unreadable_file_is_never_overwritten_and_the_strictest_is_kept_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for number, damage in enumerate((b"first", b"second"), 1):
        path.write_bytes(damage)
        run_once(tmp_path)
        assert (tmp_path / f"state.json.unreadable-{number}").read_bytes() == damage
        assert on_disk(tmp_path).rules == {UNREADABLE: "unknown"}
    assert found(tmp_path).rules == {UNREADABLE: "unknown"}, "a second restart is no way out"


def test_too_many_unreadable_files_stop_the_writing_and_not_the_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep_module, "ASIDE_MAX", 1)
    (tmp_path / "state.json.unreadable-1").write_bytes(b"another")
    (tmp_path / "state.json").write_bytes(b"damaged")
    assert run_once(tmp_path).not_kept >= 1
    assert (tmp_path / "state.json").read_bytes() == b"damaged"


def test_a_disk_without_second_names_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no such thing here")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "state.json").write_bytes(b"damaged")
    run_once(tmp_path)
    assert (tmp_path / "state.json.unreadable-1").read_bytes() == b"damaged"
    assert UNREADABLE in on_disk(tmp_path).rules


def test_another_sites_file_is_taken_over_by_name_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    strange = msgspec.structs.replace(NEW, contactors={**NEW.contactors, "barn.coil": KeptContactor(latch="welded")})
    (tmp_path / "state.json").write_bytes(encoded(content(strange, site="the barn")))
    keeper = run_once(tmp_path)
    assert "written for 'the barn'" in caplog.text
    now = on_disk(tmp_path)
    assert (now.contactors[COIL].latch, now.contactors["barn.coil"].latch) == ("welded", "welded")
    assert (now.rules["limits.fuse"], now.maintenance) == ("yes", True)
    assert keeper.not_kept == 0


# ---- the thread ------------------------------------------------------------------------------------------------------
class Counting(Disk):
    """Counts whole writes, and can hold one up."""

    def __init__(self) -> None:
        self.writes = 0
        self.free = threading.Event()
        self.free.set()

    def rename(self, source: Path, target: Path) -> None:
        self.free.wait(10)
        super().rename(source, target)
        self.writes += 1


@pytest.fixture
def kept_by(tmp_path: Path) -> Iterator[tuple[Keeper, Counting]]:
    disk = Counting()
    keeper = Keeper(tmp_path, SITE, disk)
    keeper.begin(PLAN, boot(PLAN, 1_000))
    keeper.start()
    until(lambda: disk.writes == 1)
    yield keeper, disk
    disk.free.set()
    keeper.stop()


def test_the_newest_wins_and_nothing_queues_up(tmp_path: Path, kept_by: tuple[Keeper, Counting]) -> None:
    keeper, disk = kept_by
    disk.free.clear()
    for number in range(500):
        keeper.put(Kept({COIL: KeptContactor(number, latch="welded")}))
    disk.free.set()
    until(lambda: on_disk(tmp_path).contactors[COIL].closings == 499)
    assert disk.writes <= 3


def test_a_latch_does_not_wait_for_the_pause_between_writes_and_wear_does(
    tmp_path: Path, kept_by: tuple[Keeper, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, _ = kept_by
    monkeypatch.setattr(keep_module, "GAP_S", 3_600.0)
    for latch in (
        Kept({COIL: KeptContactor(closings=2, latch="welded")}),
        Kept({COIL: KeptContactor(closings=3)}),
        Kept({COIL: KeptContactor(closings=4)}, {"limits.fuse": "yes"}),
        last := Kept({COIL: KeptContactor(closings=5)}, maintenance=True),
    ):
        keeper.put(latch)
        until(lambda latch=latch: on_disk(tmp_path) == latch)
    for closings in (6, 7):  # when the thread has turned for the second, it is through with the first
        keeper.put(Kept({COIL: KeptContactor(closings)}, stops={"wallbox.current": "ben"}, maintenance=True))
        alive_ns = keeper.alive_ns
        until(lambda alive_ns=alive_ns: keeper.alive_ns > alive_ns)
    assert on_disk(tmp_path) == last
    keeper.stop()
    assert on_disk(tmp_path).contactors[COIL].closings == 7, "a stop flushes"


def test_a_hung_disk_shows_as_a_worker_that_does_not_turn_and_a_stop_gives_up(
    kept_by: tuple[Keeper, Counting], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper, disk = kept_by
    monkeypatch.setattr(keep_module, "STOP_S", 0.05)
    disk.free.clear()
    keeper.put(NEW)
    keeper.stop()
    assert "not on disk" in caplog.text


def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    run_once(tmp_path)
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0


def test_a_symbolic_link_in_its_way_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (tmp_path / "state.json.new").symlink_to(precious)
    assert run_once(tmp_path).not_kept >= 1
    assert precious.read_bytes() == b"precious"
