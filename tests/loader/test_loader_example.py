"""The example site: what anybody copies first. It loads, says why, and leaves nothing without a bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import EXAMPLE, ROOT, SITE, Slip, copy_of_example, make

from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import Question
from supervisor.kernel.signal import Unit
from supervisor.loader.load import Loaded, load
from supervisor.wire import TEXT_MAX

NAME_MAX = 80  # what a name may have in the words between processes


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(EXAMPLE)


@pytest.fixture(scope="module")
def plan(loaded: Loaded) -> Plan:
    return loaded.plan


def test_every_site_in_the_tree_loads() -> None:
    sites = sorted(path.parent for path in (ROOT / "policies").rglob(SITE))
    assert EXAMPLE in sites
    for site in sites:
        assert load(site).plan.signals


def test_every_rule_says_why_in_words_that_fit_between_processes(plan: Plan) -> None:
    kinds = (plan.rules, plan.caps, plan.circuits, plan.mode_rules, plan.permissions, plan.programs)
    rows = [(row.id, row.why) for kind in kinds for row in kind]
    assert len(rows) > 10
    for name, reason in rows:
        assert 5 <= len(reason) <= TEXT_MAX, name
        assert len(name) <= NAME_MAX


def test_every_signal_has_an_age_and_a_range(plan: Plan) -> None:
    for signal in plan.signals:
        assert 0 < signal.max_age_ms <= 60_000, signal.id
        assert signal.lo < signal.hi, signal.id


def test_ids_are_unique_and_device_dot_signal(plan: Plan) -> None:
    for ids in ([signal.id for signal in plan.signals], [target.id for target in plan.targets]):
        assert len(set(ids)) == len(ids)
        assert all(part.isidentifier() for name in ids for part in name.split("."))
        assert all(name.count(".") == 1 for name in ids)


def test_every_target_has_a_safe_value_that_it_can_do(plan: Plan) -> None:
    for target in plan.targets:
        assert target.lo <= target.safe <= target.hi
        assert not any(low < target.safe < high for low, high in target.bands)


def test_every_question_looks_at_signals_that_exist_and_is_watched_under_each(plan: Plan) -> None:
    asked: list[Question] = [rule.question for rule in plan.rules]
    asked += [question for device in plan.devices for _, question in device.facts]
    for question in asked:
        assert question.signals()
        for signal in question.signals():
            assert question in plan.watched[signal]


def test_the_loss_of_each_device_is_somebodys_business(plan: Plan) -> None:
    rules = {rule.id for rule in plan.rules}
    assert {f"limits.{device.id}_lost" for device in plan.devices if device.id != "relays"} <= rules


def test_the_wallbox_is_stopped_by_its_bus_when_nobody_speaks(loaded: Loaded) -> None:
    devices = {device.name: device for bus in loaded.site.buses for device in bus.devices}
    assert devices["wallbox"].silence_image == {"current": 0}
    assert devices["wallbox"].silence_after_ms == 500


def test_a_program_or_nothing_at_all_runs_in_every_mode(plan: Plan) -> None:
    wallbox = next(i for i, target in enumerate(plan.targets) if target.id == "wallbox.current")
    for mode in range(len(MODES)):
        assert sum(mode in program.modes for program in plan.programs if program.target == wallbox) <= 1


def test_tokens_stay_out_of_the_plan(loaded: Loaded) -> None:
    assert set(loaded.tokens) == {identity.name for identity in loaded.plan.identities}
    assert all(token not in repr(loaded.plan) for token in loaded.tokens.values())


def test_to_watch_only_takes_every_write_path_away() -> None:
    watching = load(EXAMPLE, observe=True)
    assert watching.site.observe
    assert all(bus.observe for bus in watching.site.buses)
    assert all(device.observe for bus in watching.site.buses for device in bus.devices)
    assert all(target.observe for target in watching.plan.targets)


def test_one_bus_can_watch_while_the_other_acts(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    make(Slip(SITE, "{kind: modbus, ", "{kind: modbus, observe: true, ", ()), site)
    plan = load(site).plan
    assert {target.id for target in plan.targets if target.observe} == {"wallbox.current"}


def test_a_device_that_only_watches_needs_no_silence_image(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    make(Slip(SITE, "{silence: 0 A, hold", "{hold", ()), site)
    make(Slip(SITE, "driver: goe_modbus", "driver: goe_modbus\n    observe: true", ()), site)
    assert load(site).site.buses[1].devices[1].silence_image is None


def test_where_the_processes_meet_stands_in_the_channel() -> None:
    assert load(EXAMPLE, run_dir="/run/pw").site.buses[0].settings["channel"] == "/run/pw/can0.sock"


def test_amounts_arrive_in_the_kernels_units(plan: Plan) -> None:
    wallbox = next(target for target in plan.targets if target.id == "wallbox.current")
    assert (wallbox.unit, wallbox.hi, wallbox.bands) == (Unit.CURRENT, 16_000, ((0, 6_000),))
    assert (wallbox.hold_ms, wallbox.ramp) == (5_000, 2_000)
    circuit = plan.circuits[0]
    assert (circuit.fuse, circuit.margin, circuit.blind) == (35_000, 2_000, 6_000)
    assert (plan.cycle_ms, plan.grace_ms) == (50, 10_000)
