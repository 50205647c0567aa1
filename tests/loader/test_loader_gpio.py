"""A panel in ``site.yaml``: what its bus and its option strings must be, and what is said of them otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import SITE, complaint, copy_of_example, line_of

from drivers.contract import BusKind
from supervisor.loader.load import load

BUS = '  lines: {kind: gpio, factory: mock, channel: "{run}/lines.sock"}'
INPUTS = "estop=5 stop nc, key=6 key, aux_1=19 contact nc"
PANEL = f"""\
  panel:
    driver: panel_gpio
    bus: lines
    options:
      inputs: "{INPUTS}"
"""


def house(folder: Path, bus: str = BUS, devices: str = PANEL) -> Path:
    """The example with a bus and devices more, in front of its own."""
    site = copy_of_example(folder)
    path = site / SITE
    text = path.read_text("utf-8")
    text = text.replace("\nbuses:\n", f"\nbuses:\n{bus}\n", 1).replace("\ndevices:\n", f"\ndevices:\n{devices}", 1)
    path.write_text(text, "utf-8")
    return site


def refused(site: Path, at: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of it, at the line of these words."""
    said = complaint(site, capsys)
    line = line_of(at, (site / SITE).read_text("utf-8"))
    assert f"{SITE}:{line}: " in said
    return said


def options(inputs: str = INPUTS, outputs: str = "", more: str = "") -> str:
    """The panel with its options on one line, which carries the mark of the place."""
    return (
        "  panel:\n    driver: panel_gpio\n    bus: lines\n"
        f"    options: {{inputs: '{inputs}', outputs: '{outputs}'{more}}}  # HERE\n"
    )


def test_a_panel_loads_with_its_settings_and_lines(tmp_path: Path) -> None:
    outputs = "      outputs: permit=17 pulse, lamp=22 lamp active_low\n      permit_ms: 400\n"
    targets = "    targets:\n      lamp: {silence: 0}\n"
    plan = load(house(tmp_path, devices=PANEL + outputs + targets), run_dir="here/run")
    bus = next(bus for bus in plan.site.buses if bus.name == "lines")
    assert (bus.kind, dict(bus.settings)) == (BusKind.GPIO, {"factory": "mock", "channel": "here/run/lines.sock"})
    (panel,) = bus.devices
    assert [place.spec.name for place in panel.signals] == ["estop", "key", "aux_1"]
    assert [place.spec.name for place in panel.outputs] == ["lamp"]
    assert [line.number for line in panel.family.lines(panel.options)] == [5, 6, 19, 17, 22]
    assert panel.silence_image == {"lamp": 0}


def test_the_channel_may_be_left_out_and_the_factory_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = load(house(tmp_path / "a", bus="  lines: {kind: gpio, factory: lgpio}"))
    assert dict(next(bus for bus in plan.site.buses if bus.name == "lines").settings) == {"factory": "lgpio"}
    said = refused(house(tmp_path / "b", bus="  lines: {kind: gpio}"), "lines: {kind: gpio}", capsys)
    assert "'factory' is missing for a gpio bus" in said


@pytest.mark.parametrize("setting", ["interface: vcan0", "baudrate: 9600", "transport: tcp", "chip: 0"])
def test_settings_of_other_buses_are_refused(setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bus = f"  lines: {{kind: gpio, factory: mock, {setting}}}"
    assert setting.split(":")[0] in refused(house(tmp_path, bus=bus), bus, capsys)


@pytest.mark.parametrize(
    ("inputs", "outputs", "more", "says"),
    [
        ("estop=5 stop", "", "", ("'estop=5 stop'", "write 'nc'")),
        ("estop=5 stop no", "", "", ("'estop=5 stop no'", "broken wire")),
        ("b=5 knob", "", "", ("no kind 'knob'", "button, key, stop, contact")),
        ("b=5 button, c=5 key", "", "", ("line 5 is already 'b'",)),
        ("b=60 button", "", "", ("no line 60", "0 to 53")),
        ("b=5 button", "k1=23 coil", "", ("'k1=23 coil'", "proof=aux_1")),
        ("a=5 contact", "k1=23 coil proof=a", "", ("is no mirror contact", "contact nc")),
        ("b=5 button", "p=6 pulse", "", ("add the coils",)),
        ("b=5 button", "l=6 lamp", ", permit_ms: 400", ("permit_ms: ", "permit=17 pulse")),
    ],
)
def test_bad_words_are_refused_at_the_options_with_the_piece_and_the_remedy(
    inputs: str, outputs: str, more: str, says: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(house(tmp_path, devices=options(inputs, outputs, more)), "# HERE", capsys)
    assert "devices.panel.options: " in said
    assert all(words in said for words in says), said


def test_a_panel_without_options_is_told_which_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = "  panel:  # HERE\n    driver: panel_gpio\n    bus: lines\n"
    assert "needs the option 'inputs'" in refused(house(tmp_path, devices=bare), "# HERE", capsys)


@pytest.mark.parametrize("value", ["1001", "-1"])
def test_a_debounce_time_has_bounds(value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = house(tmp_path, devices=options(more=f", debounce_ms: {value}"))
    assert "within 0..1000" in refused(site, "# HERE", capsys)


def test_two_devices_of_one_bus_share_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = options("door=19 contact").replace("  panel:", "  shed:")
    said = refused(house(tmp_path / "a", devices=PANEL + second), "# HERE", capsys)
    assert "line 19 belongs to panel already" in said
    load(house(tmp_path / "b", devices=PANEL + options("door=20 contact").replace("  panel:", "  shed:")))
    elsewhere = second.replace("bus: lines", "bus: more")
    load(house(tmp_path / "c", bus=f"{BUS}\n  more: {{kind: gpio, factory: mock}}", devices=PANEL + elsewhere))


def test_a_lamp_needs_a_silence_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Pi keeps its levels for ever."""
    devices = options(outputs="lamp=22 lamp").replace("  panel:", "  panel:  # PANEL")
    assert "panel.lamp keeps its last order" in refused(house(tmp_path, devices=devices), "# PANEL", capsys)


def test_a_panel_is_not_on_another_kind_of_bus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    devices = PANEL.replace("bus: lines", "bus: can0  # HERE")
    assert "panel_gpio speaks gpio, but can0 is a can bus" in refused(
        house(tmp_path, devices=devices), "# HERE", capsys
    )
