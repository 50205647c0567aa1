"""The simulated SunSpec inverter, in virtual time: the chain of models, the limit and its end, and every fault."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import msgspec
import pytest
from pymodbus.client import AsyncModbusTcpClient

from hil.house import load
from hil.plant import Options as PlantOptions
from hil.plant import Plant
from hil.sim.modbus_wire import TcpSession
from hil.sim.sunspec_modbus import Options, SunspecInverter
from hil.sim.wires import TcpWire

END = 0xFFFF
MINUTE_MS = 60_000


class Bench:
    """An inverter of 10 kW in the sun, and the time in our hand."""

    def __init__(self, **options: object) -> None:
        self.device = SunspecInverter("pv", msgspec.convert({"pv_w": 8000.0} | options, Options), 0)
        self.now_ms = 0

    def read(self, address: int, count: int = 1) -> tuple[int, ...]:
        reply = self.device.answer(struct.pack(">BHH", 3, address, count), self.now_ms)
        assert reply is not None
        assert reply[0] == 3, reply.hex()
        return struct.unpack(f">{count}H", reply[2:])

    def point(self, model: int, offset: int, count: int = 1) -> tuple[int, ...]:
        return self.read(self.device.starts[model] + offset, count)

    def write(self, offset: int, *words: int, model: int = 123) -> bytes | None:
        head = struct.pack(">BHHB", 16, self.device.starts[model] + offset, len(words), 2 * len(words))
        return self.device.answer(head + struct.pack(f">{len(words)}H", *words), self.now_ms)

    def limit(self, percent: float, revert_s: int = 0) -> None:
        reply = self.write(5, round(percent * 100), 0, revert_s, 0, 1)
        assert reply is not None
        assert reply[0] == 16, reply.hex()

    def chain(self) -> list[tuple[int, int]]:
        """Identifier and length of every model, walked from the marker on."""
        at, found = self.device.options.base + 2, []
        while not found or found[-1][0] != END:
            model, length = self.read(at, 2)
            found.append((model, length))
            at += 2 + length
        return found

    def power(self) -> float:
        """W, by the register and its own scale factor."""
        words = self.point(103, 14, 2)
        raw, exponent = struct.unpack(">hh", struct.pack(">HH", *words))
        return float(raw * 10.0**exponent)

    def state(self) -> int:
        return self.point(103, 38)[0]

    def control(self, **request: object) -> dict[str, object]:
        reply = self.device.control(request, self.now_ms)
        assert reply["ok"], reply
        return reply


@pytest.fixture
def sunny() -> Bench:
    """At its 8 kW."""
    bench = Bench()
    bench.now_ms = MINUTE_MS
    assert bench.power() == 8000
    return bench


@pytest.mark.parametrize("base", [40000, 50000, 0])
@pytest.mark.parametrize("common_words", [65, 66])
@pytest.mark.parametrize("vendor", [[], [(64110, 12)]])
def test_the_chain_of_models(base: int, common_words: int, vendor: list[tuple[int, int]]) -> None:
    bench = Bench(base=base, common_words=common_words, vendor_words=12 if vendor else 0)
    assert bench.read(base, 2) == (0x5375, 0x6E53)
    assert bench.chain() == [(1, common_words), *vendor, (103, 50), (123, 24), (END, 0)]


def test_the_names_of_the_common_model() -> None:
    bench = Bench(manufacturer="Sunny & Co", serial="A" * 40)
    assert struct.pack(">16H", *bench.point(1, 2, 16)).rstrip(b"\0") == b"Sunny & Co"
    assert struct.pack(">16H", *bench.point(1, 50, 16)) == b"A" * 32, "cut to its registers"


def test_what_is_not_mapped_is_exception_2(sunny: Bench) -> None:
    after_end = sunny.device.starts[END] + 2
    for address, count in ((39999, 1), (after_end, 1), (after_end - 1, 2), (0, 2)):
        assert sunny.device.answer(struct.pack(">BHH", 3, address, count), 0) == b"\x83\x02"
    assert sunny.device.answer(bytes.fromhex("04 9c40 0002"), 0) == b"\x84\x01"
    assert sunny.device.answer(bytes.fromhex("03 9c40 007e"), 0) == b"\x83\x03"


def test_three_phases_add_up_to_the_power(sunny: Bench) -> None:
    total, *amperes = sunny.point(103, 2, 4)
    volts = sunny.point(103, 10, 3)
    assert sunny.point(103, 6) == (0xFFFE,)
    watts = sum(ampere / 100 * volt / 10 for ampere, volt in zip(amperes, volts, strict=True))
    assert watts == pytest.approx(8000, rel=0.001)
    assert total == pytest.approx(sum(amperes), abs=2)


def test_one_phase_says_that_the_others_are_not_implemented() -> None:
    bench = Bench(phases=1)
    bench.now_ms = MINUTE_MS
    assert bench.point(103, 3, 3) == (round(8000 / 230 * 100), 0xFFFF, 0xFFFF)
    assert bench.point(103, 10, 3) == (2300, 0xFFFF, 0xFFFF)


def test_it_sleeps_starts_and_produces_on_a_ramp() -> None:
    bench = Bench(pv_w=0)
    assert (bench.state(), bench.power()) == (2, 0)
    bench.control(set="pv_w", value=5000)
    bench.now_ms = 4999
    assert (bench.state(), bench.power()) == (3, 0)
    bench.now_ms = 6000
    assert (bench.state(), bench.power()) == (4, 2000), "20 % of 10 kW in the first second"
    bench.now_ms = 8000
    assert bench.power() == 5000
    bench.control(set="pv_w", value=1000)
    assert bench.power() == 1000, "a cloud has no ramp"
    bench.control(set="pv_w", value=0)
    assert (bench.state(), bench.power()) == (2, 0)


def test_a_limit_throttles_on_a_ramp_and_ends_with_its_enable(sunny: Bench) -> None:
    sunny.limit(30)
    sunny.now_ms += 1000
    assert (sunny.state(), sunny.power()) == (5, 6000)
    sunny.now_ms += 2000
    assert sunny.power() == 3000
    sunny.write(9, 0)
    sunny.now_ms += 10_000
    assert (sunny.state(), sunny.power()) == (4, 8000)


def test_a_limit_above_the_sun_does_not_throttle(sunny: Bench) -> None:
    sunny.limit(90)
    sunny.now_ms += 10_000
    assert (sunny.state(), sunny.power()) == (4, 8000)


def test_the_limit_is_lifted_when_its_time_has_passed(sunny: Bench) -> None:
    sunny.limit(0, revert_s=10)
    sunny.now_ms += 9999
    assert (sunny.point(123, 9), sunny.power(), sunny.state()) == ((1,), 0, 5)
    sunny.now_ms += 1
    assert (sunny.point(123, 9), sunny.point(123, 7)) == ((0,), (10,))
    sunny.now_ms += 1000
    assert (sunny.state(), sunny.power()) == (4, 2000)


def test_each_write_starts_the_time_anew(sunny: Bench) -> None:
    for _ in range(5):
        sunny.limit(20, revert_s=10)
        sunny.now_ms += 8000
    assert sunny.power() == 2000
    sunny.limit(20, revert_s=0)
    sunny.now_ms += 365 * 86_400_000
    assert (sunny.point(123, 9), sunny.power()) == ((1,), 2000), "0 never reverts"


def test_a_long_look_away_sees_the_same_as_many_looks(sunny: Bench) -> None:
    often = Bench()
    for bench in (often, sunny):
        bench.now_ms = MINUTE_MS
        bench.limit(10, revert_s=10)
    for _ in range(200):
        often.now_ms += 100
        often.power()
    sunny.now_ms = often.now_ms
    assert (sunny.power(), sunny.device.energy_wh) == pytest.approx((often.power(), often.device.energy_wh))


def test_a_maker_may_ignore_the_revert_time() -> None:
    bench = Bench(honours_revert=False)
    bench.limit(20, revert_s=10)
    bench.now_ms += 86_400_000
    assert (bench.point(123, 9), bench.power()) == ((1,), 2000)


def test_disconnected_it_stands_by(sunny: Bench) -> None:
    sunny.write(4, 0)
    assert (sunny.state(), sunny.power()) == (8, 0)
    sunny.write(4, 1)
    assert sunny.state() == 3


def test_a_fault_stops_it_until_it_is_over(sunny: Bench) -> None:
    sunny.control(set="fault", value=77)
    assert (sunny.state(), sunny.power(), sunny.point(103, 39)) == (7, 0, (77,))
    sunny.control(set="fault", value=0)
    assert sunny.state() == 3


@pytest.mark.parametrize(
    ("model", "offset", "words", "code"),
    [
        (123, 5, (10_001,), 3),
        (123, 9, (2,), 3),
        (123, 5, (5000, 0, 0, 0, 7), 3),
        (123, 5, (5000, 0, 0, 0, 1, 0), 2),
        (123, 23, (0,), 2),
        (123, 0, (1,), 2),
        (103, 14, (0,), 2),
        (1, 2, (0,), 2),
    ],
)
def test_a_refused_write_changes_nothing_and_is_recorded(
    sunny: Bench, model: int, offset: int, words: tuple[int, ...], code: int
) -> None:
    before = sunny.point(123, 0, 26)
    assert sunny.write(offset, *words, model=model) == bytes([0x90, code])
    assert sunny.point(123, 0, 26) == before
    (write,) = sunny.control(get="writes")["writes"]  # type: ignore[misc]
    assert (write["values"], write["accepted"]) == (list(words), False)


def test_only_function_code_16_writes_and_every_write_is_traced(sunny: Bench) -> None:
    lines: list[dict[str, object]] = []
    sunny.device.trace = lines.append
    pdu = struct.pack(">BHH", 6, sunny.device.starts[123] + 9, 1)
    assert sunny.device.answer(pdu, sunny.now_ms) == b"\x86\x01"
    sunny.limit(50, revert_s=5)
    sunny.now_ms += 6000
    sunny.power()
    assert [(line["what"], line.get("accepted")) for line in lines] == [
        ("write", False),
        ("write", True),
        ("revert", None),
    ]


def test_a_dynamic_scale_factor_follows_the_power() -> None:
    bench = Bench(dynamic_scale=True, rated_w=60_000, pv_w=60_000)
    bench.now_ms = MINUTE_MS
    for watt, words in ((60_000, (6000, 1)), (30_000, (30_000, 0)), (1234.5, (12_345, 0xFFFF))):
        bench.control(set="pv_w", value=watt)
        assert bench.point(103, 14, 2) == words
    bench.control(fault="value", register="power", value=-50)
    assert bench.power() == -50


def test_the_energy_is_the_power_times_the_time(sunny: Bench) -> None:
    before = struct.unpack(">I", struct.pack(">HH", *sunny.point(103, 24, 2)))[0]
    sunny.now_ms += 3_600_000
    assert struct.unpack(">I", struct.pack(">HH", *sunny.point(103, 24, 2)))[0] - before == 8000


def test_faults_of_values(sunny: Bench) -> None:
    sunny.control(fault="value", register="voltage_l2", value=262.5)
    sunny.control(fault="enum", register="state", value=99)
    sunny.control(fault="bad_scale_factor", register="power", raw=11)
    assert (sunny.point(103, 11), sunny.state(), sunny.point(103, 15)) == ((2625,), 99, (11,))
    sunny.control(clear=True)
    sunny.control(fault="bad_scale_factor")
    assert [sunny.point(103, at) for at in (6, 13, 15, 17, 26, 37)] == [(0x8000,)] * 6
    assert sunny.point(123, 23) == (0x8000,)
    sunny.control(clear=True)
    sunny.control(fault="not_available")
    assert sunny.point(103, 14) == (0x8000,)
    assert sunny.point(103, 3, 3) == (0xFFFF,) * 3
    assert (sunny.point(103, 24, 2), sunny.state(), sunny.point(123, 9)) == ((0, 0), 0xFFFF, (0xFFFF,))
    sunny.control(clear=True)
    high, low = sunny.point(103, 24, 2)
    sunny.control(fault="wrong_order")
    assert sunny.point(103, 24, 2) == (low, high)
    assert sunny.power() == 8000


def test_a_frozen_inverter_shows_the_past_and_a_deaf_one_does_nothing(sunny: Bench) -> None:
    sunny.control(fault="frozen")
    sunny.limit(10)
    sunny.now_ms += 10_000
    assert (sunny.power(), sunny.point(123, 9)) == (8000, (0,))
    sunny.control(clear=True)
    assert (sunny.power(), sunny.point(123, 9)) == (1000, (1,))
    sunny.control(fault="deaf")
    sunny.limit(50)
    assert sunny.point(123, 5) == (1000,)


def test_faults_of_the_chain(sunny: Bench) -> None:
    sunny.control(fault="no_marker")
    assert sunny.read(40000, 2) == (0, 0)
    sunny.control(clear=True)
    sunny.control(fault="broken_chain")
    with pytest.raises(AssertionError, match="8302"):
        sunny.chain()
    assert sunny.device.control({"fault": "broken_chain", "model": 160}, 0)["ok"] is False
    assert sunny.device.control({"fault": "bad_scale_factor", "register": "state"}, 0)["ok"] is False


def test_faults_of_replies(sunny: Bench) -> None:
    request = bytes.fromhex("0007 0000 0006 01 03 9c40 0002")
    healthy = bytes.fromhex("0007 0000 0007 01 03 04 5375 6e53")
    for fault, told in (
        ({"fault": "late", "ms": 450}, [(450, healthy)]),
        ({"fault": "silent"}, []),
        ({"fault": "exception", "code": 6}, [(0, bytes.fromhex("0007 0000 0003 01 83 06"))]),
        ({"fault": "short_reply"}, [(0, bytes.fromhex("0007 0000 0005 01 03 02 5375"))]),
        ({"fault": "wrong_tid"}, [(0, b"\x00\x08" + healthy[2:])]),
        ({"fault": "wrong_unit"}, [(0, healthy[:6] + b"\x02" + healthy[7:])]),
    ):
        sunny.control(**fault)
        replies = TcpSession(sunny.device).feed(request, sunny.now_ms)
        assert [(reply.delay_ms, reply.data) for reply in replies] == told, fault
        sunny.control(clear=True)


@pytest.mark.parametrize(
    "options", [{"rated_w": 50_000}, {"unit": 0}, {"ramp_percent_per_s": 0}, {"base": 1}, {"vendor_words": -1}]
)
def test_options_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, Options)


def test_the_plant_gives_the_sun_and_feels_the_limit() -> None:
    bench = Bench(pv_w=None)
    plant = Plant(PlantOptions(load_w=(1000, 1000, 1000), load_swing=0, pv_w=6000, pv_swing=0), 1, 0)
    for second in range(40):
        bench.now_ms = 1000 * second
        if second == 20:
            assert sum(plant.grid()) == pytest.approx(-3000)
            bench.limit(30)
        bench.device.from_plant(plant.exchange(bench.device.to_plant(bench.now_ms), bench.now_ms), bench.now_ms)
    assert sum(plant.grid()) == pytest.approx(0)
    bench.device.from_plant({"supplied": False}, bench.now_ms)
    assert (bench.state(), bench.power()) == (8, 0)


def test_a_house_may_have_an_inverter(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.house.FAMILIES", ("sunspec_modbus",))
    path = run_dir / "inverter.yaml"
    path.write_text("devices:\n  inverter: {sim: sunspec_modbus, tcp: 127.0.0.1:15041, base: 50000, pv_w: 3000}\n")
    (entry,) = load(path).entries
    device = entry.make(0)
    assert (entry.link.number, device.state(0)["sun_w"]) == (15041, 3000)


def test_pymodbus_walks_limits_and_is_refused() -> None:
    async def scenario() -> None:
        bench = Bench()
        wire = TcpWire(bench.device, "127.0.0.1", 0)
        await wire.open()
        client = AsyncModbusTcpClient("127.0.0.1", port=wire.port, timeout=2, retries=0)
        try:
            assert await client.connect()
            assert (await client.read_holding_registers(40000, count=4, device_id=1)).registers == [
                *(0x5375, 0x6E53),
                *(1, 66),
            ]
            controls = bench.device.starts[123]
            order = [4000, 0, 60, 0, 1]
            assert not (await client.write_registers(controls + 5, order, device_id=1)).isError()
            assert (await client.read_holding_registers(controls + 5, count=5, device_id=1)).registers == order
            assert (await client.write_register(controls + 9, 0, device_id=1)).exception_code == 1
            assert (await client.read_holding_registers(100, count=2, device_id=1)).exception_code == 2
        finally:
            client.close()
            wire.close()

    asyncio.run(scenario())
