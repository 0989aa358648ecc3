"""The suite's own order: nothing costly is set up twice, and nothing long begins last."""

from __future__ import annotations

import pytest

from tests.sharing_out import longest_first, scope_of


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/test_lake.py::test_append", "tests/test_lake.py"),
        ("tests/estimate/test_run.py::TestANight::test_rows[a/b]", "tests/estimate/test_run.py"),
        ("tests/integration/airflow/test_cluster.py::test_both_workers_took_part", "tests/integration/airflow"),
        ("tests/integration/test_lake_object_store.py::test_append", "tests/integration/test_lake_object_store.py"),
        ("tests/fault/test_kill.py::test_a_killed_night[3]", "tests/fault"),
    ],
)
def test_a_file_stays_together_and_a_costly_folder_too(nodeid: str, scope: str) -> None:
    assert scope_of(nodeid) == scope


def test_the_longest_begin_and_all_others_keep_their_order() -> None:
    nodeids = ["tests/a.py::b", "tests/fault/x.py::c", "tests/a.py::a", "tests/integration/airflow/y.py::d"]
    assert longest_first(nodeids) == [3, 1, 0, 2]


def test_no_test_is_lost_or_run_twice(request: pytest.FixtureRequest) -> None:
    nodeids = [item.nodeid for item in request.session.items]
    assert sorted(longest_first(nodeids)) == list(range(len(nodeids)))
