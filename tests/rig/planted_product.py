"""Faults planted in the product, each a real class of mistake, and the scenario that has to notice it.

A planted fault is a piece of the product's text and what stands in its place. The tree that has it is made of links to
this one, but for the one file, and the rig runs there in a process of its own: the same commands as anybody's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from planted_fault import Planted
from planted_scenes_b import PEOPLE_AND_MACHINES

ROOT = Path(__file__).parents[2]
RUN_S = 120.0


PLANTED = (
    Planted(
        "a lease never ends",
        "supervisor/kernel/tenure.py",
        "if self.now_ms >= lease.expires_ms:",
        "if lease.expires_ms < 0:",
        "lease_ends",
        "offered_a == 0",
    ),
    Planted(
        "a heartbeat makes a lease longer",
        "supervisor/kernel/tenure.py",
        "if self.now_ms >= lease.expires_ms:",
        "if self.now_ms >= max(lease.expires_ms, (self.orchestrators[lease.holder].heard_ms or 0) + 15_000):",
        "heartbeat_is_no_lease",
        "offered_a == 0",
    ),
    Planted(
        "a driver repeats what it heard last while its meter is silent",
        "drivers/modbus_poll.py",
        "        if place is None or isinstance(reply, Failure):\n            return heard\n"
        "        group, asked_ms = place\n",
        "        if place is None:\n            return heard\n        group, asked_ms = place\n"
        "        kept = self.__dict__.setdefault('kept', {})\n"
        "        if isinstance(reply, Failure):\n            return kept.get(group.name, heard)\n"
        "        kept[group.name] = self.table.decode(group, reply)\n",
        "meter_silent",
        "offered_a <= 6",
    ),
    Planted(
        "what is not a number counts as zero",
        "drivers/modbus_table.py",
        "return self._nothing(DefectKind.NAN, raw)",
        "return (Sample(self.spec.name, 0),)",
        "meter_nan",
        "offered_a <= 6",
    ),
    Planted(
        "a meter that repeats itself to the last bit is believed for ever",
        "drivers/modbus_still.py",
        "        return now_ms - self._moved_ms[name] >= self._after_ms\n",
        "        return False\n",
        "meter_frozen",
        "wallbox.offered_a <= 6",
    ),
    Planted(
        "whatever a meter answers is a sign of its life",
        "drivers/modbus_still.py",
        "if any(self._bits.get(name) != bits for name, bits in found.items()):",
        "if found:",
        "meter_frozen",
        "wallbox.offered_a <= 6",
    ),
    Planted(
        "the bus does not notice that the guardian has died",
        "supervisor/bus/voice.py",
        "if self._said is None or self.silent or now_ms - self._image_ms < self._site.silence_after_ms:",
        "if True:",
        "guardian_stopped",
        "offered_a == 0",
    ),
    Planted(
        "a bus process renews a device's dead-man by itself",
        "supervisor/bus/host.py",
        "            if seat.voice.falls_silent(now_ms):\n",
        "            if seat.voice._said is not None and seat.device.site.silence_image is None:\n"
        "                for ask in seat.device.say(seat.voice._said, now_ms) or ():\n"
        "                    self._send(index, ask, now_ms + POLL_ORDER_MS, now_ms)\n"
        "            if seat.voice.falls_silent(now_ms):\n",
        "guardian_stopped",
        "not relays.closed[1]",
    ),
    Planted(
        "the coil's echo is taken for the contact",
        "drivers/relaynode_can.py",
        'yield from _contact_heard(number, raw[f"Contact{number}"], quality)',
        'yield from _contact_heard(number, raw["CoilEcho"] >> (number - 1) & 1, quality)',
        "welded_contact",
        "relays.closed[1]",
    ),
    Planted(
        "every foreign value is brought back, lower ones too",
        "drivers/goe_modbus.py",
        "return self._obeyed and less",
        "return False",
        "somebody_else",
        "wallbox.ampere == 6",
    ),
    Planted(
        "no foreign value is brought back",
        "drivers/goe_modbus.py",
        "less = force == FORCE_OFF or (force == FORCE_ON and shown is not None and shown < ampere)",
        "less = True",
        "somebody_else",
        "wallbox.ampere > 8",
    ),
    Planted(
        "a stop counts only for whoever holds the target",
        "supervisor/kernel/requests.py",
        "        for position in positions:\n            by = request.identity\n",
        "        for position in positions:\n            by = request.identity\n"
        "            held = self.targets[position].lease\n"
        "            if held is not None and self.plan.identities[held.holder].name != by:\n"
        "                continue\n",
        "flood",
        "offered_a == 0",
    ),
    Planted(
        "zero flow is taken for granted",
        "supervisor/kernel/flow.py",
        "return switch.calm_ms is not None and now_ms - switch.calm_ms >= changeover.calm_ms",
        "return True",
        "deaf_inverter",
        "count(plant.broken_under_load) == 0",
    ),
    Planted(
        "a zero of before it should open lets a contactor open",
        "supervisor/loader/contactors.py",
        "calm_ms=max((parts.signals[index].max_age_ms for index in flow.signals()), default=0) if flow else 0,",
        "calm_ms=0,",
        "begins_as_it_opens",
        "count(plant.broken_under_load) > 0",
    ),
    Planted(
        "a zero is believed whoever says otherwise",
        "supervisor/kernel/flow.py",
        '    if other is not None and abs(other) >= flow.shown:\n        return "contradicted"\n'
        '    if not sighted and (other is None or abs(other) > flow.zero):\n        return "blind"\n',
        "",
        "clamps_come_off",
        "count(plant.broken_under_load) == 0",
    ),
    Planted(
        "a dead time is taken for a tenth of what it is",
        "supervisor/loader/changeovers.py",
        'such as 1 s"), 100, HOUR_MS)\n',
        'such as 1 s"), 100, HOUR_MS) // 10\n',
        "dead_time",
        "count(relays.closed) == 0",
    ),
    Planted(
        "a wish waits for no dwell",
        "supervisor/kernel/refusal.py",
        "if now_ms - switch.arrived_ms < changeover.dwell_ms and switch.at != OPEN and not urgent:",
        "if False:",
        "taken_back",
        "relays.closed[7] and relays.closed[8]",
    ),
    Planted(
        "a restart forgets what was welded",
        "supervisor/kernel/keep.py",
        '            return name\n        case "failed_open"',
        '            return ""\n        case "failed_open"',
        "welded_phase",
        "relays.coils_commanded == 0",
    ),
    Planted(
        "a changeover does not mind a contact that closes by itself",
        "supervisor/kernel/changeover_facts.py",
        'place = self._changeover.places[self._switch.at].members\n        return self._any("welded") or any(',
        "place = self._changeover.places[self._switch.at].members\n        return False and any(",
        "foreign_string",
        "not relays.closed[5]",
    ),
    Planted(
        "one phase may carry whatever the fuse bears",
        "supervisor/kernel/headroom.py",
        "    if circuit.asymmetry is None:\n",
        "    if True:\n",
        "empty_battery",
        "plant.grid_a[1] - plant.grid_a[3] <= 20.5",
    ),
    Planted(
        "closings are counted and never too many",
        "supervisor/kernel/wear.py",
        "    if contactor.per_hour == 0:\n        return 0\n",
        "    if contactor.per_hour >= 0:\n        return 0\n",
        "closings_per_hour",
        "plant.contact_switched_count[2] <= 4",
    ),
    Planted(
        "a contactor opens before its least time is over",
        "supervisor/kernel/facts.py",
        "return not self._free and not self._passed(self._changed_ms, self._contactor.min_on_ms)",
        "return False",
        "socket_to_and_fro",
        "relays.closed[1]",
    ),
    Planted(
        "the same message again is news",
        "drivers/relaynode_can.py",
        'if not self._alive.moved(raw["AliveCounter"]):',
        'if not self._alive.moved(raw["AliveCounter"]) and not raw:',
        "relays_counter_stuck",
        "relays.coils_commanded == 0",
    ),
    Planted(
        "a damaged message is read all the same",
        "drivers/relaynode_can.py",
        "if _checksum(frame.can_id, frame.data) != frame.data[7]:",
        "if False:",
        "relays_wrong_checksum",
        "relays.coils_commanded == 0",
    ),
    Planted(
        "the battery's limits are those of its first message",
        "drivers/pylontech_can.py",
        '        heard = _plain("BMS_LIMITS", raw)\n',
        '        heard = self.__dict__.setdefault("first", _plain("BMS_LIMITS", raw))\n',
        "bms_limits_fall",
        "wallbox.offered_a <= 6",
    ),
    Planted(
        "the state of health is taken for the state of charge",
        "drivers/pylontech_can.py",
        'heard = _plain("BMS_STATE", raw)',
        'heard = _plain("BMS_STATE", {**raw, "StateOfCharge": raw["StateOfHealth"]})',
        "low_battery",
        "wallbox.offered_a <= 20",
    ),
    *PEOPLE_AND_MACHINES,
)


def plant(fault: Planted, folder: Path) -> Path:
    """A tree with this fault. AssertionError when the text is not there exactly once: then nothing was tested."""
    source = ROOT / fault.file
    text = source.read_text("utf-8")
    assert text.count(fault.old) == 1, f"{fault.name}: {fault.old!r} is {text.count(fault.old)} times in {fault.file}"
    at, tree = ROOT, folder
    for part in Path(fault.file).parts:
        tree.mkdir()
        for other in at.iterdir():
            if other.name not in (part, ".git", "build"):
                (tree / other.name).symlink_to(other)
        at, tree = at / part, tree / part
    tree.write_text(text.replace(fault.old, fault.new), "utf-8")
    return folder


def findings(tree: Path, scenario: str, out: Path) -> list[str]:
    """The words of all expectations of a scenario that did not hold in this tree, on the virtual bench."""
    command = [sys.executable, "-m", "hil.cli", "run", scenario, "--bench", "virtual", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    (run,) = json.loads((out / "results.json").read_text("utf-8"))
    assert not run["trouble"], run["trouble"]
    return [finding["text"] for finding in run["findings"] if not finding["held"]]


__all__ = ["PLANTED", "ROOT", "Planted", "findings", "plant"]
