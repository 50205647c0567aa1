"""The soak itself: it holds, it finds what is planted in the product, and a hole in its matrix fails.

The whole of it is `make soak`; here are a few seeds of it, and the questions that it asks of itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "rig"))  # how faults are planted stands there

from planted_product import PLANTED, ROOT, plant

from tests.soak.soak_course import Outcome
from tests.soak.soak_fill import Fill, fills
from tests.soak.soak_matrix import Matrix
from tests.soak.soak_plan import plan
from tests.soak.soak_run import Soak, one
from tests.soak.soak_safety import Violation
from tests.soak.soak_states import columns
from tests.soak.soak_strikes import ROWS

WELL = (("uc001", 2), ("uc001", 0))  # house and seed: a plain one, and one with stages
RUN_S = 120.0


@dataclass(frozen=True)
class Seeded:
    """A fault of the product, the seed that has to find it, and words of what it finds."""

    name: str
    house: str
    seed: int
    words: str


FINDS = (
    Seeded("zero flow is taken for granted", "wallbox_phases", 0, "H02 no order to open under load"),
    Seeded("a lease never ends", "uc001", 2, "stuck: a wish outlives its lease"),
)


def _begin(tree: Path, house: str, seed: int, *options: str, hashed: str = "0") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.soak", "--seed", str(seed), "--house", house, *options]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONHASHSEED": hashed}
    return subprocess.Popen(
        command, cwd=tree, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Every process that this file waits for; they run beside each other and beside the tests."""
    faults = {fault.name: fault for fault in PLANTED}
    house, seed = WELL[0]
    running = {"again": _begin(ROOT, house, seed, "--digest", hashed="4711")}
    for each in FINDS:
        running[each.name] = _begin(
            plant(faults[each.name], tmp_path_factory.mktemp("tree") / "t"), each.house, each.seed
        )
    yield running
    for process in running.values():
        process.kill()
        process.communicate()


def test_a_seed_is_safe_and_recovers_and_is_the_same_to_the_byte_under_another_hash_seed(
    begun: dict[str, subprocess.Popen[str]],
) -> None:
    first, *others = [one(seed, house) for house, seed in WELL]
    assert [each.violations for each in (first, *others)] == [[]] * len(WELL)
    assert sum(first.struck.values()) >= 5, "things have happened in it"
    said, wrong = begun["again"].communicate(timeout=RUN_S)
    assert said.strip() == first.digest, wrong


@pytest.mark.parametrize("each", FINDS, ids=lambda each: each.name.replace(" ", "_"))
def test_a_fault_planted_in_the_product_is_found_with_the_command_that_repeats_it(
    each: Seeded, begun: dict[str, subprocess.Popen[str]]
) -> None:
    said, wrong = begun[each.name].communicate(timeout=RUN_S)
    assert begun[each.name].returncode == 1, said + wrong
    assert each.words in said
    assert f"make soak SEED={each.seed}" in said
    assert "limit" in said


def test_a_matrix_without_a_hole_is_well_and_one_zero_fails_a_run_of_the_whole() -> None:
    every = {(row, column): 1 for row in ROWS for column in columns()}
    whole, part = Soak(whole=True), Soak(whole=False)
    whole.matrix.add(every)
    assert whole.wrong == []
    hole = "deaf", "changeover.stranded"
    for soak in (whole, part):
        soak.matrix.counts.clear()
        soak.matrix.add({cell: count for cell, count in every.items() if cell != hole})
    assert whole.wrong == ["never: deaf while changeover.stranded"]
    assert part.wrong == [], "a few seeds cannot reach every state"


def test_a_hole_is_filled_by_a_run_that_aims_at_it_and_can_be_repeated() -> None:
    holes = [("bus is killed", "battery.protected"), ("late", "battery.protected")]
    rows = {"uc001": ("bus is killed",), "rebundling": ("late",), "wallbox_phases": (), "island": ()}
    first, second = fills(holes, rows, turn=0)
    assert (first[0], second[0]) == ("uc001", "rebundling")
    house, fill = first
    assert Fill.read(str(fill)) == fill
    filled = one(500, house, fill)
    assert filled.violations == []
    assert filled.cells[holes[0]] > 0
    assert f"SOAK='--house uc001 --fill \"{fill}\"'" in filled.repeat


def test_a_cell_that_cannot_be_is_shown_with_its_reason_and_is_no_hole() -> None:
    matrix = Matrix(
        rows=("deaf",), columns=("toy.on", "toy.off"), cannot={("deaf", "toy.off"): "it hears nothing then"}
    )
    matrix.add({("deaf", "toy.on"): 2})
    assert matrix.zeros() == []
    assert any("it hears nothing then" in line for line in matrix.lines())
    with pytest.raises(ValueError, match="no column"):
        matrix.add({("deaf", "toy.new"): 1})


def test_a_failing_seed_and_another_digest_each_fail_the_run() -> None:
    soak = Soak(whole=False)
    soak.add(Outcome(7, "island", "", violations=[Violation(1, "H01", "1, limit 0")]))
    soak.twice[20] = False
    assert soak.wrong == ["seed 7 (island)", "seed 20 ended in other bytes under another hash seed"]


def test_what_a_seed_draws_depends_on_its_number_alone() -> None:
    rows = tuple(ROWS)
    assert [plan(seed, rows).words() for seed in range(20)] == [plan(seed, rows).words() for seed in range(20)]
    assert len({plan(seed, rows).words() for seed in range(20)}) == 20
