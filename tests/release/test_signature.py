"""Hashes that other tools can check, and a signature that no one else can make."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from barometer.errors import BadConfiguration, ReleaseRefused
from barometer.release.manifest import MANIFEST, SIGNATURE, file_hashes, write_manifest
from barometer.release.signature import SUMS, make_keys, sign, verify


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def signed(released: Path, tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    folder = tmp_path / "2026-05-09-1"
    shutil.copytree(released, folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    sign(folder, keys[0])
    return folder


def test_sha256sum_agrees(released: Path) -> None:
    command = ["sha256sum", "--check", "--strict", SUMS]
    checked = subprocess.run(command, cwd=released, capture_output=True, text=True, check=True)
    assert len(checked.stdout.splitlines()) == len(file_hashes(released)) - 1


def test_an_unsigned_release_is_verified_by_its_hashes(released: Path) -> None:
    lines = verify(released)
    assert "files are exactly as approved by sample run" in lines[0]
    assert lines[1:] == ["SHA256SUMS: agrees with the files", "signature: none"]


def test_a_signed_release_is_verified_with_the_public_key(signed: Path, keys: tuple[Path, Path]) -> None:
    assert verify(signed, keys[1])[-1].startswith("signature: made with the key ")
    assert verify(signed)[-1] == "signature: there, and not checked: give the city's public key"


def test_the_same_manifest_has_the_same_signature(signed: Path, keys: tuple[Path, Path]) -> None:
    before = (signed / SIGNATURE).read_bytes()
    assert sign(signed, keys[0]).read_bytes() == before


def forge_manifest(folder: Path) -> None:
    (folder / "estimates.csv").write_text("city\n", "utf-8")
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / SUMS).unlink()
    write_manifest(folder, manifest | {"files": file_hashes(folder)})


def garble_signature(folder: Path) -> None:
    (folder / SIGNATURE).write_text("!!!", "ascii")


def cut_signature(folder: Path) -> None:
    (folder / SIGNATURE).write_text("AAAA", "ascii")


def drop_signature(folder: Path) -> None:
    (folder / SIGNATURE).unlink()


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (forge_manifest, "do not trust it"),
        (garble_signature, "do not trust it"),
        (cut_signature, "do not trust it"),
        (drop_signature, "is not signed, and a public key was given"),
    ],
)
def test_a_forgery_is_found(signed: Path, keys: tuple[Path, Path], forge: Callable[[Path], None], words: str) -> None:
    forge(signed)
    with pytest.raises(ReleaseRefused, match=words):
        verify(signed, keys[1])


def test_another_citys_key_does_not_fit(signed: Path, tmp_path: Path) -> None:
    _, others = make_keys(tmp_path / "others")
    with pytest.raises(ReleaseRefused, match="do not trust it"):
        verify(signed, others)


def test_an_altered_file_is_named(signed: Path) -> None:
    (signed / "coverage.csv").write_text("x", "utf-8")
    with pytest.raises(ReleaseRefused, match=r"coverage\.csv changed"):
        verify(signed)


def test_sums_that_say_otherwise_are_found(signed: Path) -> None:
    (signed / SUMS).write_text(f"{'0' * 64}  estimates.csv\n", "utf-8")
    manifest = json.loads((signed / MANIFEST).read_text("utf-8"))
    write_manifest(signed, manifest | {"files": file_hashes(signed)})
    with pytest.raises(ReleaseRefused, match="does not agree with the files"):
        verify(signed)


def test_a_draft_is_not_approved(drafted: Path) -> None:
    with pytest.raises(ReleaseRefused, match="it is a draft"):
        verify(drafted)


def test_a_private_key_is_its_owners_only_and_is_not_overwritten(keys: tuple[Path, Path]) -> None:
    assert keys[0].stat().st_mode & 0o077 == 0
    with pytest.raises(BadConfiguration, match="has a signing key already"):
        make_keys(keys[0].parent)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_said_to_be_none(signed: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(BadConfiguration, match="is no Ed25519 private key"):
        sign(signed, path)
    with pytest.raises(BadConfiguration, match="is no Ed25519 public key"):
        verify(signed, path)
