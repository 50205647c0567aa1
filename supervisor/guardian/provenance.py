"""Where a journal comes from: the sources that decided, and the documents, without what would give away a login.

Both are said once per segment. Nothing here decides anything.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PRODUCT = Path(__file__).resolve().parents[1]
SOURCES = (PRODUCT / "kernel", PRODUCT / "loader", PRODUCT.parent / "drivers", PRODUCT.parent / "dbc")
KINDS = {".py", ".yaml", ".dbc"}
HIDDEN = "........"
_WORD = re.compile(r"[^\s\"'#,:{}\[\]()]+")
log = logging.getLogger("journal")


@cache
def code_digest() -> str:
    """Hex SHA-256 over every source that has a say in a decision, read once, when the guardian starts."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in KINDS and path.is_file()):
            data = path.read_bytes()
            digest.update(f"{folder.name}/{path.relative_to(folder).as_posix()} {len(data)}\n".encode())
            digest.update(data)
    return digest.hexdigest()


def masked(texts: Mapping[str, str], tokens: Mapping[str, str]) -> dict[str, str]:
    """The documents as they may be passed on: each token's hash is replaced by the hash of itself, and a token that
    somebody wrote down beside it by dots. ``tokens``: the hashes, by identity. Nothing at all when a hash is
    not there literally: then it could not be replaced."""
    hidden = {token: _sha256(token) for token in tokens.values()}
    if any(not any(token in text for text in texts.values()) for token in hidden):
        log.warning("the journal goes without the documents: a token_sha256 is not written as plain hex in them")
        return {}
    found = {}
    for name, text in texts.items():
        for token, instead in hidden.items():
            text = text.replace(token, instead)
        found[name] = _WORD.sub(lambda word: HIDDEN if _sha256(word[0]) in hidden else word[0], text)
    return found


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
