"""What a fault planted in the product is; tests/rig/planted_product.py says what is done with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """``caught_by``: a scenario of the rig, and words of the expectation in it that must not hold."""

    name: str
    file: str
    old: str
    new: str
    caught_by: str
    words: str
