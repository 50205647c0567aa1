"""Simulated devices, one module per family with the stem of its table in dbc/.

Each module offers `Options` (what a house file may say about one device) and `make(name, options, now_ms)`.
"""

from __future__ import annotations

FAMILIES = ("pylontech_can", "relaynode_can", "sdm630_modbus", "goe_modbus", "sunspec_modbus", "panel_gpio")
