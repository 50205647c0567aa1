"""Facts: what devices and plant truly do, flat and named, from their own states.

A state is a mapping of names to numbers, texts, truths and lists; a mapping inside it becomes NAME_INNER. Devices say
it over their control socket (loopback) or are asked in this process (virtual): the facts are the same.

It must never ask the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hil.scenario.model import Fact


def facts_of(name: str, state: Mapping[str, object]) -> Iterator[tuple[str, Fact]]:
    """The facts of one device; what is None is left out."""
    for key, value in state.items():
        if isinstance(value, Mapping):
            yield from facts_of(name, {f"{key}_{inner}": within for inner, within in value.items()})
        elif isinstance(value, bool | str | list):
            yield f"{name}.{key}", value
        elif isinstance(value, int | float):
            yield f"{name}.{key}", float(value)
