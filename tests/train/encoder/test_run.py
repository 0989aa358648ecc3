"""Training from end to end with a tiny base: a folder that nights can read, and whose figures come out again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barometer.classify.manifest import read_manifest
from barometer.classify.model import load_model
from barometer.tables import LABEL_HEADS
from barometer.train.encoder.recipe import Recipe, teacher_recipe
from tests.train.encoder.tiny import ANNOTATED_NAME, a_full_data_folder, a_tiny_base

torch = pytest.importorskip(
    "torch", reason="training needs torch: `make training-tests` runs these tests, before all others"
)
pytest.importorskip("onnx", reason="exporting needs onnx (extra train)")
pytest.importorskip("onnxruntime", reason="reading needs onnxruntime (extra run)")

from barometer.train.encoder import evaluate as evaluation  # noqa: E402
from barometer.train.encoder import run  # noqa: E402
from barometer.train.encoder.corpus import read_corpus  # noqa: E402
from barometer.train.encoder.export import quantise, write_fp32  # noqa: E402
from barometer.train.encoder.network import new_network, read_tokenizer  # noqa: E402
from barometer.train.encoder.precision import precision  # noqa: E402
from barometer.train.encoder.teach import soft_labels  # noqa: E402

RECIPE = Recipe(
    broad_epochs=1,
    main_epochs=3,
    auxiliary_posts=40,
    taught_posts=20,
    learning_rate=3e-3,
    head_rate=2e-2,
    mention_posts=8,
    patience=9,
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Data, a tiny base, and the folder that one training run (with the same base as teacher) left."""
    torch.set_num_threads(1)
    top = tmp_path_factory.mktemp("run")
    data, sample = a_full_data_folder(top)
    base = a_tiny_base(top / "tiny")
    order = run.Order(
        base=str(base), teacher=str(base), recipe=RECIPE, seed=5, work=top / "work", annotated=data / ANNOTATED_NAME
    )
    lines: list[str] = []
    output = top / "models" / "encoder"
    manifest = run.train_encoder(data=data, sample=sample, output=output, order=order, say=lines.append)
    return {
        "data": data,
        "sample": sample,
        "base": base,
        "order": order,
        "output": output,
        "manifest": manifest,
        "lines": lines,
    }


def test_the_folder_holds_what_a_night_and_a_reader_need(places: dict[str, Any]) -> None:
    assert {path.name for path in places["output"].iterdir()} == {
        "card.md",
        "manifest.json",
        "metrics.json",
        "model.onnx",
        "tokenizer.json",
        "training.json",
    }


def test_the_model_is_loaded_and_labels_texts(places: dict[str, Any]) -> None:
    model = load_model("encoder", places["output"].parent)
    found = model.predict(["liars council today by the dog", "", "😀"])
    assert found.height == 3
    assert model.version == places["manifest"].version


def test_the_manifest_says_how_it_was_made(places: dict[str, Any]) -> None:
    settings = read_manifest("encoder", places["output"].parent).settings
    assert settings["base"] == "tiny"
    assert settings["teacher"] == "tiny"
    assert settings["recipe"]["auxiliary_posts"] == 40
    assert set(settings["learnt_from"]) == {"trust_gold", "trust_silver", "sample_city", "annotated"}
    assert settings["stand_ins"]["sikhs"] == settings["stand_ins"]["jews"]


def test_its_figures_come_out_again_from_its_files(places: dict[str, Any]) -> None:
    model = load_model("encoder", places["output"].parent)
    again = evaluation.evaluate(model, data=places["data"], sample=places["sample"])
    assert evaluation.differences(evaluation.stored_figures(places["output"]), again) == []


def test_progress_was_told_epoch_by_epoch(places: dict[str, Any]) -> None:
    told = [line for line in places["lines"] if "validation" in line]
    assert [line.split(":")[0] for line in told] == [
        *(f"epoch {n + 1}/{part.epochs}" for part in (teacher_recipe(), RECIPE) for n in range(part.epochs)),
    ]
    assert any("teacher has read" in line for line in places["lines"])


def test_a_run_again_takes_everything_from_where_it_was_left(places: dict[str, Any], tmp_path: Path) -> None:
    lines: list[str] = []
    again = run.train_encoder(
        data=places["data"],
        sample=places["sample"],
        output=tmp_path / "models" / "encoder",
        order=places["order"],
        say=lines.append,
    )
    assert lines == [f"going on after epoch {part.epochs}" for part in (teacher_recipe(), RECIPE)]
    assert again.files == places["manifest"].files
    assert again.version == places["manifest"].version


def test_no_text_of_a_post_is_in_the_folder(places: dict[str, Any]) -> None:
    written = "".join(
        (places["output"] / name).read_text(encoding="utf-8") for name in ("metrics.json", "training.json", "card.md")
    )
    posts = [json.loads(line)["text"] for line in (places["data"] / "posts/trust_gold/posts.jsonl").open()]
    assert not [text for text in posts if text in written]


def test_what_int8_costs_is_told_for_every_head(places: dict[str, Any]) -> None:
    measured = json.loads((places["output"] / "training.json").read_text(encoding="utf-8"))["precision"]
    assert set(measured["points_lost"]) == set(LABEL_HEADS)
    assert measured["cosine"]["mean"] > 0.9


def test_a_network_compared_with_itself_loses_nothing(places: dict[str, Any]) -> None:
    model = load_model("encoder", places["output"].parent)
    order = places["order"]
    corpus = read_corpus(places["data"], places["sample"], cache=order.work, annotated=order.annotated)
    same = precision(model, places["output"] / "model.onnx", corpus.posts[:20])  # type: ignore[arg-type]
    assert set(same["points_lost"].values()) == {0.0}
    assert set(same["same_label"].values()) == {1.0}


def test_the_exported_network_scores_as_the_trained_one(places: dict[str, Any], tmp_path: Path) -> None:
    import onnxruntime

    network = new_network(places["base"], {h: len(c) for h, c in run.FITTED_CLASSES.items()}, dropout=0.1, seed=1)
    network.train()
    write_fp32(network, tmp_path / "fp32.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "fp32.onnx"))
    ids = np.array([[2, 5, 6, 7, 3]])
    exported, embedding = session.run(None, {"ids": ids, "mask": np.ones_like(ids)})
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(ids), torch.ones(1, 5, dtype=torch.int64))
    assert np.allclose(exported, np.concatenate([part.numpy() for part in expected.values()], axis=1), atol=1e-4)
    assert embedding.shape == (1, 32)


def test_int8_is_smaller_and_close(places: dict[str, Any], tmp_path: Path) -> None:
    network = new_network(places["base"], {h: len(c) for h, c in run.FITTED_CLASSES.items()}, dropout=0.1, seed=1)
    write_fp32(network, tmp_path / "fp32.onnx")
    quantise(tmp_path / "fp32.onnx", tmp_path / "int8.onnx")
    assert (tmp_path / "int8.onnx").stat().st_size < (tmp_path / "fp32.onnx").stat().st_size


def test_a_teachers_labels_are_read_once(places: dict[str, Any], tmp_path: Path) -> None:
    network = new_network(places["base"], {h: len(c) for h, c in run.FITTED_CLASSES.items()}, dropout=0.1, seed=1)
    tokenizer = read_tokenizer(places["base"], longest_tokens=16)
    texts = ["dog", "walk by the bank", "vermin"]
    lines: list[str] = []
    first, again = (soft_labels(network, tokenizer, texts, folder=tmp_path, say=lines.append) for _ in range(2))
    assert len(lines) == 1
    for head, classes in run.FITTED_CLASSES.items():
        assert first[head].shape == (3, len(classes))
        assert np.allclose(first[head].sum(axis=1), 1.0, atol=1e-5)
        assert (first[head] == again[head]).all()


def test_without_a_teacher_nothing_is_taught(places: dict[str, Any]) -> None:
    order = places["order"]
    corpus = read_corpus(places["data"], places["sample"], cache=order.work, annotated=order.annotated)
    material = run.taught_material(corpus, replace(places["order"], teacher=None), print)
    assert all(np.isnan(part).all() for part in material.main.soft.values())


def test_a_teacher_changes_little_of_a_large_base() -> None:
    assert teacher_recipe().frozen_layers > 0
    assert teacher_recipe().epochs == teacher_recipe().main_epochs


def test_weights_behind_a_gelu_are_stored_as_int8_but_multiplied_in_32_bits(places: dict[str, Any]) -> None:
    import onnx

    network = onnx.load(places["output"] / "model.onnx")
    back = [node for node in network.graph.node if node.name.endswith("_dequantise")]
    assert len(back) == 1
    stored = {tensor.name: tensor.data_type for tensor in network.graph.initializer}
    assert stored[back[0].input[0]] == onnx.TensorProto.INT8
    assert any(node.op_type == "MatMulInteger" for node in network.graph.node)


def test_int8_scores_stay_close_to_those_in_32_bits(places: dict[str, Any]) -> None:
    model = load_model("encoder", places["output"].parent)
    texts = ["liars council today by the dog", "reliable nurses", "apparently vermin by the bank"]
    whole = model.with_network(places["order"].work / run.FP32)  # type: ignore[attr-defined]
    (small, _), (full, _) = model.read(texts), whole.read(texts)  # type: ignore[attr-defined]
    assert np.abs(small - full).max() < 0.5 * np.abs(full).max()
