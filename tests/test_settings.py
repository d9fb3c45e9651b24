from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gestalt_space.errors import UsageError
from gestalt_space.settings import Settings, load_settings, settings_file


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file that is read, not there yet."""
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("GESTALT_SETTINGS", str(path))
    return path


def test_without_anything_the_defaults_hold(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GESTALT_HOME")
    settings = load_settings()
    assert settings.batch_size == 16
    assert settings.max_photo_bytes == 64 * 2**20
    assert settings.max_photo_pixels == 80_000_000
    assert settings.busy_timeout == 30
    assert settings.home.is_absolute()
    assert settings.home.name == "gestalt-space"


def test_the_file_wins_over_the_defaults(toml: Path):
    toml.write_text('batch_size = 3\nmodels = "/models"\n')
    assert load_settings().batch_size == 3
    assert load_settings().models_dir == Path("/models")


def test_the_environment_wins_over_the_file(toml: Path, monkeypatch: pytest.MonkeyPatch):
    toml.write_text("batch_size = 3\nbusy_timeout = 1.5\n")
    monkeypatch.setenv("GESTALT_BATCH_SIZE", "5")
    assert (load_settings().batch_size, load_settings().busy_timeout) == (5, 1.5)


def test_the_home_that_is_given_wins_over_all(
    toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    toml.write_text('home = "/from/file"\n')
    monkeypatch.setenv("GESTALT_HOME", "/from/environment")
    assert load_settings().home == Path("/from/environment")
    assert load_settings(tmp_path).home == tmp_path
    monkeypatch.delenv("GESTALT_HOME")
    assert load_settings().home == Path("/from/file")


def test_the_users_own_folder_may_be_written_short(
    toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_settings("~/mine").home == tmp_path / "mine"
    monkeypatch.delenv("GESTALT_HOME")
    toml.write_text('home = "~/mine"\n')
    assert load_settings().home == tmp_path / "mine"


def test_everything_lies_in_the_home(tmp_path: Path):
    settings = load_settings(tmp_path)
    assert settings.models_dir == tmp_path / "models"
    assert settings.index_dir == tmp_path / "index"
    assert settings.database == tmp_path / "gallery.sqlite3"


def test_models_and_database_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GESTALT_MODELS", "/elsewhere")
    monkeypatch.setenv("GESTALT_DATABASE_URL", "postgresql://host/name")
    assert load_settings().models_dir == Path("/elsewhere")
    assert load_settings().database == "postgresql://host/name"


@pytest.mark.parametrize("name", ["HOME", "MODELS"])
def test_an_empty_variable_is_as_good_as_none(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"GESTALT_{name}", "")
    assert load_settings().home != Path()
    assert load_settings().models_dir != Path()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "-1"),
        ("BATCH_SIZE", "many"),
        ("BATCH_SIZE", "1.5"),
        ("MAX_PHOTO_BYTES", "0"),
        ("MAX_PHOTO_PIXELS", "-5"),
        ("BUSY_TIMEOUT", "-0.1"),
    ],
)
def test_a_value_that_does_not_fit_is_a_usage_error_that_names_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(f"GESTALT_{name}", value)
    with pytest.raises(UsageError, match=name.lower()) as caught:
        load_settings()
    assert "GESTALT_" in caught.value.hint


def test_a_value_in_the_file_that_does_not_fit_is_a_usage_error(toml: Path):
    toml.write_text('batch_size = "many"\nmax_photo_bytes = -1\n')
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert "batch_size: " in caught.value.message
    assert "max_photo_bytes: " in caught.value.message
    assert str(toml) in caught.value.hint


@pytest.mark.parametrize(
    "data", [b"batch_size = ", b"= 3", b"[", b"\xff\xfe", b"a = 1\na = 2\n", b"\x00"]
)
def test_a_file_that_is_no_toml_is_a_usage_error(data: bytes, toml: Path):
    toml.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(toml) in caught.value.message
    assert "TOML" in caught.value.hint


def test_what_is_not_a_setting_is_passed_over(toml: Path, monkeypatch: pytest.MonkeyPatch):
    toml.write_text("of_a_later_version = 1\n")
    monkeypatch.setenv("GESTALT_SHARED", "/shared")
    assert load_settings().batch_size == 16


def test_settings_cannot_be_changed_afterwards():
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.batch_size = 1


def test_reading_the_settings_writes_nothing(tmp_path: Path):
    load_settings(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []


def test_the_settings_file_is_the_users_own_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("GESTALT_SETTINGS", "/etc/gestalt.toml")
    assert settings_file() == Path("/etc/gestalt.toml")
    monkeypatch.delenv("GESTALT_SETTINGS")
    assert settings_file().parts[-2:] == ("gestalt-space", "settings.toml")


def test_every_setting_is_described():
    assert all(field.description for field in Settings.model_fields.values())


def test_precisions_are_read_from_file_and_environment(toml: Path, monkeypatch: pytest.MonkeyPatch):
    toml.write_text('[precisions]\n"a.b" = "bf16"\nc = "fp16"\n')
    assert load_settings().precisions == {"a.b": "bf16", "c": "fp16"}
    monkeypatch.setenv("GESTALT_PRECISIONS", '{"c": "float32"}')
    assert load_settings().precisions == {"a.b": "bf16", "c": "float32"}


@pytest.mark.parametrize(
    ("value", "told"),
    [('{"c": "bf17"}', "'float32', 'bf16' or 'fp16'"), ("bf16", "cannot be read")],
)
def test_a_precision_that_is_none_is_refused(
    value: str, told: str, toml: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GESTALT_PRECISIONS", value)
    with pytest.raises(UsageError, match=told) as caught:
        load_settings()
    assert "GESTALT_" in caught.value.hint
