"""A large teacher's probabilities for posts, which a small student learns to give (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from barometer.classify.linear import FITTED_CLASSES
from barometer.train.encoder.network import Network, logits_of

_POSTS_PER_PART = 1_000

Soft = dict[str, NDArray[np.float32]]


def soft_labels(
    network: Network, tokenizer: Any, texts: Sequence[str], *, folder: Path, say: Callable[[str], None]
) -> Soft:
    """Head -> n x classes probabilities of every text; parts already in `folder` are not read again.

    The folder must belong to this teacher and these texts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(texts), _POSTS_PER_PART)
    parts = [_part(network, tokenizer, texts[s : s + _POSTS_PER_PART], folder / f"soft-{s}.npz", say) for s in starts]
    return {head: np.concatenate([part[head] for part in parts]) for head in FITTED_CLASSES}


def _part(network: Network, tokenizer: Any, texts: Sequence[str], path: Path, say: Callable[[str], None]) -> Soft:
    if not path.is_file():
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
        logits = logits_of(network, tokens, list(FITTED_CLASSES))
        soft = {head: softmax(values, axis=1).astype(np.float32) for head, values in logits.items()}
        # Savez adds .npz to a name without it: a half-written file never has the final name.
        np.savez(path.with_suffix(".part.npz"), allow_pickle=False, **soft)
        path.with_suffix(".part.npz").replace(path)
        say(f"teacher has read {path.stem}")
    with np.load(path, allow_pickle=False) as file:
        return {head: file[head] for head in FITTED_CLASSES}
