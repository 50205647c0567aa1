"""The simulated wallbox and its car, in virtual time: what registers say, and what the car does about an offer."""

from __future__ import annotations

import asyncio
import itertools
import struct

import pytest
from pymodbus.client import AsyncModbusTcpClient

from hil.sim.goe_modbus import GoeCharger, Options
from hil.sim.wires import TcpWire

AMPERE, AMPERE_EEPROM, PHASE_MODE, FORCE = 299, 300, 332, 337


class Bench:
    """A charger and the time in our hand, which passes in steps of 100 ms."""

    def __init__(self, **options: object) -> None:
        self.device = GoeCharger("wallbox", Options(**options), 0)  # type: ignore[arg-type]
        self.now_ms = 0

    def until(self, now_ms: int) -> list[float]:
        """The current on L1 after each step."""
        course = []
        while self.now_ms < now_ms:
            self.now_ms += 100
            self.device.advance(self.now_ms)
            course.append(self.device.currents()[0])
        return course

    def write(self, address: int, *words: int) -> bytes | None:
        data = struct.pack(f">{len(words)}H", *words)
        return self.device.answer(struct.pack(">BHHB", 16, address, len(words), len(data)) + data, self.now_ms)

    def read(self, address: int, count: int = 1, code: int = 3) -> tuple[int, ...]:
        reply = self.device.answer(struct.pack(">BHH", code, address, count), self.now_ms)
        assert reply is not None
        assert reply[0] == code, reply.hex()
        return struct.unpack(f">{count}H", reply[2:])

    def car_state(self) -> int:
        return self.read(100, code=4)[0]

    def control(self, **request: object) -> dict[str, object]:
        reply = self.device.control(request, self.now_ms)
        assert reply["ok"], reply
        return reply

    def state(self) -> dict[str, object]:
        state = self.device.state(self.now_ms)
        assert isinstance(state, dict)
        return state


@pytest.fixture
def charging() -> Bench:
    bench = Bench()
    bench.until(10_000)
    assert bench.device.currents() == [16.0, 16.0, 16.0]
    return bench


def test_the_registers_of_a_charging_car(charging: Bench) -> None:
    words = charging.read(100, 22, code=4)
    assert (words[0], words[1], words[7]) == (2, 32, 0)
    assert words[8:14] == (0, 230, 0, 230, 0, 230)
    assert words[14:20] == (0, 160, 0, 160, 0, 160)
    assert (words[20] << 16 | words[21]) == 1_104_000, "11040 W in 0.01 W"
    assert charging.read(200, code=4) == (1,)
    assert charging.read(205, code=4) == (0b111_111,)


def test_the_car_follows_a_new_offer_within_five_seconds(charging: Bench) -> None:
    assert charging.write(AMPERE, 7) == bytes.fromhex("10 012b 0001")
    course = charging.until(15_000)
    assert course[0] == 16.0, "no car follows at once"
    assert course[-1] == 7.0
    assert all(before >= after for before, after in itertools.pairwise(course))


def test_force_off_stops_the_car_and_opens_the_contactor(charging: Bench) -> None:
    charging.write(FORCE, 1)
    course = charging.until(13_000)
    assert course[-1] == 0.0
    assert (charging.car_state(), charging.state()["contactor"]) == (3, False)
    charging.write(FORCE, 2)
    assert charging.until(18_000)[-1] == 16.0
    assert charging.car_state() == 2


def test_an_obstinate_car_is_cut_off_after_five_seconds(charging: Bench) -> None:
    charging.control(fault="obstinate")
    charging.write(AMPERE, 6)
    assert charging.until(20_000)[-1] == 16.0
    charging.write(FORCE, 1)
    assert charging.until(24_900)[-1] == 16.0
    assert charging.until(25_100)[-1] == 0.0


def test_a_welded_contactor_lets_an_obstinate_car_go_on(charging: Bench) -> None:
    charging.control(fault="obstinate")
    charging.control(fault="welded")
    charging.write(FORCE, 1)
    assert charging.until(60_000)[-1] == 16.0


def test_the_last_order_stays_for_ever(charging: Bench) -> None:
    charging.write(AMPERE, 10)
    charging.until(20_000)
    charging.now_ms = 10 * 365 * 86_400_000
    charging.device.advance(charging.now_ms)
    assert charging.device.currents()[0] == 10.0
    assert charging.read(AMPERE) == (10,)


def test_299_is_forgotten_without_power_and_300_is_not(charging: Bench) -> None:
    charging.write(AMPERE_EEPROM, 8)
    charging.write(AMPERE, 12)
    charging.write(FORCE, 1)
    assert charging.read(AMPERE, 2) == (12, 8)
    charging.control(set="power_cycle", value=1)
    assert (charging.read(AMPERE), charging.read(FORCE)) == ((8,), (0,))
    assert charging.state()["flash_writes"] == 1


@pytest.mark.parametrize(
    ("address", "word", "code"),
    [
        (AMPERE, 0, 3),
        (AMPERE, 5, 3),
        (AMPERE, 33, 3),
        (FORCE, 3, 3),
        (PHASE_MODE, 3, 3),
        (200, 1, 2),
        (1000, 1, 2),
    ],
)
def test_a_refused_write_changes_nothing_and_is_recorded(address: int, word: int, code: int) -> None:
    bench = Bench()
    before = bench.state()
    assert bench.write(address, word) == bytes([0x90, code])
    assert bench.state() == before
    (write,) = bench.control(get="writes")["writes"]  # type: ignore[misc]
    assert (write["address"], write["values"], write["accepted"]) == (address, [word], False)


@pytest.mark.parametrize("pdu", ["05 012b ff00", "06 012b 000a", "0f 012b 0001 01 01"])
def test_only_function_code_16_writes(pdu: str) -> None:
    bench = Bench()
    data = bytes.fromhex(pdu)
    assert bench.device.answer(data, 5) == bytes([data[0] | 0x80, 1])
    assert bench.control(get="writes")["count"] == 1


def test_one_bad_word_spoils_a_whole_write() -> None:
    bench = Bench()
    assert bench.write(AMPERE, 10, 99) == b"\x90\x03"
    assert bench.read(AMPERE) == (16,)


def test_a_phase_switch_pauses_ten_seconds_and_goes_on_with_one_phase(charging: Bench) -> None:
    charging.write(PHASE_MODE, 1)
    assert charging.until(19_900)[-1] == 0.0
    charging.until(25_000)
    assert charging.device.currents() == [16.0, 0.0, 0.0]
    assert charging.read(205, code=4) == (0b111_001,)


def test_car_states(charging: Bench) -> None:
    charging.control(set="car", value="full")
    charging.until(15_000)
    assert charging.car_state() == 4
    charging.control(set="error", value=9)
    assert (charging.car_state(), charging.read(107, code=4)) == (5, (9,))
    charging.control(set="error", value=0)
    charging.control(set="car", value="none")
    assert (charging.car_state(), charging.read(101, code=4)) == (1, (0,))
    charging.control(fault="enum", register="car_state", value=17)
    assert charging.car_state() == 17


def test_a_deaf_charger_acknowledges_and_does_nothing(charging: Bench) -> None:
    charging.control(fault="deaf")
    assert charging.write(FORCE, 1) == bytes.fromhex("10 0151 0001")
    assert charging.read(FORCE) == (0,)


def test_without_supply_it_is_silent_and_wakes_up_forgetful(charging: Bench) -> None:
    charging.write(AMPERE, 9)
    charging.device.from_plant({"supplied": False}, charging.now_ms)
    assert charging.device.currents() == [0.0, 0.0, 0.0]
    assert charging.write(AMPERE, 8) is None
    charging.device.from_plant({"supplied": True}, charging.now_ms)
    assert charging.read(AMPERE) == (16,)


def test_the_energy_is_the_power_times_the_time(charging: Bench) -> None:
    before = charging.device.energy_kwh
    charging.until(10_000 + 360_000)
    assert charging.device.energy_kwh - before == pytest.approx(1.104)


def test_pymodbus_reads_and_writes_it() -> None:
    async def scenario() -> None:
        wire = TcpWire(GoeCharger("wallbox", Options(), 0), "127.0.0.1", 0)
        await wire.open()
        client = AsyncModbusTcpClient("127.0.0.1", port=wire.port, timeout=2, retries=0)
        assert await client.connect()
        assert not (await client.write_registers(AMPERE, [11], device_id=1)).isError()
        assert (await client.read_holding_registers(AMPERE, count=2, device_id=1)).registers == [11, 16]
        assert (await client.write_register(AMPERE, 12, device_id=1)).exception_code == 1
        client.close()
        wire.close()

    asyncio.run(scenario())
