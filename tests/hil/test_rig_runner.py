"""Transports and time around a core: the plant's exchange, a hub that goes away, a late reply; every wait ends."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest

from hil.can_hub import Hub
from hil.plant import Options as PlantOptions
from hil.plant import Plant
from hil.sim.device import Json
from hil.sim.pylontech_can import Options as BatteryOptions
from hil.sim.pylontech_can import PylontechBattery
from hil.sim.runner import ControlPort, PlantLink, PlantWire
from hil.sim.sdm630_modbus import EastronMeter, Options
from hil.sim.wires import CanWire, LineWire, TcpWire, now_ms
from hil.unix_socket import RigError, ask, claim

PATIENCE_S = 10.0


class ListeningMeter(EastronMeter):
    """A meter that tells when the plant has spoken to it."""

    def __init__(self) -> None:
        super().__init__("meter", Options())
        self.heard = asyncio.Event()

    def from_plant(self, view: Json, now_ms: int) -> None:
        super().from_plant(view, now_ms)
        self.heard.set()


def test_a_device_sees_the_plant_and_keeps_its_last_word_when_that_is_gone(run_dir: Path) -> None:
    async def scenario() -> None:
        meter = ListeningMeter()
        plant = Plant(PlantOptions(load_w=(700, 0, 0), load_swing=0), 1, now_ms())
        wire = PlantWire(plant, str(run_dir))
        await wire.open()
        link = PlantLink(meter, str(run_dir))
        await asyncio.wait_for(meter.heard.wait(), PATIENCE_S)
        wire.close()
        link._tell()  # nobody is there to hear it: no error
        assert meter.values["power_l1"] == 700
        link.close()

    asyncio.run(scenario())


def test_every_device_tells_its_name_and_its_wire_hears_of_an_answer(run_dir: Path) -> None:
    class ListeningPlant(Plant):
        told: Json

        def exchange(self, told: Json, now_ms: int) -> Json:
            self.told = told
            return super().exchange(told, now_ms)

    async def scenario() -> None:
        plant = ListeningPlant(PlantOptions(), 1, now_ms())
        wire = PlantWire(plant, str(run_dir))
        await wire.open()
        nudged = asyncio.Event()
        meter = EastronMeter("pvmeter", Options())
        link = PlantLink(meter, str(run_dir), nudged.set)
        await asyncio.wait_for(nudged.wait(), PATIENCE_S)
        assert plant.told == {**meter.to_plant(0), "name": "pvmeter"}
        link.close()
        wire.close()

    asyncio.run(scenario())


def test_a_battery_on_the_hub_is_heard_and_fails_when_the_hub_goes_away(run_dir: Path) -> None:
    async def scenario() -> None:
        path = str(run_dir / "can0.sock")
        hub = Hub(path)
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        wire = CanWire(PylontechBattery("battery", BatteryOptions(), now_ms()), path, failed)
        await wire.open()
        assert sum(hub.poll(0) for _ in range(3)) == 6
        hub.close()
        assert "gone away" in await asyncio.wait_for(failed, PATIENCE_S)
        wire.close()

    asyncio.run(scenario())


def test_no_hub_is_an_error_with_its_remedy(run_dir: Path) -> None:
    async def scenario() -> None:
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await CanWire(PylontechBattery("b", BatteryOptions(), 0), str(run_dir / "can9.sock"), failed).open()

    with pytest.raises(RigError, match=r"can9.sock: no CAN hub listens here.*start the house"):
        asyncio.run(scenario())


def test_a_late_reply_comes_late_and_a_taken_port_is_told() -> None:
    async def scenario() -> None:
        meter = EastronMeter("meter", Options())
        meter.control({"fault": "late", "ms": 40}, 0)
        wire = TcpWire(meter, "127.0.0.1", 0)
        await wire.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        asked_ms = now_ms()
        writer.write(struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0, 2))
        reply = await asyncio.wait_for(reader.readexactly(13), PATIENCE_S)
        assert now_ms() - asked_ms >= 39, "never earlier; how much later depends on the machine"
        assert reply[7:9] == b"\x04\x04"
        with pytest.raises(RigError, match="use --port-base"):
            await TcpWire(meter, "127.0.0.1", wire.port).open()
        writer.close()
        wire.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "baud", "told"),
    [
        ("/dev/null", 9600, "cannot open the serial line"),
        ("/dev/null", 9601, "no such baud rate"),
    ],
)
def test_a_serial_line_that_is_none_is_told(run_dir: Path, path: str, baud: int, told: str) -> None:
    with pytest.raises(RigError, match=told):
        asyncio.run(LineWire(EastronMeter("m", Options()), str(run_dir / "m.tty"), path, baud).open())


def test_control_over_its_socket(run_dir: Path) -> None:
    async def scenario() -> None:
        nudged: list[bool] = []
        port = ControlPort(EastronMeter("meter", Options()), str(run_dir), lambda: nudged.append(True))
        await port.open()
        reply = await asyncio.to_thread(ask, str(run_dir), "meter", {"fault": "silent"})
        assert reply["active"] == [{"fault": "silent"}]
        assert nudged == [True]
        port.close()

    asyncio.run(scenario())


def test_a_path_that_is_too_long_is_told(run_dir: Path) -> None:
    with pytest.raises(RigError, match="choose a shorter --dir"):
        claim(str(run_dir / ("x" * 120)), 1)  # type: ignore[arg-type]
