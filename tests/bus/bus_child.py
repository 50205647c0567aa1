"""A whole bus process for the tests: ``bus_child.py <kind> <guardian's socket> <observe 0/1> [setting=value ...]``."""

from __future__ import annotations

import sys

from bus_toys import ModbusToy, bus, device

from drivers.contract import BusKind
from supervisor.bus.main import run


def main() -> int:
    kind, path, observe, *pairs = sys.argv[1:]
    settings = dict(pair.split("=", 1) for pair in pairs)
    options = {"host": "127.0.0.1", "port": int(settings.pop("port", "1"))}
    toy = ModbusToy() if kind == "modbus" else None
    site = device(BusKind(kind), options=options, toy=toy)
    return run(bus(BusKind(kind), site, observe=observe == "1", **settings), "digest", path)


if __name__ == "__main__":
    sys.exit(main())
