"""Where the rig's processes meet: Unix sockets in a run directory, and how to take or reach one.

Rules: a socket file that nobody answers on is the rest of a killed process and may be removed; one that answers
belongs to somebody and is never taken away. Errors name the place and the remedy.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping

PATH_BYTES_MAX = 107  # sun_path of Linux, without its end mark
ANSWER_S = 2.0


class RigError(Exception):
    """Something that a person at the rig can put right; the text says how."""


def claim(path: str, kind: socket.SocketKind) -> None:
    """Make `path` free to be bound by a socket of this kind; RigError when somebody has it or it is too long."""
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise RigError(f"{path}: a socket's path has at most {PATH_BYTES_MAX} bytes; choose a shorter --dir")
    if not os.path.exists(path):
        return
    with socket.socket(socket.AF_UNIX, kind) as probe:
        try:
            probe.settimeout(ANSWER_S)
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError as error:
            raise RigError(f"{path}: is in use or no socket of ours ({error.strerror}); choose another --dir") from None
    raise RigError(f"{path}: another process already listens here; stop it, or choose another --dir")


def remove(path: str) -> None:
    """Take our own socket or link away at the end; it may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def ask(run_dir: str, device: str, request: Mapping[str, object], timeout_s: float = ANSWER_S) -> dict[str, object]:
    """One request to a running device's control socket, one reply; RigError when nobody answers in time."""
    path = os.path.join(run_dir, f"{device}.ctl")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_s)
            sock.connect(path)
            sock.sendall(json.dumps(request).encode() + b"\n")
            line = sock.makefile("rb").readline()
    except FileNotFoundError:
        there = ", ".join(sorted(name[:-4] for name in _names(run_dir) if name.endswith(".ctl"))) or "nothing"
        raise RigError(f"{path}: no such device; in {run_dir} there runs: {there}") from None
    except OSError as error:
        raise RigError(f"{path}: {device} does not answer ({error}); is its house still running?") from None
    if not line:
        raise RigError(f"{path}: {device} hung up without an answer; its log says why")
    reply: dict[str, object] = json.loads(line)
    return reply


def _names(run_dir: str) -> list[str]:
    return os.listdir(run_dir) if os.path.isdir(run_dir) else []
