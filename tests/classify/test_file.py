"""A file of posts -> a file of labels: every good row, in order, and every bad line told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
import zstandard

from barometer.classify.file import MESSAGES_SHOWN, OUTPUT_SCHEMA, classify_file
from barometer.errors import BadConfiguration, BadInput
from barometer.ledger import Counts
from barometer.tables import LABEL_HEADS
from tests.classify.made import a_model, written

POSTS = [("p1", "The council are liars"), ("p2", "Rain again"), ("p1", "Apparently the police are liars"), ("p4", "")]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    written(tmp_path / "models", "linear")
    return tmp_path / "models"


def jsonl(posts: list[tuple[str, str]]) -> bytes:
    return b"".join(json.dumps({"id": i, "text": t}).encode() + b"\n" for i, t in posts)


def a_source(tmp_path: Path, content: bytes, name: str = "posts.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_every_post_gets_its_row_in_the_order_of_the_file(tmp_path: Path, models: Path) -> None:
    # given four posts, two of one id
    source, output = a_source(tmp_path, jsonl(POSTS)), tmp_path / "out" / "labels.parquet"
    # when the file is labelled
    counts = classify_file(source, output, models=models)
    # then ids and labels stand in the order of the lines, and nothing is lost
    found = pl.read_parquet(output)
    assert found["id"].to_list() == ["p1", "p2", "p1", "p4"]
    assert found.drop("id").equals(a_model().predict([text for _, text in POSTS]))
    assert counts == Counts(read=4, received=4, written=4)


def test_the_columns_are_the_labels_then_every_probability(tmp_path: Path, models: Path) -> None:
    output = tmp_path / "labels.parquet"
    classify_file(a_source(tmp_path, jsonl(POSTS)), output, models=models)
    expected = [f"{head}_{value}" for head, values in LABEL_HEADS.items() for value in values]
    assert pl.read_parquet(output).columns == ["id", *LABEL_HEADS, *expected]
    assert dict(pl.read_parquet_schema(output)) == OUTPUT_SCHEMA


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_compressed_file_gives_the_same(tmp_path: Path, models: Path, pack: object) -> None:
    plain, packed = tmp_path / "plain.parquet", tmp_path / "packed.parquet"
    classify_file(a_source(tmp_path, jsonl(POSTS)), plain, models=models)
    classify_file(a_source(tmp_path, pack(jsonl(POSTS)), "posts.gz"), packed, models=models)  # type: ignore[operator]
    assert pl.read_parquet(packed).equals(pl.read_parquet(plain))


def test_bad_lines_are_told_and_counted_and_the_good_ones_kept(
    tmp_path: Path, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # given a bad line of each kind among good ones
    content = jsonl(POSTS[:1]) + b'{"id": 7}\nnot json\n' + jsonl(POSTS[1:2])
    source, output = a_source(tmp_path, content), tmp_path / "labels.parquet"
    counts = classify_file(source, output, models=models)
    # then the good ones are there
    assert pl.read_parquet(output)["id"].to_list() == ["p1", "p2"]
    assert counts == Counts(read=4, received=4, written=2, quarantined=2)
    assert counts.is_balanced
    # and the error stream names file, line and field, once each, and the sum
    told = capfd.readouterr().err
    assert told.count(f"{source}, line 2, field text: must be text, and is missing") == 1
    assert told.count(f"{source}, line 3: is not JSON") == 1
    assert f"{source}: 2 posts labelled; 2 left out (1 for text, 1 for the whole line)" in told


def test_progress_goes_to_the_error_stream_only(
    tmp_path: Path, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    classify_file(a_source(tmp_path, jsonl(POSTS)), tmp_path / "labels.parquet", models=models)
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "4 posts" in streams.err


def test_no_text_of_a_post_is_ever_told(tmp_path: Path, models: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = jsonl([("a", "Jane of Mill Lane")]) + b'{"id": "b", "text": ["Jane of Mill Lane"]}\nJane of Mill Lane\n'
    classify_file(a_source(tmp_path, content), tmp_path / "labels.parquet", models=models)
    assert "Jane" not in capfd.readouterr().err


def test_a_flood_of_bad_lines_is_counted_in_full_and_told_in_part(
    tmp_path: Path, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = jsonl(POSTS[:1]) + b"{}\n" * (MESSAGES_SHOWN + 50)
    counts = classify_file(a_source(tmp_path, content), tmp_path / "labels.parquet", models=models)
    told = capfd.readouterr().err
    assert counts.quarantined == MESSAGES_SHOWN + 50
    assert told.count("the line is left out") == MESSAGES_SHOWN
    assert f"{MESSAGES_SHOWN + 50} left out" in told


def test_more_posts_than_a_batch_are_all_written(tmp_path: Path, models: Path) -> None:
    posts = [(str(n), "liars" if n % 3 == 0 else "rain") for n in range(9_000)]
    output = tmp_path / "labels.parquet"
    classify_file(a_source(tmp_path, jsonl(posts)), output, models=models)
    found = pl.read_parquet(output)
    assert found["id"].to_list() == [i for i, _ in posts]
    assert found["trust"].to_list() == ["distrust" if n % 3 == 0 else "none" for n in range(9_000)]


def test_an_empty_file_gives_an_empty_table_of_all_columns(tmp_path: Path, models: Path) -> None:
    output = tmp_path / "labels.parquet"
    assert classify_file(a_source(tmp_path, b""), output, models=models) == Counts()
    assert dict(pl.read_parquet(output).schema) == OUTPUT_SCHEMA


def test_a_file_of_something_else_is_refused_and_leaves_no_output(tmp_path: Path, models: Path) -> None:
    # given a table where JSON lines belong, and an earlier result
    source, output = a_source(tmp_path, b"id,text\n1,rain\n"), tmp_path / "labels.parquet"
    output.write_bytes(b"earlier")
    with pytest.raises(BadInput, match=r"none of its 2 lines can be used .* is it the right file"):
        classify_file(source, output, models=models)
    # then the earlier result stands, and nothing half-done lies about
    assert output.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.parquet", "models", "posts.jsonl"]


def test_a_file_cut_short_keeps_what_came_before(
    tmp_path: Path, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    posts = [(str(n), f"post number {n} of the day") for n in range(20_000)]
    whole = zstandard.compress(jsonl(posts))
    output = tmp_path / "labels.parquet"
    counts = classify_file(a_source(tmp_path, whole[: len(whole) // 2]), output, models=models)
    assert counts.quarantined == 1
    assert pl.read_parquet(output)["id"].to_list() == [i for i, _ in posts[: counts.written]]
    assert "end early or are damaged" in capfd.readouterr().err


def test_running_again_gives_the_same_file(tmp_path: Path, models: Path) -> None:
    source = a_source(tmp_path, jsonl(POSTS))
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    classify_file(source, one, models=models)
    classify_file(source, two, models=models)
    assert one.read_bytes() == two.read_bytes()


def test_what_a_person_can_mend_is_said_before_anything_is_read(tmp_path: Path, models: Path) -> None:
    source = a_source(tmp_path, jsonl(POSTS))
    with pytest.raises(BadInput, match="is a folder; name the Parquet file"):
        classify_file(source, tmp_path, models=models)
    with pytest.raises(BadInput, match="is also the file to read"):
        classify_file(source, source, models=models)
    with pytest.raises(BadConfiguration, match="no model 'absent'"):
        classify_file(source, tmp_path / "o.parquet", model="absent", models=models)
    with pytest.raises(BadInput, match="cannot be read"):
        classify_file(tmp_path / "absent.jsonl", tmp_path / "o.parquet", models=models)
