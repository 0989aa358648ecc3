"""A trained network -> int8 ONNX, per channel, with its tokenizer and a manifest: what the night reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
_LARGEST_INT8, _LEAST_SCALE = 127, 1e-12


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
    write_onnx(_Shipped(network), path, outputs=OUTPUTS, vocabulary=network.encoder.config.vocab_size)


def write_onnx(module: nn.Module, path: Path, *, outputs: Sequence[str], vocabulary: int) -> None:
    """`module` (ids and mask, posts x tokens, to `outputs`, posts x anything) in 32-bit ONNX."""
    # A wrapper that is not set to eval() itself would set the network back to training, with dropout.
    shipped = module.cpu().eval()
    ids = torch.arange(_EXAMPLE_TOKENS).reshape(2, -1) % vocabulary
    shape = {0: "posts", 1: "tokens"}
    torch.onnx.export(
        shipped,
        (ids, torch.ones_like(ids)),
        str(path),
        input_names=list(INPUTS),
        output_names=list(outputs),
        dynamic_axes={**dict.fromkeys(INPUTS, shape), **{name: {0: "posts"} for name in outputs}},
        opset_version=_OPERATOR_SET,
        dynamo=False,
    )


def quantise(fp32: Path, int8: Path) -> None:
    """Weights to int8, one scale a channel. Raises `BadInput` when the file is above 25 MB.

    Most products are computed in int8, with activations scaled as they come. Where that costs most (products of two
    activations, and the layers behind a GELU, whose inputs have outliers) weights are stored as int8 all the same but
    the product is computed in 32 bits: on dev posts it halves the error of the scores.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as scratch:
        mixed = Path(scratch) / "mixed.onnx"
        network = onnx.load(fp32)
        kept = [node for node in network.graph.node if node.op_type == "MatMul" and _is_sensitive(node, network)]
        for node in kept:
            _store_weights_as_int8(node, network)
        onnx.save(network, mixed)
        names = [node.name for node in kept]
        quantize_dynamic(mixed, int8, per_channel=True, weight_type=QuantType.QInt8, nodes_to_exclude=names)
    size = int8.stat().st_size
    if size > MAXIMUM_BYTES:
        raise BadInput(f"{int8}: {size} bytes, more than {MAXIMUM_BYTES} for a shipped model; choose a smaller base")


def _is_sensitive(node: Any, network: Any) -> bool:
    """Whether both factors are activations, or the weights narrow what came through a GELU."""
    weights = _weights(node, network)
    return weights is None or weights.shape[0] > weights.shape[1]


def _weights(node: Any, network: Any) -> Any | None:
    from onnx import numpy_helper

    found = [tensor for tensor in network.graph.initializer if tensor.name == node.input[1]]
    return numpy_helper.to_array(found[0]) if found else None


def _store_weights_as_int8(node: Any, network: Any) -> None:
    """Replace a product's 32-bit weights by int8 ones and a scale a column, multiplied out again before the product."""
    from onnx import helper, numpy_helper

    weights = _weights(node, network)
    if weights is None:
        return
    scale = np.maximum(np.abs(weights).max(axis=0), _LEAST_SCALE) / _LARGEST_INT8
    stored = np.clip(np.rint(weights / scale), -_LARGEST_INT8, _LARGEST_INT8).astype(np.int8)
    name = node.input[1]
    tensors = {f"{name}_int8": stored, f"{name}_scale": scale.astype(np.float32)}
    network.graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in tensors.items())
    network.graph.initializer.remove(next(tensor for tensor in network.graph.initializer if tensor.name == name))
    multiplied = helper.make_node(
        "DequantizeLinear", list(tensors), [f"{name}_back"], name=f"{name}_dequantise", axis=1
    )
    node.input[1] = f"{name}_back"
    network.graph.node.insert(list(network.graph.node).index(node), multiplied)


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
