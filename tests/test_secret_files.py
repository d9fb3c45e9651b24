from __future__ import annotations

import os
from pathlib import Path

import pytest

from gestalt_space.secret_files import closing_command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner_alone_is_left(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.touch()
    file.chmod(mode)
    assert closing_command(file) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o440, 0o620, 0o601])
def test_a_file_with_rights_of_others_is_to_be_closed(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "a key"
    file.touch()
    file.chmod(mode)
    assert closing_command(file) == f"chmod 600 '{file}'"


def test_a_credential_of_systemd_is_as_it_has_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    for file in (folder / "key", tmp_path / "key"):
        file.touch()
        file.chmod(0o440)
    assert closing_command(folder / "key") is None
    assert closing_command(tmp_path / "key") is not None


def test_no_mode_tells_anything_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.touch()
    file.chmod(0o666)
    monkeypatch.setattr("gestalt_space.secret_files.os.name", "nt")
    found = closing_command(file)
    monkeypatch.undo()
    assert found is None
