"""The shape of a loaded site, as the guardian and the bus processes share it. No reading of files here (see loader.py).

Indices: ``signals`` and ``targets`` of the plan are numbered once, in the order of the site document; the digest in
:class:`supervisor.wire.Hello` makes sure that two processes number them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.contract import BusKind, Family, Options, OutputSpec, SignalSpec


@dataclass(frozen=True)
class SignalPlace:
    """``index`` of ``device.name`` among the plan's signals."""

    index: int
    spec: SignalSpec


@dataclass(frozen=True)
class OutputPlace:
    """``index`` of ``device.name`` among the plan's targets."""

    index: int
    spec: OutputSpec


@dataclass(frozen=True)
class DeviceSite:
    """One device. ``silence_image``: output name -> value that the bus process says when the guardian's tokens stop,
    None where the device reverts to safe by itself. ``silence_after_ms``: how long tokens may be missing before that.
    ``observe``: no write path for this device."""

    name: str
    family: Family
    options: Options
    signals: tuple[SignalPlace, ...]
    outputs: tuple[OutputPlace, ...]
    silence_image: Mapping[str, int] | None
    silence_after_ms: int
    observe: bool


@dataclass(frozen=True)
class BusSite:
    """One bus. ``settings``, checked by the loader:

    can: ``interface`` (a python-can interface name), ``channel``, ``bitrate`` (bit/s);
    modbus tcp: ``transport`` "tcp" (each device's options carry ``host`` and ``port``);
    modbus rtu: ``transport`` "rtu", ``device`` (path), ``baudrate``, ``parity`` "N", "E" or "O", ``stopbits``;
    serial: ``device``, ``baudrate``, ``parity``, ``stopbits``;
    gpio: ``factory`` (an entry point in the group ``gpiozero_pin_factories``) and, where it takes one, ``channel``: the
    only argument of its constructor, such as the number of the chip for ``lgpio``.
    """

    name: str
    kind: BusKind
    settings: Mapping[str, int | str]
    devices: tuple[DeviceSite, ...]
    observe: bool
    simulated: bool


@dataclass(frozen=True)
class Site:
    """A whole site as loaded. ``digest``: hex SHA-256 over the documents and the families' stems and shapes."""

    name: str
    digest: str
    cycle_ms: int
    observe: bool
    buses: tuple[BusSite, ...]
