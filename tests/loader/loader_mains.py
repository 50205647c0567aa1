"""A house with a tree of fuses and a grid operator, as text: what docs/circuits.md explains and the slips are made on.

A service fuse with a meter that a balance checks, a garage without a meter, a single-phase socket within it; a roof
that may export 5 kW, and a relay contact of the operator.
"""

from __future__ import annotations

from pathlib import Path

from loader_slips import SITE

POLICY = "10-mains.yaml"

SITE_TEXT = """\
site: A house with a tree of fuses
cycle: 50 ms
start_grace: 10 s

buses:
  lan: {kind: modbus, transport: tcp, simulated: true}
  gpio0: {kind: gpio, factory: linehub, channel: "{run}/gpio0.sock", simulated: true}

devices:
  meter: {driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 15420, unit: 1}}
  pv:
    driver: sunspec_modbus
    bus: lan
    grace: 3 min                    # it boots slowly
    options: {host: 127.0.0.1, port: 15421, rating_w: 10000}
    targets: {power_limit: {silence: 0 W, hold: 5 s, ramp: 1 kW/s}}
  wallbox:
    driver: goe_modbus
    bus: lan
    options: {host: 127.0.0.1, port: 15422, unit: 1, max_ampere: 16}
    targets: {current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}}
  guestbox:
    driver: goe_modbus
    bus: lan
    options: {host: 127.0.0.1, port: 15423, unit: 1, max_ampere: 16}
    targets: {current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}}
  scooter:
    driver: goe_modbus
    bus: lan
    options: {host: 127.0.0.1, port: 15424, unit: 1, max_ampere: 10}
    targets: {current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}}
  panel: {driver: panel_gpio, bus: gpio0, options: {inputs: "dimmed=5 contact nc"}}

circuits:
  house:
    why: the service fuse of the house is 35 A on each phase
    fuse: 35 A
    margin: 2 A
    blind: 6 A
    asymmetry: 20 A
    curve: gG
    blind_after: 2 s
    trust_after: 1 min
    meter:
      current: [meter.current_l1, meter.current_l2, meter.current_l3]
      power: [meter.power_l1, meter.power_l2, meter.power_l3]
    check:
      sources: [pv.power]
      loads: [wallbox.power, guestbox.power, scooter.power]
      within: 1500 W
      for: 10 s
    feeds:
      wallbox.current: [wallbox.current_l1, wallbox.current_l2, wallbox.current_l3]
  garage:
    why: the sub-distribution in the garage has breakers of 20 A and no meter
    within: house
    fuse: 20 A
    margin: 1 A
    unmeasured: 3 A
    curve: {type: B, warm: 40 %, hot: 70 %}
    feeds:
      guestbox.current: [guestbox.current_l1, guestbox.current_l2, guestbox.current_l3]
  socket:
    why: the socket in the garage hangs on L2 alone, with 10 A
    within: garage
    phases: 1
    on: [l2]
    fuse: 10 A
    margin: 0 A
    unmeasured: 0 A
    feeds:
      scooter.current: [scooter.current_l1]

grid:
  export:
    why: the grid operator lets 5 kW leave this house
    limit: 5 kW
    react: 7 s
    margin: 200 W
    blind: 2 kW
    trust_after: 1 min
    meter: [meter.power_l1, meter.power_l2, meter.power_l3]
    share: in_order
    through:
      pv.power_limit: {produces: pv.power, acts: 3 s}
  dimming:
    why: the grid operator may dim what charges here (section 14a EnWG)
    when: panel.dimmed is closed
    limit: 4.2 kW
    limits: each
    devices:
      wallbox.current: {phases: 3}
      guestbox.current: {phases: 3}
"""

POLICY_TEXT = """\
permissions:
  charge:
    why: whoever lives here may charge
    who: [phone]
    target: wallbox.current
    from: 0 A
    to: 16 A
    in: [normal]
"""

PHONE = """\

orchestrators:
  phone: {role: orchestrator, token_sha256: 07e1e506e243d87f2eac6e9b3520e8d33b483832179c563fd75ec52e26f94f21}
"""

BY_VALUE = """\
  dimming:
    why: the grid operator may dim what charges here, through his control box (EEBUS LPC)
    value: guard.limit
    active: guard.active is on
    heartbeat: guard.beat
    timeout: 120 s
    renew_within: 120 s
    failsafe: 4.2 kW
    failsafe_for: 2 h
    floor: 4.2 kW
    limits: together
    meter: [meter.power]
    trust_after: 1 min
    devices:
      wallbox.current: {phases: 3, draws: wallbox.power}
      guestbox.current: {phases: 3, draws: guestbox.power}
"""
"""The same with an energy guard, whose driver is a toy of the tests."""

SECOND_METER = """\
    check: {same: [pv.power], within: 500 W, for: 10 s}
"""

TEXTS = {SITE: SITE_TEXT + PHONE, POLICY: POLICY_TEXT}


def house(folder: Path) -> Path:
    """The house's documents in ``folder``, free to be spoilt."""
    site = folder / "house"
    site.mkdir()
    for name, text in TEXTS.items():
        (site / name).write_text(text, "utf-8")
    return site


def by_value(folder: Path) -> Path:
    """The house with an energy guard instead of the contact."""
    site = house(folder)
    text = (SITE_TEXT + PHONE).replace(SITE_TEXT[SITE_TEXT.index("  dimming:") :], BY_VALUE)
    text = text.replace("circuits:\n", "  guard: {driver: guard, bus: lan}\n\ncircuits:\n", 1)
    (site / SITE).write_text(text, "utf-8")
    return site
