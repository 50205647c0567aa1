"""Who may say what to the guardian, over its real socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import wire
from supervisor.guardian.peers import PEERS_MAX, Peers
from supervisor.kernel.signal import Quality, Sample

DIGEST = "d" * 64


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    served = Peers(tmp_path / "guardian.sock", DIGEST)
    served.open()
    yield served
    served.close()


def hello(role: wire.Role, name: str = "x", digest: str = DIGEST, protocol: int = wire.PROTOCOL) -> wire.Hello:
    return wire.Hello(role, name, os.getpid(), protocol, digest)


ASK = wire.Ask(1, wire.Verb.SET, "me", "t", 1, "mA", "live", None, "", 0, False)
SAMPLES = wire.Samples((Sample(0, 1, 1, Quality.GOOD),))


def said(peers: Peers, path: Path, *words: wire.Word | bytes) -> list[str]:
    """Connect, say these words, and return the names of those that got through."""
    sock = wire.connect(str(path))
    for word in words:
        sock.send(word if isinstance(word, bytes) else wire.encode(word))
    heard = []
    for _ in range(len(words) + 2):
        heard += [type(word).__name__ for _, word in peers.receive(peers.wait(0.05))]
    sock.close()
    return heard


@pytest.mark.parametrize(
    ("words", "through"),
    [
        ([hello(wire.Role.BUS), SAMPLES], ["Hello", "Samples"]),
        ([hello(wire.Role.GATEWAY), ASK], ["Hello", "Ask"]),
        ([hello(wire.Role.BUS), ASK], ["Hello"]),
        ([hello(wire.Role.GATEWAY), SAMPLES], ["Hello"]),
        ([hello(wire.Role.VIEW), ASK], ["Hello"]),
        ([ASK], []),
        ([SAMPLES], []),
        ([hello(wire.Role.BUS, digest="other")], []),
        ([hello(wire.Role.BUS, protocol=99)], []),
        ([hello(wire.Role.VIEW), hello(wire.Role.GATEWAY)], ["Hello"]),
        ([b"\xff\xff garbage"], []),
        ([wire.encode(SAMPLES)[:-1]], []),
    ],
)
def test_each_role_says_its_own_words_and_one_too_much_ends_the_connection(
    peers: Peers, tmp_path: Path, words: list[wire.Word | bytes], through: list[str]
) -> None:
    assert said(peers, tmp_path / "guardian.sock", *words) == through
    assert peers.refused == (0 if len(through) == len(words) else 1)


def test_a_restarted_bus_replaces_its_older_connection(peers: Peers, tmp_path: Path) -> None:
    older, newer = (wire.connect(str(tmp_path / "guardian.sock")) for _ in range(2))
    for sock in (older, newer):
        sock.send(wire.encode(hello(wire.Role.BUS, "can0")))
        for _ in range(3):
            list(peers.receive(peers.wait(0.05)))
    assert [peer.name for peer in peers.of(wire.Role.BUS)] == ["can0"]
    assert older.recv(10) == b"", "the older one is hung up on"
    older.close()
    newer.close()


def test_a_second_guardian_on_the_same_path_is_refused(peers: Peers, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="another guardian"):
        Peers(tmp_path / "guardian.sock", DIGEST).open()


def test_the_rest_of_a_killed_guardian_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "guardian.sock"
    killed = Peers(path, DIGEST)
    killed.open()
    killed._listener.close()
    again = Peers(path, DIGEST)
    again.open()
    again.close()


def test_only_this_user_may_use_the_socket(peers: Peers, tmp_path: Path) -> None:
    assert (tmp_path / "guardian.sock").stat().st_mode & 0o077 == 0


def test_a_peer_that_does_not_read_never_blocks(peers: Peers, tmp_path: Path) -> None:
    sock = wire.connect(str(tmp_path / "guardian.sock"))
    sock.send(wire.encode(hello(wire.Role.VIEW)))
    for _ in range(3):
        list(peers.receive(peers.wait(0.05)))
    (peer,) = peers.of(wire.Role.VIEW)
    image = wire.Image(1, 2, tuple((i, i) for i in range(1_000)))
    assert not all(peer.send(image) for _ in range(1_000))
    assert peer.lost_packets > 0
    sock.close()


@pytest.mark.parametrize("crowd", [None, wire.Role.VIEW], ids=["who say nothing", "who only look"])
def test_no_crowd_keeps_a_bus_out_that_comes_back(peers: Peers, tmp_path: Path, crowd: wire.Role | None) -> None:
    path = str(tmp_path / "guardian.sock")
    idle = []
    for _ in range(PEERS_MAX + 2):
        idle.append(wire.connect(path))
        if crowd is not None:
            idle[-1].send(wire.encode(hello(crowd)))
        list(peers.receive(peers.wait(0.05)))
        list(peers.receive(peers.wait(0.0)))
    assert len(peers.all) == PEERS_MAX
    assert said(peers, Path(path), hello(wire.Role.BUS, "can0"), SAMPLES) == ["Hello", "Samples"]
    assert len(peers.all) <= PEERS_MAX
    for sock in idle:
        sock.close()
