import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from barometer.ops.home import AirflowHome
from barometer.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> AirflowHome:
    settings = Settings(home=tmp_path / "home", lake="s3://bucket/lake")
    return AirflowHome(settings, 18099, cities=("sample",), is_scheduled=False, approvers=("s.malik",))


def test_secrets_are_made_once_and_kept(home: AirflowHome) -> None:
    assert home.secrets() == home.secrets()


def test_two_homes_share_no_secret(home: AirflowHome, tmp_path: Path) -> None:
    other = AirflowHome(Settings(home=tmp_path / "other"), 1, approvers=("s.malik",)).secrets()
    mine = home.secrets()
    assert mine.jwt_secret != other.jwt_secret
    assert mine.fernet_key != other.fernet_key
    assert not set(mine.passwords.values()) & set(other.passwords.values())


def test_the_key_for_stored_connections_is_one_that_airflow_can_use(home: AirflowHome) -> None:
    box = Fernet(home.secrets().fernet_key)
    assert box.decrypt(box.encrypt(b"kept")) == b"kept"


def test_nobody_else_on_the_machine_can_read_secrets_or_passwords(home: AirflowHome) -> None:
    home.secrets()
    for path in (home.folder / "secrets.json", home.passwords_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_approver_gets_a_password_and_the_others_keep_theirs(home: AirflowHome) -> None:
    before = home.secrets().passwords
    after = AirflowHome(home.settings, 1, approvers=("s.malik", "j.ali")).secrets().passwords
    assert set(after) - set(before) == {"j.ali"}
    assert before.items() <= after.items()


def test_who_is_no_longer_an_approver_cannot_log_in(home: AirflowHome) -> None:
    home.secrets()
    later = AirflowHome(home.settings, 1)
    later.secrets()
    assert "s.malik" not in later.passwords_file.read_text("utf-8")


def test_every_setting_reaches_the_tasks_with_absolute_paths(
    home: AirflowHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    reached = Settings()
    assert reached.lake == "s3://bucket/lake"
    for name in ("home", "inbox", "releases", "drafts", "runs", "keys", "configs", "models"):
        assert getattr(reached, name) == getattr(home.settings, name).resolve()
        assert getattr(reached, name).is_absolute()


def test_the_interface_listens_on_this_machine_only(home: AirflowHome) -> None:
    environment = home.environment()
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18099/execution/"


def test_nothing_of_a_run_is_told_to_anyone(home: AirflowHome) -> None:
    assert home.environment()["GX_ANALYTICS_ENABLED"] == "False"


def test_what_is_no_folder_is_handed_on_as_it_is_and_what_is_not_set_not_at_all(home: AirflowHome) -> None:
    public = {"public_url": "https://trust.example", "allow_hosts": "odk.local:8443"}
    environment = AirflowHome(home.settings.model_copy(update=public), 1).environment()
    assert environment["BAROMETER_PUBLIC_URL"] == "https://trust.example"
    assert environment["BAROMETER_ALLOW_HOSTS"] == "odk.local:8443"
    unset = home.environment()
    assert not {"BAROMETER_PUBLIC_URL", "BAROMETER_ALLOW_HOSTS", "BAROMETER_SIGNING_KEY"} & set(unset)
    assert "None" not in unset.values()


def test_cities_and_schedule_are_handed_on(home: AirflowHome) -> None:
    environment = home.environment()
    assert (environment["BAROMETER_CITIES"], environment["BAROMETER_SCHEDULE"]) == ("sample", "off")


def test_overrides_win(home: AirflowHome) -> None:
    other = AirflowHome(home.settings, 1, overrides={"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"})
    assert other.environment()["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_approvers_may_answer_but_not_administer(home: AirflowHome) -> None:
    assert home.environment()["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,s.malik:user"
