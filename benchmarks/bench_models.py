"""How many posts a second each model reads, side by side in one run, and the memory it takes.

Run by `make bench`. The networks in 32 bits (the transformers pipeline, and ONNX) are of the encoder's base, with heads
of chance, since speed does not depend on weights; they are left out where torch or the base is not installed. Prints
posts per second and ratios to the pipeline (aims: int8 3 x, cascade 10 x); asserts nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from barometer.classify.encoder import EncoderModel
from barometer.classify.model import load_model
from barometer.settings import PROJECT

WRITTEN = PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl"
MODELS = PROJECT / "models"
BASE = "minilm-l6"
POSTS, WARM_UP = 600, 32
AIMS = {"encoder, int8": 3.0, "cascade": 10.0}

Read = Callable[[Sequence[str]], object]


def texts() -> list[str]:
    """Different posts of the sample city, as many as are read."""
    return [json.loads(line)["text"] for line in WRITTEN.read_text("utf-8").splitlines()][:POSTS]


def pipeline() -> Read:
    """The encoder's base behind the usual transformers pipeline, 32 posts a batch, two threads."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, TextClassificationPipeline

    from barometer.train.encoder.network import base_folder

    torch.set_num_threads(2)
    folder = base_folder(BASE)
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, num_labels=16)
    whole = TextClassificationPipeline(
        model=model, tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True), device=-1
    )
    return lambda posts: whole(list(posts), batch_size=32, truncation=True, max_length=128, top_k=None)


def onnx_fp32(folder: Path) -> Read:
    """The same base as 32-bit ONNX, read as the encoder is."""
    from barometer.classify.linear import FITTED_CLASSES
    from barometer.train.encoder.export import write_fp32
    from barometer.train.encoder.network import base_folder, new_network

    heads = {head: len(classes) for head, classes in FITTED_CLASSES.items()}
    write_fp32(new_network(base_folder(BASE), heads, dropout=0.0, seed=1), folder / "fp32.onnx")
    model = load_model("encoder", MODELS)
    assert isinstance(model, EncoderModel)
    return model.with_network(folder / "fp32.onnx").predict


def measured(name: str, make: Callable[[], Read], posts: list[str]) -> float | None:
    """Posts a second of one reader, printed with the memory it added; None when it cannot be made here."""
    before = psutil.Process().memory_info().rss
    try:
        read = make()
    except Exception as error:
        print(f"{name}: left out ({type(error).__name__}: {error})")
        return None
    read(posts[:WARM_UP])
    began, busy = time.perf_counter(), time.process_time()
    read(posts)
    rate, cpu = len(posts) / (time.perf_counter() - began), len(posts) / (time.process_time() - busy)
    added = (psutil.Process().memory_info().rss - before) / 2**20
    print(f"{name}: {rate:,.0f} posts/s, {cpu:,.0f} posts per second of processor, {added:,.0f} MiB more memory")
    return cpu


def main() -> None:
    posts = texts()
    with tempfile.TemporaryDirectory() as folder:
        readers: dict[str, Callable[[], Read]] = {
            "transformers pipeline, 32 bits": pipeline,
            "ONNX, 32 bits": lambda: onnx_fp32(Path(folder)),
            "encoder, int8": lambda: load_model("encoder", MODELS).predict,
            "cascade": lambda: load_model("cascade", MODELS).predict,
            "linear": lambda: load_model("linear", MODELS).predict,
        }
        rates = {name: measured(name, make, posts) for name, make in readers.items()}
    baseline = rates["transformers pipeline, 32 bits"]
    for name, rate in rates.items():
        if baseline and rate:
            aim = f" (aim {AIMS[name]:.0f} x)" if name in AIMS else ""
            print(f"{name}: {rate / baseline:.1f} x the pipeline, by time of processor{aim}")


if __name__ == "__main__":
    main()
