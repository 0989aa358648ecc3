"""Vectors of a city's library of claims, kept in a file: a claim is read once, until its text or the encoder changes.

The library is the city's own, public file. Posts are never kept here: a store beside the lake would outlive removals.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barometer.classify.sentences import SentenceEncoder, Vectors

_DIGEST_BYTES = 16


@dataclass(frozen=True)
class KeptVectors:
    """`encoder` as an `embed.Embedder` that remembers in `file` what it was last asked."""

    encoder: SentenceEncoder
    file: Path

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, width) unit rows; only texts that the file does not hold are read, then it holds these and no others."""
        keys = [_key(text) for text in texts]
        known = self._known()
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        known |= dict(zip(new, self.encoder.embed(list(new.values())), strict=True))
        wanted = {key: known[key] for key in keys}
        if new:
            self._keep(wanted)
        return np.stack([known[key] for key in keys]) if keys else self.encoder.embed([])

    def _known(self) -> dict[bytes, Vectors]:
        """What the file holds of this encoder; nothing of another, of none, or of a file that cannot be read."""
        try:
            with np.load(self.file, allow_pickle=False) as held:
                version, keys, rows = str(held["version"]), held["keys"], held["rows"]
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return {}
        if version != self.encoder.version or rows.shape != (len(keys), self.encoder.width):
            return {}
        return {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}

    def _keep(self, vectors: dict[bytes, Vectors]) -> None:
        """Replace the file in one step, so that nobody ever reads half of it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        half = self.file.with_name(f"{self.file.name}.{os.getpid()}.half")
        keys = np.frombuffer(b"".join(vectors), dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
        with half.open("wb") as file:
            np.savez(file, version=np.array(self.encoder.version), keys=keys, rows=np.stack(list(vectors.values())))
        half.replace(self.file)


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
