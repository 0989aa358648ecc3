"""From a draw to a corrected share: labels settled, gaps stood in for, and the whole way through files and back."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.audit.draw import draw_audit
from barometer.estimate.audit.files import LABELS_SCHEMA, read_csv, write_csv
from barometer.estimate.audit.settle import settle, stratum_codes, to_audit
from barometer.estimate.prevalence import Voices, adjusted_count, ppi_share, uncorrected_share
from barometer.estimate.voices import voice_weights

TODAY = date(2026, 5, 9)


def judged(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=LABELS_SCHEMA, orient="row")


def drawn(*posts: str, **values: Any) -> pl.DataFrame:
    plain = {"day": TODAY, "stratum": "s", "inclusion": 0.5, "voice_weight": 1.0, "prediction": 1.0}
    return pl.DataFrame([{"post": post} | plain | values for post in posts])


class TestSettle:
    def test_most_labellers_win_and_ties_wait(self) -> None:
        found = settle(
            judged(
                ("p1", "a", "trust", "trust"),
                ("p1", "b", "trust", "trust"),
                ("p1", "c", "trust", "none"),
                ("p2", "a", "trust", "trust"),
                ("p2", "b", "trust", "none"),
                ("p2", "a", "hostile", "no"),
            )
        )
        assert found.labels.rows() == [("p1", "trust", "trust"), ("p2", "hostile", "no")]
        assert found.unsettled.rows() == [("p2", "trust")]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["p1", "p2", "p3"]),
                st.sampled_from("abcde"),
                st.just("trust"),
                st.sampled_from(["trust", "none"]),
            ),
            unique_by=lambda row: row[:2],
            min_size=1,
        )
    )
    def test_every_post_is_settled_or_not_and_order_does_not_matter(
        self, rows: list[tuple[str, str, str, str]]
    ) -> None:
        found, turned = settle(judged(*rows)), settle(judged(*rows[::-1]))
        assert found.labels.equals(turned.labels)
        assert found.labels.height + found.unsettled.height == len({row[0] for row in rows})
        for post, _, label in found.labels.iter_rows():
            said = [row[3] for row in rows if row[0] == post]
            assert said.count(label) > len(said) / 2

    def test_nothing_labelled(self) -> None:
        assert settle(judged()).labels.is_empty()


class TestToAudit:
    def test_all_labels_wanted_must_be_borne(self) -> None:
        settled = settle(
            judged(
                *[("p1", "a", head, label) for head, label in (("trust", "distrust"), ("target", "media"))],
                *[("p2", "a", head, label) for head, label in (("trust", "distrust"), ("target", "health"))],
                *[("p3", "a", head, label) for head, label in (("trust", "none"), ("target", "none"))],
            )
        )
        wanted = {"trust": "distrust", "target": "media"}
        audit = to_audit(drawn("p1", "p2", "p3"), settled, wanted=wanted, strata=["s"], on=TODAY)
        assert audit.label.tolist() == [1, 0, 0]
        assert audit.prediction.tolist() == [1, 1, 1]

    def test_a_post_half_labelled_is_left_out_and_its_stratum_stands_for_it(self) -> None:
        settled = settle(judged(("p1", "a", "trust", "trust"), ("p2", "a", "hostile", "no")))
        audit = to_audit(drawn("p1", "p2"), settled, wanted={"trust": "trust"}, strata=["s"], on=TODAY)
        assert audit.label.tolist() == [1]
        assert audit.inclusion.tolist() == [0.25]

    def test_age_and_strata(self) -> None:
        sample = pl.concat([drawn("p1", stratum="b"), drawn("p2", day=TODAY - timedelta(days=30), stratum="a")])
        settled = settle(judged(("p1", "a", "trust", "trust"), ("p2", "a", "trust", "none")))
        audit = to_audit(sample, settled, wanted={"trust": "trust"}, strata=["a", "b"], on=TODAY)
        assert audit.age_days.tolist() == [0, 30]
        assert audit.stratum.tolist() == [1, 0]

    def test_an_unknown_stratum_or_a_missing_column_is_named(self) -> None:
        with pytest.raises(BadInput, match="stratum x: is not among"):
            stratum_codes(pl.Series(["s", "x"]), strata=["s"])
        with pytest.raises(BadInput, match="column inclusion is missing"):
            to_audit(drawn("p1").drop("inclusion"), settle(judged()), wanted={"trust": "trust"}, strata=["s"], on=TODAY)


def town_posts(rng: np.random.Generator, n: int = 1500) -> pl.DataFrame:
    """Posts of 600 authors, a fifth truly distrusting, read by a classifier that misses a third and cries wolf."""
    truth = rng.random(n) < 0.2
    said = rng.random(n) < np.where(truth, 0.65, 0.12)
    return pl.DataFrame(
        {
            "post": [f"p{i:05d}" for i in range(n)],
            "author": [f"a{i}" for i in rng.integers(0, 600, n)],
            "day": [TODAY - timedelta(days=int(i)) for i in rng.integers(0, 28, n)],
            "area": "T1",
            "area_group": rng.choice(["north", "south"], n),
            "language": "en",
            "label": np.where(said, "distrust", "none"),
            "confidence_band": rng.choice(["low", "high"], n),
            "text": "masked",
            "truth": truth,
            "prediction": said.astype(float),
        }
    ).with_columns(created_at="day", duplicate_group="post")


def labelled_by_people(sample: pl.DataFrame, path: Path) -> None:
    """Somebody opens the export, labels every post and saves it."""
    write_csv(sample, path)
    truth = dict(sample.select("post", "truth").iter_rows())
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            said = (
                {"trust": "distrust", "target": "media"} if truth[row["post"]] else {"trust": "none", "target": "none"}
            )
            writer.writerow(row | said | {"labeller": "L1", "rumour": "none", "hostile": "no"})


def test_from_draw_to_corrected_share(tmp_path: Path) -> None:
    covered, counted, rates = [], [], []
    for seed in range(40):
        # given the voices of a month, an audit drawn from them, and labels that came back through a file
        heard = voice_weights(town_posts(np.random.default_rng(seed)), group=["area"])
        sample = draw_audit(heard, size=250, seed=seed)
        path = tmp_path / f"{seed}.csv"
        labelled_by_people(sample, path)
        found = read_csv(path, known=sample["post"].to_list())
        assert not found.problems
        strata = sorted(sample["stratum"].unique())
        audit = to_audit(sample, settle(found.labels), wanted={"trust": "distrust"}, strata=strata, on=TODAY)
        weight = heard["voice_weight"].to_numpy()
        voices = Voices(heard["prediction"].to_numpy(), weight, effective_n=weight.sum() ** 2 / (weight**2).sum())
        # when the share is corrected
        for estimate, into in ((ppi_share, covered), (adjusted_count, rates)):
            share = estimate(voices, audit)
            assert share.method in ("ppi", "adjusted_count")
            into.append(share.lower <= 0.2 <= share.upper)
        plain = uncorrected_share(voices, reason="for comparison")
        counted.append(plain.lower <= 0.2 <= plain.upper)
    # then it covers the truth, which counting does not
    assert np.mean(covered) >= 0.9
    assert np.mean(rates) >= 0.9
    assert np.mean(counted) < 0.6
