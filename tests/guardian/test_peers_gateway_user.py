"""The gateway under a user of its own: gateway or view and nothing else, and everybody else as before.

The kernel says who connects (SO_PEERCRED), so the callers here are real processes of other users.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import wire
from supervisor.guardian.main import gateway_user
from supervisor.guardian.peers import OUTSIDERS_MAX, GatewayUser, Peers

DIGEST = "d" * 64
NOBODY = pwd.getpwnam("nobody")
OTHER = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, NOBODY.pw_uid, os.getuid()))
CALLER = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))
socks = []
for _ in range(int(sys.argv[5])):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(sys.argv[3])
    except PermissionError:
        sys.exit("no permission")
    sock.send(bytes.fromhex(sys.argv[4]))
    socks.append(sock)
print("said", flush=True)
sys.stdin.read()
"""

needs_root = pytest.mark.skipif(
    os.getuid() != 0, reason="only root can start a process of another user: run it as root"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """pytest's own folders are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="pw-") as made:
        os.chmod(made, 0o755)
        yield Path(made)


def heard(
    folder: Path, caller: pwd.struct_passwd, role: wire.Role, gateway: GatewayUser | None, calls: int = 1
) -> tuple[list[str], int, str]:
    """What got through to the guardian when ``caller`` said Hello as ``role``, how many were refused, and its word."""
    peers = Peers(folder / "guardian.sock", DIGEST, gateway)
    peers.open()
    hello = wire.encode(wire.Hello(role, "can0", 1, wire.PROTOCOL, DIGEST)).hex()
    place = str(folder / "guardian.sock")
    command = [sys.executable, "-c", CALLER, str(caller.pw_uid), str(caller.pw_gid), place, hello, str(calls)]
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()  # it has said everything, or has gone
            through = [type(word).__name__ for _ in range(2 * calls + 2) for _, word in peers.receive(peers.wait(0.02))]
            _, trouble = child.communicate(timeout=20)
        return through, peers.refused, trouble.strip()
    finally:
        peers.close()


@needs_root
@pytest.mark.parametrize("role", [wire.Role.GATEWAY, wire.Role.VIEW])
def test_the_gateways_user_may_be_gateway_or_view(folder: Path, role: wire.Role) -> None:
    user = GatewayUser(NOBODY.pw_uid, NOBODY.pw_gid)
    assert heard(folder, NOBODY, role, user) == (["Hello"], 0, "")


@needs_root
def test_the_gateways_user_is_no_bus(folder: Path) -> None:
    user = GatewayUser(NOBODY.pw_uid, NOBODY.pw_gid)
    assert heard(folder, NOBODY, wire.Role.BUS, user) == ([], 1, "")


@needs_root
def test_the_gateways_user_cannot_take_every_place(folder: Path) -> None:
    user = GatewayUser(NOBODY.pw_uid, NOBODY.pw_gid)
    through, refused, _ = heard(folder, NOBODY, wire.Role.VIEW, user, OUTSIDERS_MAX + 3)
    assert through == ["Hello"] * OUTSIDERS_MAX
    assert refused == 3


@needs_root
@pytest.mark.parametrize("role", list(wire.Role))
def test_everybody_else_does_not_even_reach_the_socket(folder: Path, role: wire.Role) -> None:
    user = GatewayUser(NOBODY.pw_uid, NOBODY.pw_gid)
    assert heard(folder, OTHER, role, user) == ([], 0, "no permission")


@needs_root
@pytest.mark.parametrize("role", list(wire.Role))
def test_another_user_of_the_same_group_is_refused(folder: Path, role: wire.Role) -> None:
    user = GatewayUser(NOBODY.pw_uid, OTHER.pw_gid)
    assert heard(folder, OTHER, role, user) == ([], 1, "")


@needs_root
def test_without_a_gateway_user_nobody_else_gets_in(folder: Path) -> None:
    assert heard(folder, NOBODY, wire.Role.GATEWAY, None) == ([], 0, "no permission")


def test_a_user_is_named_or_numbered() -> None:
    assert gateway_user("nobody") == GatewayUser(NOBODY.pw_uid, NOBODY.pw_gid)
    assert gateway_user(str(NOBODY.pw_uid)) == GatewayUser(NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize(
    ("text", "says"), [("nobody_of_that_name", "no user"), ("99999999999", "no user"), ("root", "must not run as root")]
)
def test_a_wrong_user_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        gateway_user(text)
