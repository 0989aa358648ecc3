"""A night of bad input: each fault is one clear line, rows go to quarantine, nothing is lost, and the night goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from barometer.ledger import Counts
from tests.fault.nights import CITY, LAST, all_tables, run_night

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]

HUGE_LINE_BYTES = 50 * 1024 * 1024


def a_post(number: int | str, **changes: Any) -> dict[str, Any]:
    plain = {
        "id": f"bad-{number}",
        "author": f"someone-{number}",
        "platform": "forum",
        "text": f"Plain words, {number}",
    }
    return plain | {"created_at": "2026-05-10T09:00:00Z"} | changes


def lines(*posts: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(post).encode() + b"\n" for post in posts)


def put_bad_files(inbox: Path) -> None:
    """One file a fault, each with good records beside the bad where a file can hold both."""
    posts, good = inbox / "posts", [a_post(f"good-{n}") for n in range(3)]
    packed = zstandard.ZstdCompressor().compress(lines(*(a_post(f"cut-{n}") for n in range(5000))))
    (posts / "a_truncated.jsonl.zst").write_bytes(packed[: len(packed) // 2])
    (posts / "b_not_utf8.jsonl").write_bytes(lines(good[0]) + b'{"id": "bad-utf8", "text": "\xff\xfe"}\n')
    huge = b'{"id": "huge", "text": "' + b"x" * HUGE_LINE_BYTES + b'"}\n'
    (posts / "c_huge.jsonl").write_bytes(huge + lines(good[1]))
    nowhere = lines(a_post("nan", longitude=0.0, latitude=0.0)).replace(b'"latitude": 0.0', b'"latitude": NaN')
    (posts / "d_nan.jsonl").write_bytes(nowhere + lines(good[2]))
    (posts / "e_twice.jsonl").write_bytes(lines(a_post("twice", text="One thing"), a_post("twice", text="Another")))
    old, far = (a_post(year, created_at=f"{year}-01-01T00:00:00Z") for year in (1969, 2169))
    (posts / "f_dates.jsonl").write_bytes(lines(old, far))
    (posts / "g_empty.jsonl").write_bytes(b"")
    (inbox / "answers" / "h_column_missing.csv").write_text("respondent_id,wave\n1,pulse\n", "utf-8")


@pytest.fixture(scope="module")
def tables(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    home = Path(shutil.copytree(evening, tmp_path_factory.mktemp("bad") / "home"))
    put_bad_files(home / "inbox" / CITY)
    assert run_night(home, LAST) == 0, "the night must go on"
    return {name: frame.filter(pl.col("night") == LAST) for name, frame in all_tables(home).items() if "night" in frame}


def held(tables: dict[str, pl.DataFrame], file: str) -> Iterator[dict[str, Any]]:
    return tables["quarantine"].filter(pl.col("position").str.contains(file, literal=True)).iter_rows(named=True)


@pytest.mark.parametrize(
    ("file", "records"),
    [
        ("a_truncated.jsonl.zst", 1),
        ("b_not_utf8.jsonl", 1),
        ("c_huge.jsonl", 1),
        ("d_nan.jsonl", 1),
        ("e_twice.jsonl", 1),
        ("f_dates.jsonl", 2),
        ("g_empty.jsonl", 1),
        ("h_column_missing.csv", 1),
    ],
)
def test_each_fault_is_one_clear_line_that_names_file_and_remedy(
    tables: dict[str, pl.DataFrame], file: str, records: int
) -> None:
    found = list(held(tables, file))
    assert len(found) == records
    for one in found:
        assert one["rule"]
        assert ":" in one["reason"] or ";" in one["reason"], "what is wrong, and what to do"
        assert "\n" not in one["reason"]
        assert "Traceback" not in one["reason"]


def test_what_was_good_beside_the_bad_was_read(tables: dict[str, pl.DataFrame]) -> None:
    texts = set(tables["posts"]["text"].to_list())
    assert {f"Plain words, good-{n}" for n in range(3)} <= texts
    assert "Plain words, cut-0" in texts, "records before the break of a truncated file are kept"


def test_only_one_of_two_contradicting_records_counts(tables: dict[str, pl.DataFrame]) -> None:
    assert tables["posts"].filter(pl.col("text").is_in(["One thing", "Another"])).height == 1


def test_a_huge_line_is_not_kept(tables: dict[str, pl.DataFrame]) -> None:
    (huge,) = held(tables, "c_huge.jsonl")
    assert len(huge["record"] or "") <= 2_000


def test_every_line_of_the_ledger_balances(tables: dict[str, pl.DataFrame]) -> None:
    counted = tables["ledger"].drop("night", "step", "part", "run_id")
    assert all(Counts(**row).is_balanced for row in counted.iter_rows(named=True))
    ingested = tables["ledger"].filter(pl.col("step") == "ingest")
    assert ingested["quarantined"].sum() == tables["quarantine"].height
