"""A time line of a running house: what flowed, which contacts were closed, and what the product said of itself.

`record` asks every device and the plant for its state, and an HTTP API for its machines, a few times a second; `draw`
makes one SVG picture of that, which any browser opens. Powers and contacts are the rig's own; what the product says of
its states stands in lanes of its own, so that the two can be compared.

It only looks: nothing here commands, judges or repairs anything.
"""

from __future__ import annotations

import html
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from hil.unix_socket import RigError, ask

API_TIMEOUT_S = 1.0
WIDTH, LEFT, RIGHT, TOP = 1100, 170, 20, 40
CHART_H, LANE_H, GAP = 190, 20, 8
COLOURS = ("#c0392b", "#2471a3", "#d68910", "#1e8449", "#7d3c98", "#5d6d7e")
SHADES = ("#d6eaf8", "#fdebd0", "#d5f5e3", "#fadbd8", "#e8daef", "#fcf3cf", "#d5dbdb", "#aed6f1", "#f5cba7", "#a9dfbf")
CLOSED = "#1e8449"

Moment = dict[str, object]
"""One look: "t" (s since the first), "power" {name: W}, "closed" {contact: bool}, "state" {machine: name}."""


def record(
    run_dir: str, seconds: float, every_s: float, api: str | None, done: Callable[[float], None]
) -> Iterator[Moment]:
    """Moments until `seconds` have passed; `done` hears how many have. RigError when no plant answers."""
    began = time.monotonic()
    devices = sorted(path.stem for path in Path(run_dir).glob("*.ctl") if path.stem != "plant")
    count = 0
    while (passed := time.monotonic() - began) < seconds:
        yield {"t": round(passed, 2), **_look(run_dir, devices), "state": _machines(api) if api else {}}
        count += 1
        done(passed)
        time.sleep(max(0.0, began + count * every_s - time.monotonic()))


def _look(run_dir: str, devices: Sequence[str]) -> Moment:
    plant = _state(run_dir, "plant")
    power = {}
    for name in ("grid_w", "car_w", "pv_w", "battery_w", "load_w"):
        phases = plant.get(name)
        for phase, watt in enumerate(phases if isinstance(phases, list) else [], 1):
            power[f"{name.removesuffix('_w')} L{phase}"] = round(float(str(watt)))
    closed = {}
    for device in devices:
        contacts = _state(run_dir, device).get("closed")
        for number, is_closed in enumerate(contacts if isinstance(contacts, list) else [], 1):
            closed[f"{device} {number}"] = bool(is_closed)
    return {"power": power, "closed": closed}


def _state(run_dir: str, device: str) -> Mapping[str, object]:
    state = ask(run_dir, device, {"get": "state"}).get("state")
    if not isinstance(state, dict):
        raise RigError(f"{device} in {run_dir} does not tell its state; is the house running?")
    return state


def _machines(api: str) -> dict[str, str]:
    """House mode and machines as the product tells them; nothing where it does not answer."""
    try:
        with urllib.request.urlopen(f"{api}/v1/state", timeout=API_TIMEOUT_S) as reply:
            told = json.loads(reply.read())
    except (urllib.error.URLError, OSError, ValueError):
        return {"house": "no answer"}
    return {"house": told["house"]["mode"]} | {machine["id"]: machine["state"] for machine in told["machines"]}


# ---- the picture ----------------------------------------------------------------------------------------------------
def draw(moments: Sequence[Moment], title: str, powers: Sequence[str], lanes: Sequence[str]) -> str:
    """The SVG. `powers` and `lanes` name what is shown, in order; contacts that never move are left out."""
    if len(moments) < 2:
        raise RigError("a time line needs at least two moments; record for longer")
    end = float(str(moments[-1]["t"]))
    contacts = [name for name in _keys(moments, "closed") if len({_at(m, "closed", name) for m in moments}) > 1]
    height = TOP + CHART_H + GAP + (len(contacts) + len(lanes)) * (LANE_H + GAP) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{html.escape(title)}</text>',
        *_chart(moments, powers, end),
    ]
    y = TOP + CHART_H + GAP * 3
    for name in contacts:
        parts += _lane(moments, "closed", name, y, end)
        y += LANE_H + GAP
    for name in lanes:
        parts += _lane(moments, "state", name, y, end)
        y += LANE_H + GAP
    parts += _seconds(y, end)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _at(moment: Moment, part: str, name: str) -> object:
    values = moment[part]
    return values.get(name) if isinstance(values, dict) else None


def _keys(moments: Sequence[Moment], part: str) -> list[str]:
    values = moments[0][part]
    return list(values) if isinstance(values, dict) else []


def _x(t: float, end: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * t / end, 1)


def _chart(moments: Sequence[Moment], powers: Sequence[str], end: float) -> list[str]:
    """The powers as lines over time, with a scale in kW."""
    values = {name: [float(str(_at(m, "power", name) or 0)) for m in moments] for name in powers}
    most = max((max(line) for line in values.values()), default=0.0)
    least = min((min(line) for line in values.values()), default=0.0)
    step = next(step for step in (500, 1000, 2000, 5000, 10_000, 50_000, 10**9) if (most - least) / step <= 8)
    top, bottom = max(step, -(-most // step) * step), min(0, least // step * step)

    def at(watt: float) -> float:
        return round(TOP + CHART_H * (top - watt) / (top - bottom), 1)

    parts = []
    for watt in range(int(bottom), int(top) + 1, step):
        shade = "#888" if watt == 0 else "#ddd"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at(watt)}" y2="{at(watt)}" stroke="{shade}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at(watt) + 4}" text-anchor="end">{watt / 1000:g} kW</text>')
    for index, (name, line) in enumerate(values.items()):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join(f"{_x(float(str(m['t'])), end)},{at(watt)}" for m, watt in zip(moments, line, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(f'<text x="6" y="{TOP + 14 + 16 * index}" fill="{colour}">{html.escape(name)}</text>')
    return parts


def _lane(moments: Sequence[Moment], part: str, name: str, y: int, end: float) -> list[str]:
    """One thing's states as bars; a closed contact is a dark one."""
    parts = [f'<text x="6" y="{y + 14}">{html.escape(name)}</text>']
    shades: dict[str, str] = {}
    spans = [(value, list(run)) for value, run in groupby(moments, key=lambda m: _at(m, part, name))]
    for index, (value, run) in enumerate(spans):
        until = float(str(spans[index + 1][1][0]["t"])) if index + 1 < len(spans) else end
        x1, x2 = _x(float(str(run[0]["t"])), end), _x(until, end)
        if part == "closed":
            fill, word = (CLOSED, "") if value else ("#f2f3f4", "")
        else:
            word = str(value)
            fill = shades.setdefault(word, SHADES[len(shades) % len(SHADES)])
        hint = html.escape(f"{name}: {value} from {run[0]['t']} s to {until} s")
        box = f'x="{x1}" y="{y}" width="{max(x2 - x1, 1):.1f}" height="{LANE_H}" fill="{fill}"'
        parts.append(f'<rect {box} stroke="#999" stroke-width="0.5"><title>{hint}</title></rect>')
        if len(word) * 6.5 < x2 - x1:
            parts.append(f'<text x="{x1 + 3}" y="{y + 14}">{html.escape(word)}</text>')
    return parts


def _seconds(y: int, end: float) -> list[str]:
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600) if end / step <= 14 or step == 3600)
    return [
        f'<text x="{_x(t, end)}" y="{y + 12}" text-anchor="middle">{t} s</text>' for t in range(0, int(end) + 1, step)
    ]
