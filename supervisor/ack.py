"""``powerwarden ack``: the installer's side of a nuisance latch. Makes a key; signs what the house asks to be signed.

    powerwarden ack --new-key anna.key                 # once: prints the line for site.yaml
    powerwarden ack limits.too_warm --key anna.key     # fetches the challenge, signs it, sends it, says the answer

Rules
* The private key stays in its file (mode 0600) and is never sent; an existing file is never overwritten.
* It is said what will be signed before it is sent: the site's name and the rule come from the house, and a house that
  gives itself out for another one is only seen by who reads that, or says ``--site``.

Must never be part of the appliance's own processes.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supervisor.wire import signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TIMEOUT_S = 10.0
ANSWER_MAX = 10_000_000  # bytes
KEY_MAX = 10_000  # bytes
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the house is near, no proxy knows it


class AckError(Exception):
    """Why there is no answer, and what to do."""


def new_key(path: Path) -> int:
    """Write a new private key and print its public one. Returns the exit code."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _failed(f"{path} is there already; a key is never overwritten, so name another file")
    except OSError as error:
        return _failed(f"cannot write {path}: {error.strerror}")
    with os.fdopen(file, "wb") as out:
        out.write(data)
    _say(f"the private key is in {path}; keep it off the box. In site.yaml, under 'installers', with your own name:")
    _say(f"  {_name(path)}: {{public_key: {key.public_key().public_bytes_raw().hex()}}}")
    return 0


def _name(path: Path) -> str:
    """The file's name where it can be an installer's; who has another one writes it there."""
    name = path.stem.lower()
    return name if name.isascii() and name.isidentifier() and name[0] != "_" and len(name) <= 31 else "anna"


def acknowledge(rule: str, key_path: Path, url: str, site: str | None) -> int:
    """Acknowledge one latched row. Returns 0 when its latch has ended, 1 when not."""
    try:
        key = _read(key_path)
        state = _call(f"{url}/v1/state")
        row = _row(state, rule)
        if site is not None and site != state["site"]:
            raise AckError(f"the house at {url} is '{state['site']}', not '{site}'; nothing was signed")
        _say(f"{state['site']}: {rule}: {row['why']}")
        words = {
            "challenge": row["challenge"],
            "public_key": key.public_key().public_bytes_raw().hex(),
            "signature": key.sign(signed(state["site"], rule, row["challenge"])).hex(),
        }
        said = _call(f"{url}/v1/latches/{urllib.parse.quote(rule, safe='')}/acknowledge", words)
        text = "; ".join(str(clause["text"]) for clause in said["clauses"])
        if said["verdict"] != "done":
            raise AckError(text)
    except AckError as error:
        return _failed(str(error))
    except (KeyError, TypeError) as error:
        return _failed(f"{url} answers, but not as Powerwarden does ({error!r}); name its gateway with --url")
    _say(text)
    return 0


def _row(state: Any, rule: str) -> Any:
    """The latched row, with its challenge."""
    if state["house"]["mode"] == "unknown":
        raise AckError("the guardian does not answer the gateway; try again in a moment")
    latched = {row["rule"]: row for row in state["trips"] if row["latched"]}
    if rule not in latched:
        others = f"; latched now: {', '.join(latched)}" if latched else "; nothing is latched"
        raise AckError(f"{rule} is not latched, there is nothing to acknowledge{others}")
    if latched[rule]["latched"] == "danger":
        raise AckError(f"{rule} is a danger latch: only somebody in the house can end it, after looking why")
    if "challenge" not in latched[rule]:
        raise AckError("this site has declared no installer's key; see 'installers' in docs/latches.md")
    return latched[rule]


def _read(path: Path) -> Ed25519PrivateKey:
    """The private key in a file that nobody else can read. Raises AckError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(KEY_MAX)
    except OSError as error:
        raise AckError(f"cannot read {path}: {error.strerror}; make a key with --new-key") from None
    if mode & 0o077:
        raise AckError(f"others can read {path}; take that away with 'chmod 600', or better make a new key")
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise AckError(f"{path} is no private key of 'powerwarden ack --new-key'")
    return key


def _call(url: str, words: dict[str, str] | None = None) -> Any:
    """GET, or POST ``words``; the JSON that came, also of a refusal. Raises AckError."""
    data = None if words is None else json.dumps(words).encode()
    if not url.startswith(("http://", "https://")):
        raise AckError(f"'{url}' is no address; write for example --url http://127.0.0.1:8080")
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read(ANSWER_MAX))
    except urllib.error.HTTPError as error:
        return _refused(url, error)
    except (OSError, ValueError, HTTPException) as error:
        raise AckError(f"no answer from {url}: {error}; is the gateway there?") from None


def _refused(url: str, error: urllib.error.HTTPError) -> Any:
    """A verdict also comes with 403 and 429; everything else has a message and a remedy."""
    try:
        said = json.loads(error.read(ANSWER_MAX))
        if "verdict" in said:
            return said
        text = f"{said['error']['message']}; {said['error']['remedy']}"
    except (ValueError, KeyError, TypeError, OSError):
        text = f"HTTP {error.code}"
    raise AckError(f"{url}: {text}") from None


def _say(text: str) -> None:
    """One line for people. What a house calls itself must not move anybody's cursor."""
    sys.stdout.write("".join(letter if letter.isprintable() else "?" for letter in text) + "\n")


def _failed(text: str) -> int:
    sys.stderr.write("powerwarden ack: " + "".join(c if c.isprintable() else "?" for c in text) + "\n")
    return 1
