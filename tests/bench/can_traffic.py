"""A CAN bus at full load, and the house around it: the traffic of P2 and P3.

    python -m tests.bench.can_traffic SOCKET FRAMES_PER_S FRAMES OF_1000

sends that many frames, OF_1000 of a thousand by a battery and a relay node that the example house knows, all others by
strangers, and writes how many the hub took and how long that took.

The frames are packed with the rig's own packers. Counters run on and checksums are right, also where the list begins
anew; values change from frame to frame, so that no decoder gets away with what it remembers. No value trips a rule of
the example house. Nothing in here may use a driver or a table of the product.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import yaml

from hil.can_frame import Frame, connect, pack_frame
from hil.house import find
from hil.sim.can_table import load
from hil.sim.relaynode_frames import STATUS, sealed

FULL_PER_S = 4_000  # what a bus of 500 kbit/s carries
SLOTS_PER_S = 1_000  # four frames each: on a wire they come one by one, but no sleep is as exact as that
ROUND = "lsscssmssfsspsrs"  # a relay node that is moving speaks twice as often as its battery
COUNTER_WRAP = 15
STRANGERS = tuple(range(0x180, 0x1C0))
PATIENCE_S = 5.0  # with a hub that takes nothing
_BATTERY = load("pylontech_can.dbc")


def packets(of_1000: int, seed: int = 1) -> list[bytes]:
    """Packets to be sent again and again; the last is followed by the first as by any other."""
    dice = random.Random(seed)
    ours = _ours(dice)
    if not of_1000:
        return [_stranger(dice) for _ in range(FULL_PER_S)]
    count = len(ROUND) * COUNTER_WRAP * max(of_1000 // 20, 1)  # whole rounds of the alive counter
    total = count * 1000 // of_1000
    return [next(ours) if n * of_1000 // 1000 != (n + 1) * of_1000 // 1000 else _stranger(dice) for n in range(total)]


def _ours(dice: random.Random) -> Iterator[bytes]:
    battery: dict[str, Callable[[random.Random], Frame]]
    battery = {"l": limits, "c": charge, "m": measurement, "f": flags, "p": alarms, "r": request}
    counter = 0
    for letter in cycle(ROUND):
        if letter == "s":
            yield pack_frame(status(dice, counter))
            counter = (counter + 1) % COUNTER_WRAP
        else:
            yield pack_frame(battery[letter](dice))


def _battery(name: str, length: int, raw: dict[str, int]) -> Frame:
    message = _BATTERY[name]
    return Frame(message.can_id, message.pack(raw)[:length])


def limits(dice: random.Random) -> Frame:
    """0x351 of a battery that takes its limits back a little, and gives them again."""
    currents = {"ChargeCurrentLimit": dice.randint(900, 1500), "DischargeCurrentLimit": dice.randint(900, 1500)}
    return _battery("BMS_LIMITS", 8, {"ChargeVoltageLimit": 532, **currents, "DischargeVoltageLimit": 450})


def charge(dice: random.Random) -> Frame:
    """0x355, between 50 % and 60 %."""
    fine = dice.randint(5000, 5999)
    state = {"StateOfCharge": fine // 100, "StateOfHealth": 98, "StateOfChargeFine": fine}
    return _battery("BMS_STATE", 8, state)


def measurement(dice: random.Random) -> Frame:
    """0x356: 50 V to 52 V, up to 60 A either way."""
    volt, ampere = dice.randint(5000, 5200), dice.randint(-600, 600)
    raw = {"PackVoltage": volt, "PackCurrent": ampere, "Temperature": dice.randint(230, 260)}
    return _battery("BMS_MEASUREMENT", 6, raw)


def flags(_dice: random.Random | None = None, protection: int = 0) -> Frame:
    """0x359: nothing raised, or the bits of ``protection``."""
    mark = int.from_bytes(b"PN", "little")
    return _battery("BMS_PROTECTION", 7, {"ProtectionDischarge": protection, "ModuleCount": 6, "MakerMark": mark})


def alarms(_dice: random.Random) -> Frame:
    """0x35A that brings no news."""
    return _battery("BMS_ALARMS", 8, {})


def request(_dice: random.Random) -> Frame:
    """0x35C: both directions are enabled."""
    return _battery("BMS_REQUEST", 2, {"ChargeEnable": 1, "DischargeEnable": 1})


def status(dice: random.Random, counter: int) -> Frame:
    """0x211 of node 1: four contacts proven open, four that are not wired, a coil supply that wavers."""
    contacts = {f"Contact{n}": 0 if n <= 4 else 3 for n in range(1, 9)}
    node = {"Permit": 1, "CoilSupply": dice.randint(80, 160), "DropOutTime": 80, "AliveCounter": counter}
    return sealed(STATUS.can_id, STATUS.pack({**contacts, **node}))


def _stranger(dice: random.Random) -> bytes:
    """Inverters among themselves: one in eight with 29 bits."""
    extended = dice.random() < 1 / 8
    can_id = 0x18F0_0000 + dice.randrange(1 << 16) if extended else dice.choice(STRANGERS)
    return pack_frame(Frame(can_id, dice.randbytes(8), extended))


def house_without(folder: Path, *devices: str) -> Path:
    """The rig's example house in a file of its own, without these devices: the bench speaks in their place."""
    house = yaml.safe_load(find("uc001").read_text())
    for name in devices:
        del house["devices"][name]
    house["plant"].pop("contacts")
    path = folder / "house.yaml"
    path.write_text(yaml.safe_dump(house))
    return path


def send(path: str, per_s: int, frames: int, of_1000: int) -> tuple[int, float]:
    """How many frames the hub took, and in how many seconds; a full socket is waited for, so none is left out."""
    sock, sent = connect(path, "traffic"), 0
    endless = cycle(packets(of_1000))
    due = began = time.monotonic()
    while sent < frames:
        for packet in islice(endless, min(per_s // SLOTS_PER_S, frames - sent)):
            if not select.select([], [sock], [], PATIENCE_S)[1]:
                return sent, time.monotonic() - began
            sock.send(packet)
            sent += 1
        due += 1 / SLOTS_PER_S
        select.select([], [], [], max(due - time.monotonic(), 0))  # exact to some microseconds
    took_s = time.monotonic() - began
    _leave(sock)
    return sent, took_s


def _leave(sock: socket.socket) -> None:
    """Wait until the hub has read all and hung up: what is left behind of a socket that closes with frames unread is
    lost."""
    sock.shutdown(socket.SHUT_WR)
    while select.select([sock], [], [], PATIENCE_S)[0] and sock.recv(64):
        pass
    sock.close()


if __name__ == "__main__":
    took = send(sys.argv[1], *map(int, sys.argv[2:5]))
    sys.stdout.write(f"{took[0]} {took[1]}\n")
