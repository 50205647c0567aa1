"""A program with an open bench of relays, for tests that end it: says "open" when the relay is pulled, and looks on."""

from __future__ import annotations

import sys
from pathlib import Path

from loopback_parts import house_scene
from loopback_scenes import let

from hil.bench.wired import PHRASE, WiredBench
from hil.scenario.model import ToDevice

SWITCH = """\
lines: [gpio0]
devices:
  panel: {sim: panel_gpio, lines: gpio0, inputs: "button=5 button", outputs: "lamp=22 lamp"}
"""
RIG = """\
title: Two lamps
product: http://127.0.0.1:PORT
relays: {factory: linehub, channel: LINES, active: high, lines: {lamp_1: 5, lamp_2: 6}}
may_drive:
  - {relay: lamp_1, follows: panel.inputs_button_closed, load: lamp, volt: 12, why: to look at}
"""


def main() -> int:
    folder, port, lines = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    (folder / "rig.yaml").write_text(RIG.replace("PORT", port).replace("LINES", lines))
    bench = WiredBench(folder / "rig.yaml", lambda _: PHRASE)
    try:
        bench.open(house_scene(folder, house=SWITCH), 1)
        let(bench, 200, ToDevice("panel", {"set": "button", "value": 1}))
        sys.stdout.write("open\n")
        sys.stdout.flush()
        let(bench, 60_000)
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
