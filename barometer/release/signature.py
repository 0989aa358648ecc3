"""Hashes and a signature by which anyone can tell a release from a forgery: `SHA256SUMS`, `manifest.json.sig`.

The manifest holds the hash of every file, so one signature over it (Ed25519, RFC 8032) stands for the whole release.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from barometer.errors import BadConfiguration, ReleaseRefused
from barometer.release.manifest import MANIFEST, SIGNATURE, file_hashes, require_unaltered

SUMS = "SHA256SUMS"
PRIVATE_KEY, PUBLIC_KEY = "release_signing_key.pem", "release_public_key.pem"
_OWNER_ONLY = 0o600


def write_sums(folder: Path) -> Path:
    """`SHA256SUMS` of every file but the manifest, as `sha256sum --check` reads it."""
    path = folder / SUMS
    path.write_text("".join(f"{e['sha256']}  {n}\n" for n, e in file_hashes(folder).items() if n != SUMS), "utf-8")
    return path


def make_keys(folder: Path) -> tuple[Path, Path]:
    """A new key pair in `folder`: private (readable by its owner only) and public. Overwrites none."""
    private_path, public_path = folder / PRIVATE_KEY, folder / PUBLIC_KEY
    if private_path.exists() or public_path.exists():
        raise BadConfiguration(f"{folder}: has a signing key already; move it away before making another")
    folder.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    private_path.touch(_OWNER_ONLY)
    private_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public_path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private_path, public_path


def sign(folder: Path, private_key: Path) -> Path:
    """Sign the manifest of the release in `folder`; the same manifest and key give the same signature."""
    signature = _private(private_key).sign((folder / MANIFEST).read_bytes())
    path = folder / SIGNATURE
    path.write_text(base64.b64encode(signature).decode() + "\n", "ascii")
    return path


def verify(release: Path, public_key: Path | None = None) -> list[str]:
    """What can be said of the release in `release`, a line a finding, all of them good.

    Raises `ReleaseRefused` where a file is not as approved, nobody approved it, `SHA256SUMS` says otherwise, or, with a
    public key given, the signature is missing or was not made with its private key.
    """
    manifest = require_unaltered(release)
    if not manifest.get("approval"):
        raise ReleaseRefused(f"{release}: was never approved: it is a draft")
    return [_approved(release, manifest), _sums(release), _signature(release, public_key)]


def _approved(release: Path, manifest: dict[str, Any]) -> str:
    approval = manifest["approval"]
    return (
        f"{release.name}: {len(manifest['files'])} files are exactly as approved by {approval['approved_by']} "
        f"at {approval['approved_at']}"
    )


def _sums(release: Path) -> str:
    path = release / SUMS
    if not path.is_file():
        return f"{SUMS}: not there; the manifest's hashes were checked instead"
    stated = {
        name: digest for digest, _, name in (line.partition("  ") for line in path.read_text("utf-8").splitlines())
    }
    found = {name: entry["sha256"] for name, entry in file_hashes(release).items() if name != SUMS}
    if stated != found:
        raise ReleaseRefused(f"{path}: does not agree with the files")
    return f"{SUMS}: agrees with the files"


def _signature(release: Path, public_key: Path | None) -> str:
    path = release / SIGNATURE
    if public_key is None:
        return "signature: there, and not checked: give the city's public key" if path.is_file() else "signature: none"
    if not path.is_file():
        raise ReleaseRefused(f"{release}: is not signed, and a public key was given")
    key = _public(public_key)
    try:
        key.verify(base64.b64decode(path.read_text("ascii"), validate=False), (release / MANIFEST).read_bytes())
    except (InvalidSignature, ValueError):
        raise ReleaseRefused(f"{path}: was not made with the key of {public_key.name}: do not trust it") from None
    return f"signature: made with the key {fingerprint(key)}"


def fingerprint(key: Ed25519PublicKey) -> str:
    """First 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadConfiguration(f"{path}: is no Ed25519 private key in PEM; make one with `barometer signing-key`")
    return key


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadConfiguration(f"{path}: is no Ed25519 public key in PEM")
    return key
