"""Installers: whose signature may acknowledge a nuisance latch from outside the house (docs/latches.md).

    installers:
      anna: {public_key: 8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f}

Rules
* A key is Ed25519, 32 bytes in hex; ``powerwarden ack --new-key FILE`` makes one and prints this line.
* A public key for which signatures can be made up without the private one (a point of small order: all zeros, a
  placeholder) does not load.

Must never hold a private key.
"""

from __future__ import annotations

import re

from supervisor.loader.documents import Item, name_of

INSTALLERS_MAX = 20
KEY = re.compile(r"[0-9a-f]{64}")
PRIME = 2**255 - 19
ORDER_8 = (  # a test finds the same with the curve's own addition
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
)
SMALL_ORDER = frozenset({0, 1, PRIME - 1, *ORDER_8})
"""The y coordinates of all points whose order divides 8."""


def read_installers(item: Item | None) -> dict[str, str]:
    """The public key of each installer, in hex, by name."""
    found: dict[str, str] = {}
    for name, part in item.fields().items() if item is not None else ():
        given = part.need("public_key", "make one with: powerwarden ack --new-key FILE")
        key = _key(given)
        if key in found.values():
            raise given.error("another installer has the same key; nobody could tell the two apart")
        if len(found) == INSTALLERS_MAX:
            raise part.error(f"a site has at most {INSTALLERS_MAX} installers; remove one")
        part.done()
        found[name_of(name, part)] = key
    return found


def _key(item: Item) -> str:
    key = item.text()
    if not KEY.fullmatch(key):
        raise item.error("is no Ed25519 public key of 64 hex digits; make one with: powerwarden ack --new-key FILE")
    if (int.from_bytes(bytes.fromhex(key), "little") % 2**255) % PRIME in SMALL_ORDER:
        raise item.error("anybody can sign for this key; make a real one with: powerwarden ack --new-key FILE")
    return key
