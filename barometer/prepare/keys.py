"""The city's key: what makes a pseudonym of this city and of no other. It never enters the lake, a log or a release."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from barometer.errors import BadConfiguration

KEY_BYTES = 32
_ONLY_THE_OWNER_READS = 0o600
_ONLY_THE_OWNER_ENTERS = 0o700


def city_key(path: Path) -> bytes:
    """The 32 bytes kept at `path`, made at random on first use; the same for every process that asks at once.

    Raises `BadConfiguration` when the file cannot be read or written, or does not hold exactly 32 bytes.
    """
    try:
        if not path.exists():
            _create(path)
        return _checked(path, path.read_bytes())
    except OSError as failure:
        raise BadConfiguration(
            f"{path}: the city's key cannot be read or made ({failure.strerror}); "
            "give this user read and write access to the file and its folder, or set BAROMETER_KEYS"
        ) from failure


def _create(path: Path) -> None:
    """Make the key whole before it has its name: whoever comes second finds the first one's key, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=_ONLY_THE_OWNER_ENTERS)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write_for_owner(draft, secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _write_for_owner(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_THE_OWNER_READS)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _checked(path: Path, key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise BadConfiguration(
            f"{path}: the city's key has {len(key)} bytes and must have {KEY_BYTES}; restore the file from its backup "
            "(a new key would cut every later post off from its author's earlier ones)"
        )
    return key
