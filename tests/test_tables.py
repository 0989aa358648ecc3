"""The contract of the tables: what fits is let through, what does not is refused with the column named."""

from __future__ import annotations

import polars as pl
import pytest

from barometer.errors import SchemaMismatch
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS, TABLES, derived_tables, to_markdown, validate
from tests.rows import rows


@pytest.mark.parametrize("name", TABLES)
def test_a_frame_of_the_declared_schema_is_let_through(name: str) -> None:
    frame = rows(name, {})
    assert validate(name, frame).equals(frame)


@pytest.mark.parametrize("name", TABLES)
def test_columns_come_back_in_the_declared_order(name: str) -> None:
    frame = rows(name, {})
    shuffled = frame.select(reversed(frame.columns))
    assert validate(name, shuffled).columns == list(TABLES[name].schema)


@pytest.mark.parametrize("name", TABLES)
def test_each_missing_column_is_named(name: str) -> None:
    for column in TABLES[name].schema:
        with pytest.raises(SchemaMismatch, match=rf"table {name}.*{column}"):
            validate(name, rows(name, {}).drop(column))


@pytest.mark.parametrize("name", TABLES)
def test_each_column_of_another_type_is_named(name: str) -> None:
    for column in TABLES[name].schema:
        wrong = rows(name, {}).with_columns(pl.lit(b"bytes").alias(column))
        with pytest.raises(SchemaMismatch, match=rf"column {column}: is Binary"):
            validate(name, wrong)


def test_an_undeclared_column_is_named() -> None:
    with pytest.raises(SchemaMismatch, match="undeclared columns \\['handle'\\]"):
        validate("posts", rows("posts", {}).with_columns(handle=pl.lit("h")))


@pytest.mark.parametrize("name", TABLES)
def test_a_null_where_none_may_be_is_named(name: str) -> None:
    required = [column.name for column in TABLES[name].columns if not column.nullable]
    for column in required:
        holed = rows(name, {}).with_columns(pl.lit(None, dtype=TABLES[name].schema[column]).alias(column))
        with pytest.raises(SchemaMismatch, match=f"column {column}: has empty values"):
            validate(name, holed)


def test_two_rows_of_one_key_are_refused() -> None:
    with pytest.raises(SchemaMismatch, match=r"2 rows share a key \(post\)"):
        validate("posts", rows("posts", {"post": "a"}, {"post": "a", "text": "other"}))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_what_it_and_its_columns_mean(name: str) -> None:
    table = TABLES[name]
    assert table.meaning.endswith(".")
    assert all(column.meaning for column in table.columns)
    assert set(table.key) | set(table.partition) <= set(table.schema)


@pytest.mark.parametrize("name", TABLES)
def test_every_derivation_names_columns_that_exist(name: str) -> None:
    for tie in TABLES[name].derived_from:
        assert tie.column in TABLES[name].schema
        assert tie.of in TABLES[tie.parent].schema


def test_labels_have_a_probability_for_every_class_of_every_head() -> None:
    expected = {f"{head}_{value}" for head, values in LABEL_HEADS.items() for value in values}
    assert expected <= set(TABLES["labels"].schema)


def test_everything_that_holds_a_post_is_derived_from_the_posts() -> None:
    reached = {"received_posts"}
    frontier = ["received_posts"]
    while frontier:
        children = {child for child, _ in derived_tables(frontier.pop())} - reached
        reached |= children
        frontier.extend(children)
    holding = {name for name, table in TABLES.items() if "post" in table.schema}
    assert holding <= reached


def test_the_generated_page_is_current() -> None:
    page = PROJECT / "docs" / "tables.md"
    assert page.read_text("utf-8") == to_markdown(), "docs/tables.md is stale: run `barometer tables > docs/tables.md`"
