"""The two sides of a comparison, and any mix of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from barometer.configured import configured
from barometer.estimate.explain.again import Again, part_of
from barometer.estimate.explain.shapley import coalitions
from barometer.estimate.explain.sides import FACTORS, Sides
from barometer.estimate.inputs import labelled_posts
from barometer.night import Night
from barometer.published import releases_of
from barometer.tables import EXPLAINED_BY, TABLES
from tests.estimate.explain.released import NEXT, empty_town, later, released_night, withdraw
from tests.estimate.fielded import put, put_posts
from tests.estimate.made import INDICATORS, report, voices
from tests.rows import NIGHT, rows

NEW, LATE, WEIGHTS, MODEL, CONFIGURATION = FACTORS
EVERYTHING = frozenset(FACTORS)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released_night(tmp_path_factory.mktemp("evening")).settings.home


@pytest.fixture
def night(evening: Path, tmp_path: Path) -> Night:
    """The night after the first release, in a lake of the test's own."""
    return later(empty_town(tmp_path, evening))


def sides(night: Night) -> Sides:
    (release,) = releases_of(night.settings.releases / "testville")
    now = configured(night.city, night.settings.configs)
    then = configured(later(night, margins=night.city.margins).city, night.settings.configs)
    at = night.lake.written_at("estimates", partition={"night": NIGHT}, as_of=release.approved_at)
    return Sides(night=night, release=release, now=now, then=then, estimated_at=at)


def posts_of(found: Sides, *factors: str) -> set[str]:
    return set(found.rows("posts", factors)["post"])


def test_the_factors_are_the_declared_ones() -> None:
    assert FACTORS == EXPLAINED_BY


class TestRows:
    def came(self, night: Night) -> Sides:
        """Two late posts and three new ones."""
        late, new = voices(2, first=300, day=NIGHT), voices(3, first=400, day=NEXT)
        put_posts(night, [*late, *new], on=NEXT)
        return sides(night)

    def test_new_and_late_rows_are_swapped_by_themselves(self, night: Night) -> None:
        found = self.came(night)
        before = posts_of(found)
        assert len(before) == 27
        assert posts_of(found, LATE) - before == {"p00300", "p00301"}
        assert posts_of(found, NEW) - before == {"p00400", "p00401", "p00402"}
        assert posts_of(found, NEW, LATE) == posts_of(found, NEW) | posts_of(found, LATE)

    def test_all_factors_give_exactly_what_the_night_reads(self, night: Night) -> None:
        found = self.came(night)
        for table in ("posts", "reports", "respondents", "answers", "observations", "counts"):
            now = night.lake.read(table).collect().sort(TABLES[table].key)
            assert found.rows(table, EVERYTHING).sort(TABLES[table].key).equals(now), table
        mixed = labelled_posts(found.context(EVERYTHING).night)
        assert mixed.equals(labelled_posts(night))

    def test_a_former_night_sees_late_rows_as_its_own(self, night: Night) -> None:
        found = self.came(night)
        context = found.context({LATE})
        assert context.night.night == NIGHT
        assert labelled_posts(context.night).height == 29

    def test_removed_rows_are_on_neither_side(self, night: Night) -> None:
        withdraw(night, ["p00000"], on=NEXT)
        found = sides(night)
        assert not any("p00000" in posts_of(found, *some) for some in coalitions((NEW, LATE)))
        assert found.removed == {"posts"}
        assert LATE not in found.changed("posts")

    def test_answers_go_with_their_questionnaire(self, night: Night) -> None:
        people = {"response": "r9", "respondent": "r9", "answered_at": report(1, "q", 3, day=NEXT)["reported_at"]}
        put(night, "respondents", people | {"source": "made"}, on=NEXT)
        put(night, "answers", {"response": "r9", "respondent": "r9", "item": "trust_police", "source": "made"}, on=NEXT)
        found = sides(night)
        assert found.changed("answers") == {NEW}
        assert "r9" in found.rows("answers", {NEW})["response"].to_list()
        assert "r9" not in found.rows("answers", {LATE})["response"].to_list()

    def test_what_people_say_of_audited_posts_is_late_by_the_night_it_is_of(self, night: Night) -> None:
        mark = {"post": "p00000", "labeller": "l", "head": "trust", "label": "none"}
        for on, expected in ((NIGHT, {LATE}), (NEXT, {NEW, LATE})):
            night.lake.replace("audit_labels", rows("audit_labels", mark | {"night": on}), partition={"night": on})
            assert sides(night).changed("posts") == expected
            mark = mark | {"labeller": "m"}


class TestChanged:
    @pytest.mark.parametrize("signal", ["posts", "answers", "reports", "observations", "counts"])
    def test_nothing_where_nothing_came(self, night: Night, signal: str) -> None:
        assert sides(night).changed(signal) == frozenset()

    @pytest.mark.parametrize(
        ("figure", "factor"), [("margins", WEIGHTS), ("population", WEIGHTS), ("covariates", CONFIGURATION)]
    )
    def test_figures_are_weights_or_configuration(self, night: Night, figure: str, factor: str) -> None:
        found = sides(night)
        other = found.now.figures | {figure: found.now.figures[figure].head(1)}
        changed = replace(found, now=replace(found.now, figures=other))
        assert changed.changed("answers") == {factor}

    def test_adults_are_weights_and_names_of_areas_configuration(self, night: Night) -> None:
        found = sides(night)
        for column, factor in (("adults", WEIGHTS), ("name", CONFIGURATION)):
            areas = found.now.figures["areas"].with_columns(
                pl.col(column).reverse() if column == "name" else pl.col(column) * 2
            )
            changed = replace(found, now=replace(found.now, figures=found.now.figures | {"areas": areas}))
            assert changed.changed("counts") == {factor}

    def test_weights_alone_leave_the_rest_of_the_configuration(self, night: Night) -> None:
        found = sides(night)
        now = found.now.figures
        changed = {"margins": now["margins"].head(1), "covariates": now["covariates"].head(1)}
        mixed = replace(found, now=replace(found.now, figures=now | changed))
        weighed, configured_otherwise = (mixed.context({factor}).night.city for factor in (WEIGHTS, CONFIGURATION))
        assert (weighed.margins.height, weighed.covariates.height) == (1, now["covariates"].height)
        assert (configured_otherwise.margins.height, configured_otherwise.covariates.height) == (
            now["margins"].height,
            1,
        )

    def test_indicators_of_another_signal_do_not_matter(self, night: Night) -> None:
        found = sides(night)
        indicators = found.now.indicators
        bent = tuple(
            i.model_copy(update={"minimum_n": 12}) if i.id == "posts_distrust_people" else i
            for i in indicators.indicators
        )
        other = indicators.model_copy(update={"indicators": bent})
        changed = replace(found, now=replace(found.now, indicators=type(indicators).model_validate(other.model_dump())))
        assert changed.changed("posts") == {CONFIGURATION}
        assert changed.changed("answers") == frozenset()


class TestAgain:
    def test_every_indicator_belongs_to_a_part(self) -> None:
        parts = {part_of(indicator) for indicator in INDICATORS.indicators}
        assert parts == {"answers", "posts", "reports", "observations", "counts", "nowcasts", "composites"}

    def test_all_factors_give_what_the_night_estimates(self, night: Night) -> None:
        put(night, "reports", report(900, "q1", 5, day=NEXT), on=NEXT)
        again = Again(sides(night))
        now = again.values("reports", EVERYTHING)
        then = again.values("reports", frozenset())
        assert now.filter(pl.col("value").is_not_null()).height >= then.filter(pl.col("value").is_not_null()).height
        assert not now.equals(then)

    def test_a_signal_is_made_again_only_for_what_changed_in_it(self, night: Night) -> None:
        put(night, "reports", report(900, "q1", 5, day=NEXT), on=NEXT)
        again = Again(sides(night))
        for each in coalitions(FACTORS[:3]):
            again.values("reports", each)
            again.values("counts", each)
        assert set(again.cells) == {
            ("reports", frozenset()),
            ("reports", frozenset({NEW})),
            ("counts", frozenset()),
        }
