"""`barometer train sentences`: a published sentence encoder -> int8 ONNX with manifest, figures and card."""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from torch import nn

from barometer.classify.manifest import Manifest, write_manifest
from barometer.classify.runtime import libraries, network_of, tokenizer_of
from barometer.classify.sentences import KIND, NETWORK, OUTPUT, TOKENIZER, SentenceEncoder, read_sentence_encoder
from barometer.errors import BadInput
from barometer.train.encoder.export import quantise, write_onnx
from barometer.train.encoder.network import PACKAGED_BASES, Network, base_folder, new_network, read_tokenizer
from barometer.train.encoder.precision import cosine_of

LONGEST_TOKENS = 128
METRICS, CARD = "metrics.json", "card.md"
# Below this, what int8 changes would be more than what tells two texts apart.
LEAST_MEAN_COSINE = 0.98

_CARD = """# Model card: sentences

Version `{version}` (hash of network, tokenizer and settings).

## What it is

A published sentence encoder, as it is: nothing was learnt here, no post of any city went into it. It turns a text into
{width} numbers, so that texts that mean the same point the same way. It is stored as int8 ONNX, one scale a channel,
and read with onnxruntime and tokenizers; nothing in its folder is executed or fetched, and the manifest holds a
checksum of each file.

Base: {base}.

**For**: putting claims of a city's evidence library before a person, beside the rumours they may answer. **Not for**:
linking them by itself; deciding anything about a post or a person; any language but English.

## Figures

| | |
|---|---|
| size of the network | {bytes:,} bytes |
| cosine to the same network in 32 bits, mean over {texts:,} texts | {mean} |
| the same, least | {least} |
| texts a second, int8 and 32 bits | {int8:,.0f} and {fp32:,.0f} |

The texts are the written posts of the sample city. What it adds to matching evidence on real questions
(`python benchmarks/bench_evidence.py`) stands in `docs/rumours.md`.

## Limits

It reads the first {longest} tokens of a text. It knows what is alike, not what is so: a claim and its denial are near
each other. What its makers trained it on (forums, encyclopaedias, question and answer pages, English) it knows best.
"""


class _Shipped(nn.Module):  # type: ignore[misc, unused-ignore]
    """The mean of the encoder's last layer over a text's tokens."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Any, mask: Any) -> Any:
        """Texts x width."""
        return self.network.embed(ids, mask)


def write_sentences(base: str, folder: Path, *, sample: Path) -> dict[str, Any]:
    """Write network, tokenizer, manifest, metrics and card to `folder`; returns the metrics.

    `base` is a folder or a name that `base_folder` knows; `sample` holds the texts on which int8 is compared with 32
    bits. Raises `BadConfiguration` when the base is not there, `BadInput` when int8 is too large or too far off.
    """
    source = base_folder(base)
    network = new_network(source, {}, dropout=0.0, seed=0)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fp32 = Path(scratch) / "fp32.onnx"
        write_onnx(_Shipped(network), fp32, outputs=(OUTPUT,), vocabulary=network.encoder.config.vocab_size)
        quantise(fp32, folder / NETWORK)
        read_tokenizer(source, longest_tokens=LONGEST_TOKENS).save(str(folder / TOKENIZER))
        manifest = _manifest(folder, base, int(network.encoder.config.hidden_size))
        metrics = _metrics(folder, manifest, fp32, pl.read_ndjson(sample)["text"].to_list())
    (folder / METRICS).write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / CARD).write_text(_card(manifest, metrics), encoding="utf-8")
    return metrics


def _manifest(folder: Path, base: str, width: int) -> Manifest:
    settings = {"base": Path(base).name, "source": _source(base), "longest_tokens": LONGEST_TOKENS, "width": width}
    return write_manifest(folder, name=folder.name, kind=KIND, files=(NETWORK, TOKENIZER), settings=settings, heads={})


def _source(base: str) -> str:
    """Name, licence and package of the base, as the card states them; a folder's licence is for its owner to state."""
    if base not in PACKAGED_BASES:
        return f"{Path(base).name}, a folder; its licence is not known here"
    package = PACKAGED_BASES[base][0].replace("_", "-")
    version = importlib.metadata.version(package)
    return f"all-MiniLM-L6-v2, Apache-2.0 (its makers' model card), from {package} {version} (a re-upload by others)"


def _metrics(folder: Path, manifest: Manifest, fp32: Path, texts: list[str]) -> dict[str, Any]:
    """What int8 costs and brings, on `texts`."""
    tokenizers, onnxruntime = libraries(manifest.name)
    tokenizer = tokenizer_of(folder / TOKENIZER, tokenizers, longest_tokens=LONGEST_TOKENS)
    found, speed = _timed(read_sentence_encoder(folder, manifest), texts)
    whole, whole_speed = _timed(SentenceEncoder(manifest, tokenizer, network_of(fp32, onnxruntime)), texts)
    cosine = cosine_of(found, whole)
    if cosine["mean"] < LEAST_MEAN_COSINE:
        raise BadInput(f"{folder / NETWORK}: mean cosine to 32 bits is {cosine['mean']}, below {LEAST_MEAN_COSINE}")
    return {
        "bytes": (folder / NETWORK).stat().st_size,
        "cosine": cosine,
        "texts": len(texts),
        "texts_per_second": {"int8": speed, "fp32": whole_speed},
    }


def _timed(encoder: SentenceEncoder, texts: list[str]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = encoder.embed(texts)
    return found, round(len(texts) / (time.perf_counter() - began), 1)


def _card(manifest: Manifest, metrics: dict[str, Any]) -> str:
    return _CARD.format(
        version=manifest.version,
        base=manifest.settings["source"],
        width=manifest.settings["width"],
        longest=manifest.settings["longest_tokens"],
        bytes=metrics["bytes"],
        texts=metrics["texts"],
        **metrics["cosine"],
        **metrics["texts_per_second"],
    )
