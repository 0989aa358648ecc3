"""What ONNX networks are read with: onnxruntime and tokenizers, loaded only where a network is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from barometer.errors import BadConfiguration

Answer = TypeVar("Answer")


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


def side_by_side(read: Callable[[list[int]], Answer], several: Sequence[list[int]]) -> list[Answer]:
    """`read` of each of `several` token lists, in order, as many at a time as this process may use cores."""
    with ThreadPoolExecutor(_cores()) as workers:
        return list(workers.map(read, several))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
