"""The commands about models: what they ask for, and that what a person can mend is one line."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from barometer import cli
from barometer.classify.model import PROMOTION
from barometer.train.data import SCHEMA
from tests.classify.made import written
from tests.train.encoder.figures import good_metrics, good_training
from tests.train.encoder.tiny import a_full_data_folder, a_tiny_base

runner = CliRunner()


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAROMETER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BAROMETER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def with_made_up_posts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real data and the sample city's written posts are those of `a_full_data_folder`."""
    data, sample = a_full_data_folder(folder)
    configs = folder / "configs" / "cities" / "sample"
    configs.mkdir(parents=True)
    (configs / "written_posts.jsonl").write_bytes(sample.read_bytes())
    monkeypatch.setenv("BAROMETER_DATA", str(data))
    monkeypatch.setenv("BAROMETER_CONFIGS", str(folder / "configs"))


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of the program as installed."""
    monkeypatch.setattr(sys, "argv", ["barometer", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def a_model_with(models: Path, metrics: dict[str, Any]) -> None:
    written(models, "tried")
    (models / "tried" / "evaluation.json").write_text(json.dumps(metrics), encoding="utf-8")
    (models / "tried" / "training.json").write_text(json.dumps(good_training()), encoding="utf-8")


def test_promote_puts_a_model_in_use(models: Path) -> None:
    a_model_with(models, good_metrics())
    done = runner.invoke(cli.app, ["models", "promote", "tried"])
    assert done.output == "model tried is in use\n"
    assert json.loads((models / PROMOTION).read_text(encoding="utf-8"))["model"] == "tried"


def test_promote_says_what_may_not_be_published(models: Path) -> None:
    metrics = good_metrics()
    metrics["hatecheck"]["by_functionality"]["ident_neutral_nh"]["accuracy"] = 0.1
    a_model_with(models, metrics)
    assert "not fit for publication: hostile" in runner.invoke(cli.app, ["models", "promote", "tried"]).output


def test_promote_refuses_in_one_line_with_the_reasons(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = good_metrics()
    metrics["dev"]["trust"]["all"]["macro_f1"] = 0.1
    a_model_with(models, metrics)
    assert run_main(monkeypatch, "models", "promote", "tried") == cli.EXIT_PERSON_CAN_MEND
    told = capsys.readouterr().err
    assert "dev macro-F1, trust is 0.1" in told.replace("\n", " ")
    assert "Traceback" not in told


@pytest.mark.parametrize("command", [("models", "promote", "nobody"), ("evaluate", "--model", "nobody")])
def test_an_unknown_model_is_one_line(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    assert run_main(monkeypatch, *command) == cli.EXIT_PERSON_CAN_MEND
    assert "no model 'nobody'" in capsys.readouterr().err


def test_figures_are_stored_then_found_the_same_then_found_changed(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_made_up_posts(tmp_path, monkeypatch)
    written(models, "tried")
    assert runner.invoke(cli.app, ["evaluate", "--model", "tried", "--write"]).exit_code == 0
    assert "as stored" in runner.invoke(cli.app, ["evaluate", "--model", "tried"]).output
    path = models / "tried" / "evaluation.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    figures["hatecheck"]["accuracy"] = 0.123
    path.write_text(json.dumps(figures), encoding="utf-8")
    assert run_main(monkeypatch, "evaluate", "--model", "tried") == cli.EXIT_PERSON_CAN_MEND
    told = capsys.readouterr()
    assert "hatecheck.accuracy: stored 0.123" in told.out
    assert "1 figures are not those of its card" in told.err.replace("\n", " ")


def test_an_unknown_base_is_one_line(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_tiny_base(tmp_path / "tiny")
    data, _ = a_full_data_folder(tmp_path)
    monkeypatch.setenv("BAROMETER_DATA", str(data))
    assert run_main(monkeypatch, "train", "encoder", "--base", "nowhere") == cli.EXIT_PERSON_CAN_MEND
    assert "base model 'nowhere'" in capsys.readouterr().err


def test_the_sentence_encoder_is_exported_in_one_command(models: Path, tmp_path: Path) -> None:
    base = a_tiny_base(tmp_path / "tiny")
    pytest.importorskip("onnx", reason="exporting needs onnx (extra train)")
    done = runner.invoke(cli.app, ["train", "sentences", "--base", str(base)])
    assert done.exit_code == 0, done.output
    assert (models / "sentences" / "manifest.json").is_file()
    assert "cosine to 32 bits" in done.output


def test_the_recipe_is_cross_validated_in_one_command(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a model with figures and a card, and a recipe of one epoch
    base = a_tiny_base(tmp_path / "tiny")
    folds = importlib.import_module("barometer.train.encoder.folds")
    short = replace(folds.folds_recipe(), main_epochs=1, mention_posts=4)
    monkeypatch.setattr(folds, "folds_recipe", lambda: short)
    with_made_up_posts(tmp_path, monkeypatch)
    monkeypatch.setattr(importlib.import_module("barometer.train.encoder.corpus"), "annotated_posts", no_annotated)
    written(models, "tried", recipe={**vars(short)}, teacher=None, base="tiny", went_on_from=None)
    (models / "tried" / "evaluation.json").write_text(json.dumps(good_metrics()), encoding="utf-8")
    (models / "tried" / "training.json").write_text(json.dumps(good_training()), encoding="utf-8")
    # when the folds are run
    done = runner.invoke(cli.app, ["train", "folds", "--base", str(base), "--model", "tried"])
    # then the figures stand beside the model, and in its card
    assert done.exit_code == 0, done.output
    assert json.loads((models / "tried" / "folds.json").read_text("utf-8"))["recipe"]["main_epochs"] == 1
    assert "trained anew 5 times" in (models / "tried" / "card.md").read_text("utf-8")


def no_annotated(texts: Iterable[str], path: Path) -> pl.DataFrame:
    """None of the made-up posts is among those labelled for training."""
    return pl.DataFrame(schema=SCHEMA)


@pytest.mark.parametrize("command", [("sentences",), ("folds",), ("encoder", "--base", "minilm-l6")])
def test_training_without_torch_says_what_to_install(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("barometer.train.encoder", "barometer.train.sent"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run_main(monkeypatch, "train", *command) == cli.EXIT_PERSON_CAN_MEND
    told = capsys.readouterr().err
    assert "needs torch" in told
    assert "run `make training`" in told.replace("\n", " ")
    assert "Traceback" not in told
