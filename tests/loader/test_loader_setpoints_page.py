"""docs/setpoints.md shows documents that load, keys that exist, and figures that are the product's own."""

from __future__ import annotations

import re
from pathlib import Path

from loader_slips import copy_of_example

from supervisor.guardian.inbox import REQUESTS_MAX
from supervisor.kernel.lease import Kind
from supervisor.kernel.network import PER_MIN_BUILT_IN
from supervisor.kernel.plan import Hunting
from supervisor.kernel.requests import ANSWERS_KEPT
from supervisor.kernel.wish import AHEAD_MAX_MS, DURATION_DEFAULT_MS, REQUEST_AGE_MAX_MS
from supervisor.loader.load import load
from supervisor.loader.network import REST_DEFAULT_MS
from supervisor.loader.permissions import PER_MIN_DEFAULT

PAGE = Path(__file__).parents[2] / "docs" / "setpoints.md"
BOX = re.compile(r"```yaml\n# (\S+)\n(.*?)```", re.DOTALL)


def test_its_documents_load_beside_the_first_example_house(tmp_path: Path) -> None:
    boxes = BOX.findall(PAGE.read_text())
    assert len(boxes) == 3
    site = copy_of_example(tmp_path)
    for name, text in boxes:
        (site / name).write_text(text)
    plan = load(site).plan
    assert {ban.id for ban in plan.bans} == {"refusals.cable_in_the_sun", "refusals.battery_first"}
    (permission,) = [said for said in plan.permissions if said.id == "permissions.phone_in_moderation"]
    assert (permission.hi, permission.max_ms, permission.per_min) == (13_000, 7_200_000, 20)
    assert [row.id for row in plan.network] == ["network.everybody_together", "network.in_the_evening"]


def test_its_key_for_hunting_loads(tmp_path: Path) -> None:
    (line,) = re.findall(r"`(current: \{silence.*?\}\})`", PAGE.read_text())
    site = copy_of_example(tmp_path)
    text = (site / "site.yaml").read_text()
    (site / "site.yaml").write_text(re.sub(r"current: \{silence: 0 A, hold: 5 s, ramp: 2 A/s\}", line, text))
    hunting = {target.id: target.hunting for target in load(site).plan.targets}
    assert hunting["wallbox.current"] == Hunting()


def test_its_figures_are_the_products_own() -> None:
    text = PAGE.read_text()
    assert f"{PER_MIN_DEFAULT} per min" in text
    assert f"{PER_MIN_BUILT_IN} per min" in text
    assert REST_DEFAULT_MS == 600_000
    assert f"at most {REQUESTS_MAX} wishes a cycle" in text
    assert DURATION_DEFAULT_MS == {Kind.LIVE: 30_000, Kind.SETTING: 4 * 3_600_000, Kind.PROGRAM: 3_600_000}
    assert (AHEAD_MAX_MS, REQUEST_AGE_MAX_MS, ANSWERS_KEPT) == (86_400_000, 1_000, 8)
    usual = Hunting()
    assert (usual.swing, usual.reversals, usual.slower) == (250, 12, 4)
    assert (usual.within_ms, usual.dwell_ms) == (600_000, 120_000)
