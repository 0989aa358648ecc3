"""What ONNX networks are read with: onnxruntime and tokenizers, loaded only where a network is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from barometer.classify.manifest import Manifest
from barometer.errors import BadConfiguration, BadInput

Answer = TypeVar("Answer")
Model = TypeVar("Model")


def libraries(name: str) -> tuple[Any, Any]:
    """The modules tokenizers and onnxruntime; raises `BadConfiguration` when model `name` lacks one of them."""
    try:
        import onnxruntime
        import tokenizers
    except ImportError as error:
        raise BadConfiguration(f"model {name} needs onnxruntime and tokenizers ({error}); run `make env`") from error
    return tokenizers, onnxruntime


def tokenizer_of(path: Path, tokenizers: Any, *, longest_tokens: int) -> Any:
    """The tokenizer in a file, cutting texts at `longest_tokens`; nothing is padded."""
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest_tokens)
    return tokenizer


def network_of(path: Path, onnxruntime: Any) -> Any:
    """The network in a file. One thread a text: texts are read side by side instead."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def opened(
    folder: Path, manifest: Manifest, build: Callable[[Any, Any], Model], *, network: str, tokenizer: str, mend: str
) -> Model:
    """What `build` makes of the tokenizer and the network in `folder`.

    Raises `BadInput` saying how to `mend` it when a file cannot be read or `build` refuses, by any exception.
    """
    tokenizers, onnxruntime = libraries(manifest.name)
    try:
        longest = int(manifest.settings["longest_tokens"])
        words = tokenizer_of(folder / tokenizer, tokenizers, longest_tokens=longest)
        return build(words, network_of(folder / network, onnxruntime))
    except Exception as error:  # both libraries raise plain exceptions of many kinds for a file they cannot read
        raise BadInput(f"model {manifest.name} in {folder}: cannot be read ({error}); {mend}") from error


def side_by_side(read: Callable[[list[int]], Answer], several: Sequence[list[int]]) -> list[Answer]:
    """`read` of each of `several` token lists, in order, as many at a time as this process may use cores."""
    with ThreadPoolExecutor(_cores()) as workers:
        return list(workers.map(read, several))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
