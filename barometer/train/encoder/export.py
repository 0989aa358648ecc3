"""A trained network -> int8 ONNX, per channel, with its tokenizer and a manifest: what the night reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from barometer.classify.encoder import INPUTS, KIND, NETWORK, OUTPUTS
from barometer.classify.encoder import TOKENIZER as SHIPPED_TOKENIZER
from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.manifest import Manifest, write_manifest
from barometer.errors import BadInput
from barometer.train.encoder.network import Network, read_tokenizer

MAXIMUM_BYTES = 25_000_000
# The newest operator set that the quantiser of onnxruntime 1.32 rewrites completely (measured).
_OPERATOR_SET = 17
_EXAMPLE_TOKENS = 12


class _Shipped(nn.Module):  # type: ignore[misc, unused-ignore]
    """The four heads side by side, and what they stand on."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Any, mask: Any) -> tuple[Any, Any]:
        """Logits, posts x 16, and embeddings, posts x width."""
        embedded = self.network.embed(ids, mask)
        logits = torch.cat([self.network.heads[head](embedded) for head in FITTED_CLASSES], dim=1)
        return logits, embedded


def write_fp32(network: Network, path: Path) -> None:
    """The network in 32-bit ONNX, for any number of posts and tokens."""
    # A wrapper that is not set to eval() itself would set the network back to training, with dropout.
    shipped = _Shipped(network).cpu().eval()
    ids = torch.arange(_EXAMPLE_TOKENS).reshape(2, -1) % network.encoder.config.vocab_size
    shape = {0: "posts", 1: "tokens"}
    torch.onnx.export(
        shipped,
        (ids, torch.ones_like(ids)),
        str(path),
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_axes={**dict.fromkeys(INPUTS, shape), **{name: {0: "posts"} for name in OUTPUTS}},
        opset_version=_OPERATOR_SET,
        dynamo=False,
    )


def quantise(fp32: Path, int8: Path) -> None:
    """Weights to int8, one scale a channel; activations are scaled as they come. Raises `BadInput` above 25 MB."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(fp32, int8, per_channel=True, weight_type=QuantType.QInt8)
    size = int8.stat().st_size
    if size > MAXIMUM_BYTES:
        raise BadInput(f"{int8}: {size} bytes, more than {MAXIMUM_BYTES} for a shipped model; choose a smaller base")


def write_encoder(
    network: Network, base: Path, folder: Path, *, settings: Mapping[str, Any], keep_fp32: Path | None = None
) -> Manifest:
    """Write network, tokenizer and manifest to `folder`; `settings` as `classify.encoder` reads them.

    `keep_fp32` also keeps the 32-bit network, to measure what int8 costs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fp32 = Path(scratch) / "fp32.onnx"
        write_fp32(network, fp32)
        quantise(fp32, folder / NETWORK)
        if keep_fp32 is not None:
            shutil.copyfile(fp32, keep_fp32)
    read_tokenizer(base, longest_tokens=int(settings["longest_tokens"])).save(str(folder / SHIPPED_TOKENIZER))
    return write_manifest(
        folder, name=folder.name, kind=KIND, files=(NETWORK, SHIPPED_TOKENIZER), settings=dict(settings)
    )
