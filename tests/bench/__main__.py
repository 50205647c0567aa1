"""``make bench``: the figures of the product beside a floor that is measured in the same run.

A figure alone says how busy the machine was; the ratio to the floor says what the product costs. Nothing here is a
test and nothing here fails because of a time.

    python -m tests.bench [P1 P2 P3 P4 P4M P5 P6 P7 P8 PEERS] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "e2e")]

from bench_can import can_load  # noqa: E402  the paths above come first
from bench_kernel import kernel_step  # noqa: E402
from bench_lateness import lateness  # noqa: E402
from bench_mqtt import mqtt_requests  # noqa: E402
from bench_peers import peers  # noqa: E402
from bench_product import idle_cost, start_times  # noqa: E402
from bench_requests import requests  # noqa: E402
from bench_trip import trips  # noqa: E402
from bench_virtual import virtual_speed  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from supervisor.guardian.priority import real_time  # noqa: E402

BENCHES: dict[str, Callable[[], list[dict[str, object]]]] = {
    "P1": kernel_step,
    "P2": can_load,
    "P3": trips,
    "P4": requests,
    "P4M": mqtt_requests,
    "P5": lateness,
    "P6": idle_cost,
    "P7": start_times,
    "P8": virtual_speed,
}
ON_DEMAND = {"PEERS": peers}  # Node-RED and Home Assistant, where `make peers` has installed them


def main() -> int:
    """Run the chosen benches, show a table, and write the figures where asked."""
    parser = argparse.ArgumentParser(prog="make bench", description="What the product costs, beside a floor.")
    parser.add_argument("which", nargs="*", default=[], metavar="P", help=f"of {', '.join(BENCHES)} (all), or PEERS")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    chosen = parser.parse_args()
    console = Console()
    console.print(f"cores: {os.cpu_count()}, load now: {os.getloadavg()[0]:.2f}, real-time priority: {_priority()}")
    rows: list[dict[str, object]] = []
    for name in chosen.which or BENCHES:
        with console.status(f"{name} …"):
            rows += (BENCHES | ON_DEMAND)[name]()
    console.print(_table(rows))
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def _priority() -> str:
    """Asked of a child, because the bench itself must not run at real-time priority."""
    child = os.fork()
    if child == 0:
        os._exit(0 if real_time() else 1)
    return "granted" if os.waitpid(child, 0)[1] == 0 else "not granted"


def _table(rows: list[dict[str, object]]) -> Table:
    table = Table(title="What it costs", title_justify="left", box=None)
    for column in ("id", "what", "measured", "must reach", "floor of this run", "ratio"):
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(row.get(key, "")) for key in ("id", "what", "measured", "must", "floor", "ratio")))
    return table


if __name__ == "__main__":
    sys.exit(main())
