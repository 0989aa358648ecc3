"""`make run`: the sample city's last two nights in a real Airflow, from raw files to an approved release.

The first night takes in the whole history, the second only the files of its day. The city is synthetic and says so
everywhere; its releases are answered for by a named stand-in, because nobody is there to ask.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from barometer.city import City, load_city
from barometer.classify import review
from barometer.estimate.audit.desk import take_in, to_label
from barometer.night import Night, open_night
from barometer.ops.approval import APPROVE, STAND_IN_NAME, STAND_IN_USER
from barometer.ops.embedded import Airflow, airflow
from barometer.ops.follow import NightFailed, Run, failure_in_words, follow
from barometer.ops.home import AirflowHome
from barometer.ops.processes import free_port
from barometer.ops.site import newest_release
from barometer.prepare.privacy import city_door
from barometer.settings import Settings
from barometer.simulate.audit import label_audit
from barometer.simulate.curator import fill_sheet
from barometer.simulate.plan import Plan
from barometer.simulate.run import simulate

CITY = "sample"
SEED = 2026
NIGHT_WITHIN_SECONDS = 900

Say = Callable[[str], None]


def run_sample(settings: Settings, say: Say, *, seed: int = SEED, home: AirflowHome | None = None) -> Path:
    """Simulate, run both nights, and return the folder of the release of the second.

    Raises `NightFailed` with the one line that says why, and leaves nothing running however it ends.
    """
    city = load_city(CITY, settings.configs)
    _forget(settings)
    history, latest = sample_nights(seed)
    say(f"Writing the raw files of {city.name}: every signal up to {history}")
    simulate(city, settings, seed=seed, through=history)
    say("Starting Airflow (scheduler, DAG processor, API; SQLite, LocalExecutor)")
    with airflow(home or sample_home(settings)) as started:
        started.admin.wait_for_dag(f"nightly_{CITY}", timeout_seconds=NIGHT_WITHIN_SECONDS, check=started.check)
        started.forget_nights(CITY)
        say(f"\n[bold]Night of {history}[/]: takes in the history")
        run_night(started, city, history, say)
        answered = answer_audit(open_night(CITY, history, settings), seed)
        say(f"  The audit: {answered} posts labelled by simulated people")
        ruled = rule_on_rumours(open_night(CITY, history, settings))
        say(f"  The rumours: {ruled} decisions by a simulated person")
        say(f"\n[bold]Night of {latest}[/]: takes in what is new since")
        simulate(city, settings, seed=seed, through=latest)
        run_night(started, city, latest, say)
    return _release(settings)


def answer_audit(night: Night, seed: int) -> int:
    """Let simulated people label what a night drew, and read their labels back; returns the number of posts."""
    posts = to_label(night)
    if posts.is_empty():
        return 0
    door = city_door(night.city, night.settings)
    night.folder.mkdir(parents=True, exist_ok=True)
    file = night.folder / "audit.csv"
    label_audit(posts, file, city=night.city, seed=seed, mask=door.mask)
    return take_in(night, file, pseudonym=door.pseudonym).labels["post"].n_unique()


def rule_on_rumours(night: Night) -> int:
    """Let a simulated person read the sheet of rumours and say what they claim; returns the number of decisions."""
    sheet = review.review_sheet(night)
    night.folder.mkdir(parents=True, exist_ok=True)
    file = night.folder / "rumours.csv"
    fill_sheet(sheet, city=night.city, mask=city_door(night.city, night.settings).mask).write_csv(file)
    return review.take_in(night, file)


def sample_home(settings: Settings) -> AirflowHome:
    """Airflow with the sample's nights only, started by hand, and with the stand-in among its users."""
    return AirflowHome(settings, free_port(), cities=(CITY,), is_scheduled=False, approvers=(STAND_IN_USER,))


def sample_nights(seed: int) -> tuple[date, date]:
    """The night that takes in the history, and the one after it, with which the simulation ends."""
    last = Plan(seed=seed).last_day
    return last - timedelta(days=1), last


def run_night(started: Airflow, city: City, night: date, say: Say) -> Run:
    """Run one night to its end, answering its question as the stand-in; raises `NightFailed` when it fails."""
    run = started.start_night(city.id, night)
    stand_in = started.as_user(STAND_IN_USER)

    def answer(task_id: str) -> None:
        say(f"  [cyan]?[/] the draft waits for a person; answered by {STAND_IN_NAME}")
        stand_in.answer(run.dag_id, run.run_id, task_id, APPROVE)

    state = follow(
        started.admin, run, say=say, check=started.check, on_question=answer, timeout_seconds=NIGHT_WITHIN_SECONDS
    )
    if state != "success":
        raise NightFailed(f"night of {night}: {failure_in_words(started.admin, run, started.home.logs)}")
    return run


def _release(settings: Settings) -> Path:
    found = newest_release(settings.releases, CITY)
    if found is None:
        raise NightFailed(f"the nights succeeded, but there is no release below {settings.releases / CITY}")
    return found


def _forget(settings: Settings) -> None:
    """Delete what earlier runs left of the sample city, and of no other: its rows and files are made anew."""
    made = (settings.inbox, Path(settings.lake), settings.drafts, settings.releases, settings.runs, settings.decisions)
    for folder in made:
        _delete(folder / CITY)


def _delete(folder: Path) -> None:
    """Delete a folder, also where its files are read-only, as those of a release are."""
    if not folder.exists():
        return
    for each in (folder, *folder.rglob("*")):
        if each.is_dir() and not each.is_symlink():
            each.chmod(0o700)
    shutil.rmtree(folder)
