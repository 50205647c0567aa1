"""A house with everything that switches, as text: what docs/switching.md explains and what the slips are made on.

A wallbox on one phase or three; grid or island, with a bond and a precharge; a pump, a heater and a boiler that keep
each other open in every way there is; a reset, a key switch and a button.
"""

from __future__ import annotations

from pathlib import Path

from loader_slips import SITE

POLICY = "10-switching.yaml"

SITE_TEXT = """\
site: A house that switches
cycle: 50 ms
start_grace: 10 s

buses:
  can0: {kind: can, interface: canhub, channel: "{run}/can0.sock", bitrate: 500 kbit/s, simulated: true}
  can1: {kind: can, interface: canhub, channel: "{run}/can1.sock", bitrate: 500 kbit/s, simulated: true}
  lan: {kind: modbus, transport: tcp, simulated: true}
  gpio0: {kind: gpio, factory: linehub, channel: "{run}/gpio0.sock", simulated: true}

devices:
  relays:
    driver: relaynode_can
    bus: can0
    options: {node: 1, contacts: 4, drop_out_ms: 8000}
    targets:
      coil_1: {per_hour: 12}                        # L1 of the wallbox
      coil_2: {per_hour: 12, travel: 200 ms}        # L2 and L3
      coil_3:                                       # the pump
        zero_flow: submeter.current_l1 below 200 mA
        min_on: 2 min
        min_off: 5 min
      coil_4: {breaks_load: 0 s, per_hour: 20}      # the heater
  mains:
    driver: relaynode_can
    bus: can1
    options: {node: 1, contacts: 6, drop_out_ms: 8000}
    targets:
      coil_1:                                       # the grid
        breaks_load: 5 s
        proof: {open: panel.aux_1 is open, closed: panel.aux_1 is closed}
      coil_2:                                       # the island's inverter, behind a transformer
        breaks_load: 5 s
        proof: {open: panel.aux_2 is open, closed: panel.aux_2 is closed}
        precharge:
          by: mains.coil_5
          until: busmeter.voltage_l1 above 207 V
          within: 3 s
      coil_3:                                       # the neutral-earth bond of the island
        breaks_load: 5 s
        proof: {open: panel.aux_3 is open, closed: panel.aux_3 is closed}
      coil_4: {breaks_load: 0 s}                    # the boiler's first stage
      coil_5:                                       # the island's inverter through a resistor
        breaks_load: 0 s
        per_hour: 6
        proof: {open: panel.aux_5 is open, closed: panel.aux_5 is closed}
      coil_6:                                       # its second stage
        zero_flow: {all of: [battery.current within -1 A .. 1 A, submeter.current_l2 below 200 mA]}
  battery: {driver: pylontech_can, bus: can0, options: {role: listener}}
  meter: {driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 15120, unit: 1}}
  feed: {driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 15122, unit: 1}}
  busmeter: {driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 15124, unit: 1}}
  submeter: {driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 15126, unit: 1}}
  wallbox:
    driver: goe_modbus
    bus: lan
    optional: true
    options: {host: 127.0.0.1, port: 15121, unit: 1, max_ampere: 16}
    targets:
      current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}
  panel:
    driver: panel_gpio
    bus: gpio0
    options:
      inputs: "key=6 key, reset=12 button, car_button=13 button, aux_1=19 contact nc, aux_2=26 contact nc,
        aux_3=16 contact nc, aux_5=20 contact nc"
      outputs: "lamp=22 lamp"
    targets:
      lamp: {silence: on}

changeovers:
  phases:
    why: a car on three phases needs 4.1 kW, on one it can live from a cloudy roof
    positions:
      one: {closed: [relays.coil_1]}
      three: {closed: [relays.coil_1, relays.coil_2]}
    safe: open
    drain: {wallbox.current: stop}
    drain_within: 30 s
    flow:
      of: [feed.current_l1, feed.current_l2, feed.current_l3]
      against: [wallbox.current_l1, wallbox.current_l2, none]
      through: [[relays.coil_1], [relays.coil_2], [relays.coil_2]]
      below: 500 mA
      shown_by: 1 A
      for: 6 s
      skew: 8 s
    dead_time: 1 s
    settle: 10 s
    dwell: 7 min
  supply:
    why: without the grid the house lives on its battery, and nobody on the line is fed from here
    positions:
      grid:
        closed: [mains.coil_1]
        onto: {all of: [busmeter.voltage_l1 below 20 V, busmeter.voltage_l2 below 20 V]}
      island:
        closed: [mains.coil_3, mains.coil_2]
        onto: busmeter.voltage_l1 within 0 V .. 20 V
        allows: {wallbox.current: at most 6 A}
    safe: open
    sources: true
    hard_wired: the grid's and the island's contactor are mechanically interlocked
    drain: {wallbox.current: at most 0 A, relays.coil_4: stop}
    flow: {of: [busmeter.current_l1, busmeter.current_l2], below: 300 mA, shown_by: 600 mA, for: 2 s}
    dead_time: 2 s
    onto_within: 20 s
    settle: 3 s

local:
  reset: panel.reset is pressed
  maintenance:
    when: panel.key is on
    locks: [mains.coil_1, mains.coil_2, mains.coil_3]
  hands:
    car_button:
      why: whoever comes home and presses it wants the car full
      when: panel.car_button is pressed
      set: {phases.position: three, wallbox.current: 16 A}
      for: 8 h

orchestrators:
  optimiser:
    role: orchestrator
    priority: 10
    token_sha256: d30c2e15d5801ff8f788a306c7e49fc6e59ee840930c81c1f9491591e3b48ddb
"""

POLICY_TEXT = """\
limits:
  flat_battery:
    why: an empty battery carries no island
    when: battery.soc below 5 %
    hold: 10 s
    unknown_after: 60 s
    then: {supply.position: stop}
  hot_battery:
    why: a warm battery shall not feed the car on three phases
    when: battery.temperature above 45 degC
    hold: 10 s
    unknown_after: 60 s
    then: {phases.position: stop}

interlocks:
  pump_or_heater:
    why: the two share a cable of 16 A
    never_together: [relays.coil_3, relays.coil_4]
  two_of_three:
    why: the fuse of the cellar bears two of them
    at_most: 2
    of: [relays.coil_3, relays.coil_4, mains.coil_6]
  boiler_stages:
    why: the stages of the boiler share a winding
    break_before_make: [mains.coil_4, mains.coil_6]
    dead_time: 10 s
  boiler_needs_pump:
    why: without the pump the boiler boils its water
    contactor: mains.coil_6
    requires: relays.coil_3
  boiler_needs_grid:
    why: only a stiff grid carries the boiler
    contactor: mains.coil_4
    only_while: busmeter.frequency within 49.8 Hz .. 50.2 Hz

house_modes:
  faults_open:
    why: after a fault only people decide
    in: [fault, maintenance]
    then: {phases.position: stop, wallbox.current: stop}

permissions:
  choose_phases:
    why: the optimiser may choose how many phases the car gets
    who: [optimiser]
    target: phases.position
    positions: [one, three]
    in: [normal, degraded]
    longest: 8 h
  choose_supply:
    why: the optimiser may bring the house back to the grid
    who: [optimiser]
    target: supply.position
    positions: [grid]
    in: [normal]
    kinds: [setting]
  heat:
    why: the optimiser may heat with what is left
    who: [optimiser]
    target: relays.coil_4
    from: open
    to: closed
    in: [normal]

programs:
  grid_first:
    why: the grid is where a house belongs as long as there is one
    target: supply.position
    in: [normal, degraded, orchestrator_lost]
    value: grid
  one_phase_alone:
    why: without its optimiser the car gets one phase, which is always enough
    target: phases.position
    in: [orchestrator_lost]
    value: one
"""
TEXTS = {SITE: SITE_TEXT, POLICY: POLICY_TEXT}


def house(folder: Path) -> Path:
    """The house's documents in ``folder``, free to be spoilt."""
    site = folder / "house"
    site.mkdir()
    for name, text in TEXTS.items():
        (site / name).write_text(text, "utf-8")
    return site
