"""Whatever a packet holds, it is a word or a WireError: anything else would end the guardian, and with it the house."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor import wire

HELLO = wire.encode(wire.Hello(wire.Role.GATEWAY, "gateway", 1, wire.PROTOCOL, ""))
ASK = wire.encode(wire.Ask(1, wire.Verb.SET, "me", "t", 1, "mA", "live", None, "r", 0, False))


def is_bounded(packet: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        wire.decode(packet)


@given(packet=st.binary(max_size=300))
def test_any_bytes(packet: bytes) -> None:
    is_bounded(packet)


@given(word=st.sampled_from([HELLO, ASK]), at=st.integers(0, 60), byte=st.integers(0, 255))
def test_a_right_word_with_one_byte_changed(word: bytes, at: int, byte: int) -> None:
    is_bounded(word[: at % len(word)] + bytes([byte]) + word[at % len(word) + 1 :])


@pytest.mark.parametrize("text", [b"\xc7x", b"\xff", b"\xed\xa0\x80"], ids=["broken", "never", "half a surrogate"])
def test_text_that_is_not_utf_8(text: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(HELLO.replace(b"\xa7gateway", bytes([0xA0 + len(text)]) + text))


@pytest.mark.parametrize("packet", [b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"])
def test_words_without_an_end(packet: bytes) -> None:
    is_bounded(packet)
