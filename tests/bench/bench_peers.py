"""What people would write instead of P4: the same comparison in Node-RED and in Home Assistant, beside the same broker.

    python -m tests.bench P4 P4M PEERS     in one run; `make peers` installs both

Each program is measured by its own script, in a process of its own, and what is not installed has a row that says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
COUNT = 200  # of each kind of Home Assistant's, ten a second
WHAT = {
    "broker": "the broker alone, QoS 0",
    "ha_automation": "Home Assistant automation, one comparison",
    "ha_slider": "Home Assistant slider over REST → our answer",
}


def peers() -> list[dict[str, object]]:
    """Rows without a must: they are what P4's is compared with."""
    return [*_nodered(), *_homeassistant()]


def _nodered() -> list[dict[str, object]]:
    with tempfile.NamedTemporaryFile() as file:
        done = _script("nodered/nodered_latency.py", "--json", file.name)
        text = Path(file.name).read_text()
    return json.loads(text) if done.returncode == 0 and text else [_missing("Node-RED", done)]


def _homeassistant() -> list[dict[str, object]]:
    done = _script("peers/ha_latency.py", str(COUNT))
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    rows = [
        {
            "id": "PEERS",
            "what": f"{WHAT[row['row']]} ({row['release']})",
            "measured": f"p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f} ms",
        }
        for row in told
    ]
    return rows or [_missing("Home Assistant", done)]


def _script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TESTS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


def _missing(name: str, done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return {"id": "PEERS", "what": f"{name}: not measured ({last})"}
