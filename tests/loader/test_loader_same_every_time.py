"""The same documents are the same plan, on every machine and in every process; other documents are another digest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loader_slips import EXAMPLE, HOUSE, LIMITS, ROOT, SITE, Slip, copy_of_example, make
from loader_switching import house

from supervisor.loader.load import load

PROGRAM = """\
import hashlib, json, sys
from pathlib import Path
import msgspec
from supervisor.loader.load import load
loaded = load(Path(sys.argv[1]))
plan = hashlib.sha256(msgspec.json.encode(loaded.plan, order="deterministic")).hexdigest()
signals = [signal.id for signal in loaded.plan.signals]
print(json.dumps([loaded.site.digest, plan, signals, [target.id for target in loaded.plan.targets]]))
"""


def digest(site: Path, observe: bool = False) -> str:
    return load(site, observe=observe).site.digest


def in_a_process(site: Path, seed: str) -> object:
    """What another process makes of the documents, its hashes seeded with ``seed``."""
    command = [sys.executable, "-c", PROGRAM, str(site)]
    variables = {**os.environ, "PYTHONHASHSEED": seed}
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(ended.stdout)


def test_the_plan_and_its_digest_do_not_depend_on_the_seed_of_the_hashes() -> None:
    first, second, third = (in_a_process(EXAMPLE, seed) for seed in ("0", "1", "4294967295"))
    assert first == second == third


def test_a_house_that_switches_does_not_depend_on_it_either(tmp_path: Path) -> None:
    site = house(tmp_path)
    assert in_a_process(site, "0") == in_a_process(site, "1")


def test_the_digest_is_the_same_in_two_processes_and_in_another_folder(tmp_path: Path) -> None:
    assert digest(EXAMPLE) == digest(EXAMPLE) == digest(copy_of_example(tmp_path))


def test_the_digest_is_a_hex_sha_256_that_the_plan_carries_too() -> None:
    loaded = load(EXAMPLE)
    assert len(bytes.fromhex(loaded.site.digest)) == 32
    assert loaded.plan.digest == loaded.site.digest


def test_where_the_processes_meet_changes_no_digest() -> None:
    assert load(EXAMPLE, run_dir="/tmp/elsewhere").site.digest == digest(EXAMPLE)


def test_to_watch_only_is_another_digest_so_that_no_bus_can_disagree_about_it() -> None:
    assert digest(EXAMPLE, observe=True) != digest(EXAMPLE)


CHANGES = [
    pytest.param(Slip(SITE, "fuse: 35 A", "fuse: 34 A", ()), id="a fuse"),
    pytest.param(Slip(SITE, "max_ampere: 16", "max_ampere: 15", ()), id="an option"),
    pytest.param(Slip(SITE, "port: 15021", "port: 15022", ()), id="an address"),
    pytest.param(Slip(SITE, "silence_after: 500 ms", "silence_after: 501 ms", ()), id="a time"),
    pytest.param(Slip(SITE, "priority: 20", "priority: 21", ()), id="a priority"),
    pytest.param(Slip(LIMITS, "when: battery.soc below 20 %", "when: battery.soc below 21 %", ()), id="a limit"),
    pytest.param(Slip(LIMITS, "get hot;", "get warm;", ()), id="a reason"),
    pytest.param(Slip(LIMITS, "# What must never be", "# What must not be", ()), id="a comment"),
    pytest.param(Slip(HOUSE, "longest: 4 h", "longest: 4 h ", ()), id="a space"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_another_digest(change: Slip, tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    make(change, site)
    assert digest(site) != digest(EXAMPLE)


def test_another_order_of_the_documents_is_another_digest(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    (site / HOUSE).rename(site / "05-house.yaml")
    assert digest(site) != digest(EXAMPLE)


def test_an_empty_section_more_is_another_digest(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    (site / "30-more.yaml").write_text("limits: {}\n", "utf-8")
    assert digest(site) != digest(EXAMPLE)
