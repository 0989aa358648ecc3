"""Make Bradford's data files from the published ones: `python configs/cities/bradford/build.py <folder of places>`.

Reads `bradford/` and `hoc_msoa_names/` below the given folder and writes the files beside this script that `SOURCES.md`
lists as built; `aliases.csv`, `city.yaml`, `thresholds.yaml` and `icc_index.yaml` are written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True

from building import (  # noqa: E402
    Area,
    in_metres,
    neighbours,
    read_areas,
    shared_out,
    simplified,
    write_boundaries,
    write_csv,
)

# The four areas of the two 2011 MSOAs that were split have no House of Commons Library name; SOURCES.md says why these.
SPLIT_NAMES = {
    "E02006945": "Steeton, Eastburn & Silsden Moor",
    "E02006946": "Silsden Town",
    "E02006947": "Little Germany & Barkerend West",
    "E02006948": "Central Bradford & Goitside",
}
AGE_BANDS = {
    "0-15": (0, 15),
    "16-24": (16, 24),
    "25-34": (25, 34),
    "35-44": (35, 44),
    "45-54": (45, 54),
    "55-64": (55, 64),
    "65-74": (65, 74),
    "75+": (75, 90),
}
TENURE = {
    "Owned: Owns outright": "owned_outright",
    "Owned: Owns with a mortgage or loan": "owned_mortgage",
    "Shared ownership: Shared ownership": "owned_mortgage",
    "Social rented: Rents from council or Local Authority": "social_rented",
    "Social rented: Other social rented": "social_rented",
    "Private rented: Private landlord or letting agency": "private_rented",
    "Private rented: Other private rented": "private_rented",
    "Lives rent free": "private_rented",
}
ETHNIC_GROUP = {
    "Asian, Asian British or Asian Welsh": "asian",
    "Black, Black British, Black Welsh of African background": "black",
    "Black, Black British, Black Welsh or Caribbean background": "black",
    "Mixed or Multiple ethnic groups": "mixed",
    "White": "white",
    "Other ethnic group": "other",
}
DISABILITY = {
    "Disabled under the Equality Act": "disabled",
    "Not disabled under the Equality Act": "not_disabled",
}
_OTHER_LANGUAGE = "Main language is not English (English or Welsh in Wales)"
PROFICIENCY = {
    "Main language is English (English or Welsh in Wales)": "main_language",
    f"{_OTHER_LANGUAGE}: Can speak English very well": "very_well_or_well",
    f"{_OTHER_LANGUAGE}: Can speak English well": "very_well_or_well",
    f"{_OTHER_LANGUAGE}: Cannot speak English well": "not_well_or_not_at_all",
    f"{_OTHER_LANGUAGE}: Cannot speak English": "not_well_or_not_at_all",
}
CENSUS = 2021
# A ward's code places a row in a neighbourhood only when this share of the ward's people live there.
WARD_SHARE_NEEDED = 0.9


class Published:
    """The published files, as they are, and the look-ups between their codes."""

    def __init__(self, places: Path) -> None:
        self.folder = places / "bradford"
        self.hoc_names = places / "hoc_msoa_names" / "data" / "msoa-names.csv"
        msoa21 = pl.col("lsoa21_name").str.slice(0, len("Bradford 001"))
        self.areas = self.csv("migration21_msoa21").select(pl.col("msoa21_code").alias("area"), "msoa21_name")
        ward = self.csv("lookup_lsoa21_ward24").with_columns(msoa21.alias("msoa21_name"))
        self.lsoas = (
            ward.join(self.areas, on="msoa21_name")
            .join(self.csv("lookup_lsoa11_lsoa21").select("lsoa11_code", "lsoa21_code"), on="lsoa21_code")
            .join(self.csv("lookup_lsoa11_msoa11").select("lsoa11_code", "msoa11_code"), on="lsoa11_code")
            .join(self.residents(), on="lsoa21_code")
        )
        self.msoa11s = self.lsoas.group_by("msoa11_code", "area").agg(pl.col("residents").sum()).sort("area")

    def csv(self, name: str) -> pl.DataFrame:
        """One published table."""
        return pl.read_csv(self.folder / f"{name}.csv")

    def residents(self) -> pl.DataFrame:
        """Usual residents of each 2021 LSOA at the census."""
        table = self.csv("disability21_lsoa21_ew").unique("lsoa21_code")
        return table.select("lsoa21_code", pl.col("total_residents").cast(pl.Int64).alias("residents"))

    def by_area(self, name: str) -> pl.DataFrame:
        """A table of 2021 LSOAs with the neighbourhood (`area`) and `residents` of each."""
        return self.csv(name).join(self.lsoas.select("lsoa21_code", "area", "residents"), on="lsoa21_code")


def neighbourhood_areas(published: Published) -> list[Area]:
    """The 63 MSOAs of 2021 under their names, boundaries as published."""
    named = pl.read_csv(published.hoc_names).select("msoa11cd", "msoa11hclnm")
    names = dict(named.iter_rows()) | SPLIT_NAMES
    drawn = read_areas(published.folder / "msoa.geojson", "MSOA21CD", "MSOA21NM")
    return [Area(area.code, names[area.code], area.geometry) for area in drawn]


def population(published: Published) -> pl.DataFrame:
    """area, age_band, persons: mid-2020 estimates; a split MSOA's are shared out by residents at the 2021 census."""
    counts = published.csv("population20_msoa11").rename({"90+": "90"})
    bands = counts.select(
        "msoa11_code",
        *(pl.sum_horizontal(str(age) for age in range(a, b + 1)).alias(n) for n, (a, b) in AGE_BANDS.items()),
    ).unpivot(index="msoa11_code", variable_name="age_band", value_name="total")
    parts = bands.join(published.msoa11s, on="msoa11_code").sort("msoa11_code", "age_band", "area")
    shared = [
        group.with_columns(shared_out(group["residents"], int(group["total"][0])).alias("persons"))
        for _, group in parts.group_by("msoa11_code", "age_band", maintain_order=True)
    ]
    order = pl.col("age_band").replace_strict(list(AGE_BANDS), range(len(AGE_BANDS)))
    return pl.concat(shared).sort("area", order).select("area", "age_band", "persons")


def crosswalk(published: Published) -> pl.DataFrame:
    """area, geography, other_area, share of the area's residents (2021 census, LSOAs by best-fit ward) in each ward."""
    parts = published.lsoas.group_by("area", "ward24_code").agg(pl.col("residents").sum())
    share = (pl.col("residents") / pl.col("residents").sum().over("area")).round(6)
    other = pl.col("ward24_code").alias("other_area")
    return parts.select("area", pl.lit("ward24").alias("geography"), other, share.alias("share")).sort(
        "area", "other_area"
    )


def totals(people: pl.DataFrame) -> pl.DataFrame:
    """area, population, adults (16 and over)."""
    is_adult = pl.col("age_band") != "0-15"
    return (
        people.group_by("area")
        .agg(pl.col("persons").sum().alias("population"), pl.col("persons").filter(is_adult).sum().alias("adults"))
        .sort("area")
    )


def ward_totals(people: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """The same for wards: neighbourhoods' totals shared out by the crosswalk, rounded so that the city's stay."""
    whole = totals(people)
    exact = (
        shares.join(whole, on="area")
        .group_by("other_area")
        .agg((pl.col(column) * pl.col("share")).sum() for column in ("population", "adults"))
    )
    exact = exact.sort("other_area").rename({"other_area": "area"})
    return exact.with_columns(shared_out(exact[c], int(whole[c].sum())) for c in ("population", "adults"))


def area_rows(geography: str, areas: list[Area], people: pl.DataFrame) -> pl.DataFrame:
    """Rows of areas.csv."""
    named = pl.DataFrame({"area": [area.code for area in areas], "name": [area.name for area in areas]})
    columns = ("geography", "area", "name", "population", "adults")
    return named.with_columns(pl.lit(geography).alias("geography")).join(people, on="area").select(columns)


def counted(frame: pl.DataFrame, margin: str, column: str, categories: dict[str, str]) -> pl.DataFrame:
    """margin, category, area, persons: `n` of a long table summed into our categories."""
    category = pl.col(column).replace_strict(categories).alias("category")
    summed = frame.group_by("area", category).agg(pl.col("n").sum().cast(pl.Int64).alias("persons"))
    order = list(dict.fromkeys(categories.values()))
    ranked = summed.sort("area", pl.col("category").replace_strict(order, range(len(order))))
    return ranked.select(pl.lit(margin).alias("margin"), "category", "area", "persons")


def with_city(margin: pl.DataFrame, unit: str, base: str) -> pl.DataFrame:
    """A margin of areas, preceded by the whole city's (no area), with its unit and who is counted."""
    city = margin.group_by("margin", "category", maintain_order=True).agg(pl.col("persons").sum())
    whole = city.select("margin", "category", pl.lit(None, pl.String).alias("area"), "persons")
    return pl.concat([whole, margin]).with_columns(pl.lit(unit).alias("unit"), pl.lit(base).alias("base"))


def margins(published: Published, people: pl.DataFrame) -> list[pl.DataFrame]:
    """What a survey can be raked to. No table of sex is among the published ones."""
    ethnic = published.csv("ethnicity21_msoa21").rename({"msoa21_code": "area"})
    speakers = published.csv("proficiency21_msoa21").rename({"msoa21_code": "area"})
    language = speakers.unpivot(list(PROFICIENCY), index="area", variable_name="english", value_name="n")
    adult_bands = {band: band for band in AGE_BANDS if band != "0-15"}
    adults = people.filter(pl.col("age_band") != "0-15").rename({"persons": "n"})
    tenure = published.by_area("household_tenure21_lsoa21")
    disability = published.by_area("disability21_lsoa21_ew")
    residents = "usual residents, census 2021"
    return [
        with_city(
            counted(adults, "age_band", "age_band", adult_bands), "persons", "residents aged 16 and over, mid-2020"
        ),
        with_city(counted(tenure, "tenure", "tenure", TENURE), "households", "households, census 2021"),
        with_city(counted(ethnic, "ethnic_group", "ethnic_group", ETHNIC_GROUP), "persons", residents),
        with_city(
            counted(language, "english_proficiency", "english", PROFICIENCY),
            "persons",
            "usual residents aged 3 and over, census 2021",
        ),
        with_city(counted(disability, "disability", "disability", DISABILITY), "persons", residents),
    ]


def shares(margin: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Covariates from a margin: per area the share of each category named."""
    parts = margin.filter(pl.col("area").is_not_null())
    share = pl.col("persons") / pl.col("persons").sum().over("area")
    summed = parts.with_columns(
        share.alias("value"), pl.col("category").replace_strict(names, default=None).alias("covariate")
    )
    summed = summed.drop_nulls("covariate").group_by("area", "covariate").agg(pl.col("value").sum())
    return tidy(summed, f"share of {margin['unit'][0]}", CENSUS)


def tidy(frame: pl.DataFrame, unit: str, year: int) -> pl.DataFrame:
    """area, covariate, value, unit, year."""
    value = pl.col("value").round(6)
    return frame.select("area", "covariate", value, pl.lit(unit).alias("unit"), pl.lit(year).alias("year"))


def long(frame: pl.DataFrame, names: dict[str, str], unit: str, year: int) -> pl.DataFrame:
    """Covariates from columns of a table of areas: published column -> covariate."""
    renamed = frame.select("area", *(pl.col(column).alias(name) for column, name in names.items()))
    return tidy(renamed.unpivot(index="area", variable_name="covariate", value_name="value"), unit, year)


def resident_weighted(frame: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """Means of LSOA scores over each area, weighted by residents at the 2021 census."""
    weight = pl.col("residents")
    return frame.group_by("area").agg(((pl.col(c) * weight).sum() / weight.sum()).alias(c) for c in columns)


def deprivation(published: Published) -> list[pl.DataFrame]:
    """IMD 2019 (of the 2011 MSOA), IMD 2025 and Community Needs Index 2023 (means of LSOAs)."""
    points = "index points"
    imd19 = {"Score": "imd2019_score", "Crime_Score": "imd2019_crime_score", "Income_Score": "imd2019_income_score"}
    imd25 = {
        f"{d}_score": f"imd2025_{d.lower()}_score" for d in ("Income", "Employment", "Education", "Health", "Crime")
    }
    imd25 = {"IMD_score": "imd2025_score"} | imd25
    cni = {
        "Community Needs Index 2023 Score": "cni2023_score",
        "Civic Assets Domain Score": "cni2023_civic_assets_score",
        "Connectedness Domain Score": "cni2023_connectedness_score",
        "Active and Engaged Community Domain Score": "cni2023_engaged_community_score",
    }
    older = published.csv("imd2019_msoa11").join(published.msoa11s, on="msoa11_code")
    newer = resident_weighted(published.by_area("imd2025_england_lsoa21"), imd25)
    needs = resident_weighted(published.by_area("cni2023_england_lsoa21"), cni)
    return [long(older, imd19, points, 2019), long(newer, imd25, points, 2025), long(needs, cni, points, 2023)]


def household_shares(published: Published) -> list[pl.DataFrame]:
    """Shares of households that are overcrowded, and deprived in at least one dimension."""
    crowded = {"-1 (overcrowded)": "overcrowded_share", "-2 or less (overcrowded)": "overcrowded_share"}
    spared = {"Household is not deprived in any dimension": "not_deprived_share"}
    return [
        _share_of_households(published.by_area("household_overcrowding21_lsoa21"), "occupancy_rating", crowded),
        _share_of_households(published.by_area("household_deprivation21_lsoa21"), "deprivation_dimensions", spared),
    ]


def _share_of_households(frame: pl.DataFrame, column: str, names: dict[str, str]) -> pl.DataFrame:
    covariate = pl.col(column).replace_strict(names, default=None).alias("covariate")
    summed = frame.group_by("area", covariate).agg(pl.col("n").sum())
    shared = summed.with_columns((pl.col("n") / pl.col("n").sum().over("area")).alias("value"))
    return tidy(shared.drop_nulls("covariate"), "share of households", CENSUS)


def mobility(published: Published) -> pl.DataFrame:
    """Shares of residents (aged 1 and over) who lived elsewhere a year before the census."""
    names = {
        "prop_migrated_from_within_uk": "moved_within_uk_share",
        "prop_migrated_from_outside_uk": "moved_from_abroad_share",
    }
    frame = published.csv("migration21_msoa21").rename({"msoa21_code": "area"})
    return long(frame, names, "share of persons", CENSUS)


def diversity(ethnic: pl.DataFrame) -> pl.DataFrame:
    """Ethnic fractionalisation 1 - sum of squared shares: the chance that two residents are of different groups."""
    share = pl.col("persons") / pl.col("persons").sum().over("area")
    parts = ethnic.drop_nulls("area").with_columns(share.alias("share"))
    value = (1 - pl.col("share").pow(2).sum()).alias("value")
    named = parts.group_by("area").agg(value).with_columns(pl.lit("ethnic_fractionalisation").alias("covariate"))
    return tidy(named, "probability", CENSUS)


def density(published: Published, areas: list[Area]) -> pl.DataFrame:
    """Residents at the 2021 census per square kilometre."""
    metres = in_metres([area.geometry for area in areas])
    sizes = pl.DataFrame({"area": [a.code for a in areas], "km2": [shape.area / 1e6 for shape in metres]})
    people = published.lsoas.group_by("area").agg(pl.col("residents").sum()).join(sizes, on="area")
    value = (pl.col("residents") / pl.col("km2")).round(1).alias("value")
    named = people.with_columns(value, pl.lit("population_density").alias("covariate"))
    return tidy(named, "persons per square kilometre", CENSUS)


def covariates(published: Published, areas: list[Area], census: list[pl.DataFrame]) -> pl.DataFrame:
    """All covariates, one row an area, covariate and year."""
    _, tenure, ethnic, language, disability = census
    owned = {"owned_outright": "owned_share", "owned_mortgage": "owned_share"}
    rented = {"social_rented": "social_rented_share", "private_rented": "private_rented_share"}
    groups = {group: f"ethnic_{group}_share" for group in dict.fromkeys(ETHNIC_GROUP.values())}
    frames = [
        *deprivation(published),
        shares(tenure, owned | rented),
        shares(ethnic, groups),
        diversity(ethnic),
        shares(language, {"not_well_or_not_at_all": "english_not_well_share"}),
        shares(disability, {"disabled": "disabled_share"}),
        mobility(published),
        *household_shares(published),
        density(published, areas),
    ]
    return pl.concat(frames, how="vertical_relaxed").sort("area", "covariate", "year")


def codes(published: Published, shares_of_areas: pl.DataFrame) -> pl.DataFrame:
    """code, area: every LSOA and MSOA code of 2011 and 2021 that lies in one area; wards only where nearly all do."""
    lsoas = published.lsoas
    pairs = [
        lsoas.select(pl.col(column).alias("code"), "area", "residents")
        for column in ("area", "lsoa21_code", "lsoa11_code", "msoa11_code", "ward24_code")
    ]
    weighed = pl.concat(pairs).group_by("code", "area").agg(pl.col("residents").sum())
    share = pl.col("residents") / pl.col("residents").sum().over("code")
    needed = pl.when(pl.col("code").is_in(shares_of_areas["other_area"].unique().to_list())).then(WARD_SHARE_NEEDED)
    return weighed.filter(share >= needed.otherwise(1.0)).select("code", "area").sort("code")


def main(places: Path, target: Path) -> None:
    """Read the published files below `places` and write the folder's data files into `target`."""
    published = Published(places)
    areas, people = neighbourhood_areas(published), population(published)
    wards = read_areas(published.folder / "ward.geojson", "WD25CD", "WD25NM")
    shared, census = crosswalk(published), margins(published, people)
    for geography, drawn, tolerance_m in (("msoa21", areas, 40.0), ("ward24", wards, 40.0)):
        write_boundaries(target, geography, simplified(drawn, tolerance_m))
    write_csv(
        target,
        "areas",
        [area_rows("msoa21", areas, totals(people)), area_rows("ward24", wards, ward_totals(people, shared))],
    )
    write_csv(target, "adjacency", [neighbours(areas, "msoa21"), neighbours(wards, "ward24")])
    write_csv(target, "population", [people])
    write_csv(target, "margins", census)
    write_csv(target, "covariates", [covariates(published, areas, census)])
    write_csv(target, "crosswalk", [shared])
    write_csv(target, "codes", [codes(published, shared)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent)
