"""A model folder says what it is, and damage, absence and tampering are each told in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from barometer.classify.linear import VOCABULARY, WEIGHTS
from barometer.classify.manifest import FILE, checksum, read_manifest, version_of, write_manifest
from barometer.errors import BadConfiguration, BadInput
from tests.classify.made import written

NAME = "few-words"


def changed(models: Path, **values: Any) -> None:
    """Write other values into the manifest of the model."""
    path = models / NAME / FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


def test_a_whole_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = written(tmp_path)
    assert read_manifest(NAME, tmp_path) == manifest
    assert manifest.files == {file: checksum(tmp_path / NAME / file) for file in (VOCABULARY, WEIGHTS)}


def test_the_version_depends_on_all_that_decides_a_label_and_not_on_the_name(tmp_path: Path) -> None:
    files, settings = {"weights.npz": "aa"}, {"temperature": 1.0}
    version = version_of("linear", files, settings)
    assert version_of("encoder", files, settings) != version
    assert version_of("linear", {"weights.npz": "ab"}, settings) != version
    assert version_of("linear", files, {"temperature": 1.1}) != version
    assert written(tmp_path, "one").version == written(tmp_path, "two").version


def test_a_model_without_heads_is_read_as_such_and_not_as_one_that_labels(tmp_path: Path) -> None:
    folder = tmp_path / "sentences"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"network")
    manifest = write_manifest(
        folder, name="sentences", kind="sentences", files=("model.onnx",), settings={"width": 3}, heads={}
    )
    assert read_manifest("sentences", tmp_path, heads={}) == manifest
    with pytest.raises(BadInput, match="made for other classes"):
        read_manifest("sentences", tmp_path)


def test_the_version_does_not_depend_on_the_order_of_files_or_settings() -> None:
    assert version_of("k", {"a": "1", "b": "2"}, {"x": 1, "y": 2}) == version_of(
        "k", {"b": "2", "a": "1"}, {"y": 2, "x": 1}
    )


@pytest.mark.parametrize("name", ["absent", "", ".", "..", "../few-words", "a/b"])
def test_a_model_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, name: str) -> None:
    written(tmp_path)
    with pytest.raises(BadConfiguration, match=r"no model .* it has few-words; choose one, or train it"):
        read_manifest(name, tmp_path)


def test_an_empty_models_folder_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="it has none"):
        read_manifest("linear", tmp_path / "nowhere")


@pytest.mark.parametrize("file", [WEIGHTS, VOCABULARY])
def test_a_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    # given one byte too many
    written(tmp_path)
    path = tmp_path / NAME / file
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(BadInput, match=rf"file {file}: its checksum is not the manifest's; restore the folder"):
        read_manifest(NAME, tmp_path)


@pytest.mark.parametrize("file", [WEIGHTS, VOCABULARY])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    written(tmp_path)
    (tmp_path / NAME / file).unlink()
    with pytest.raises(BadInput, match=rf"file {file}: is missing"):
        read_manifest(NAME, tmp_path)


@pytest.mark.parametrize("field", ["version", "settings", "files"])
def test_a_manifest_without_a_field_names_it(tmp_path: Path, field: str) -> None:
    written(tmp_path)
    path = tmp_path / NAME / FILE
    values = json.loads(path.read_text("utf-8"))
    del values[field]
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"field {field}: "):
        read_manifest(NAME, tmp_path)


def test_a_manifest_that_is_not_json_is_told(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / NAME / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match=r"the whole file: .*; restore the folder"):
        read_manifest(NAME, tmp_path)


def test_settings_changed_by_hand_do_not_pass(tmp_path: Path) -> None:
    # given a calibration that somebody edited without training
    written(tmp_path)
    changed(tmp_path, settings={"calibration": {}})
    with pytest.raises(BadInput, match="field version: it does not fit the rest of the file"):
        read_manifest(NAME, tmp_path)


def test_a_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    changed(tmp_path, heads={"trust": ["yes", "no"]})
    with pytest.raises(BadInput, match="field heads: made for other classes"):
        read_manifest(NAME, tmp_path)


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    # given a manifest that names a file above its folder
    written(tmp_path)
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    manifest = read_manifest(NAME, tmp_path)
    files = {"../secret": checksum(tmp_path / "secret")}
    changed(tmp_path, files=files, version=version_of("linear", files, manifest.settings))
    with pytest.raises(BadInput, match="secret: is missing"):
        read_manifest(NAME, tmp_path)


def test_the_manifest_lists_the_files_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    manifest = write_manifest(tmp_path, name="n", kind="k", files=("a",), settings={})
    assert manifest.files == {"a": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}
