from __future__ import annotations

import os
import re
import shlex
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from gestalt_space.crops.keys import CropKey, read_keys
from gestalt_space.errors import CropStoreError
from gestalt_space.settings import load_settings
from tests.object_stores import KEY, OTHER_KEY

SECRET = bytes(range(32))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "key"
    path.touch(0o600)
    monkeypatch.setenv("GESTALT_CROPS_KEY_FILE", str(path))
    return path


def test_the_first_key_of_a_file_encrypts_and_all_decrypt(file: Path):
    file.write_text(f"{OTHER_KEY}\n{KEY}\n")
    keys = read_keys(load_settings())
    assert keys.current.secret == bytes(range(1, 33))
    assert keys.named(CropKey.of(SECRET).id) == CropKey.of(SECRET)
    with pytest.raises(CropStoreError, match=r"another key .*0000") as caught:
        keys.named("0" * 16)
    assert "GESTALT_CROPS_KEY_FILE" in caught.value.hint


def test_a_key_comes_from_the_environment_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    assert read_keys(load_settings()).current == CropKey.of(SECRET)


def test_two_keys_have_two_ids_and_neither_says_its_key():
    one, other = CropKey.of(SECRET), CropKey.of(bytes(32))
    assert one.id != other.id
    assert one.id not in SECRET.hex()
    assert SECRET.hex() not in repr(one)
    assert str(SECRET) not in repr(one)


def test_settings_do_not_show_a_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    settings = load_settings()
    assert KEY not in repr(settings)
    assert KEY not in settings.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        b64encode(bytes(31)).decode(),
        b64encode(bytes(33)).decode(),
        f"{KEY}\nshort",
        "é",
        KEY[:-1],
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(file: Path, text: str):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CropStoreError, match="not 32 bytes in base64") as caught:
        read_keys(load_settings())
    assert text not in f"{caught.value}{caught.value.hint}"
    assert caught.value.__cause__ is None


def test_without_a_key_it_says_how_to_make_one():
    with pytest.raises(CropStoreError, match="no key") as caught:
        read_keys(load_settings()).current  # noqa: B018
    assert "openssl rand -base64 32" in caught.value.hint


def test_without_the_key_of_crops_it_asks_for_that_one():
    with pytest.raises(CropStoreError, match="no key") as caught:
        read_keys(load_settings()).named("0123456789abcdef")
    assert "0123456789abcdef" in caught.value.hint
    assert "openssl" not in caught.value.hint


def test_an_empty_file_is_no_key(file: Path):
    file.write_text("\n")
    with pytest.raises(CropStoreError, match="no key"):
        read_keys(load_settings()).current  # noqa: B018


@pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_may_read_is_refused_with_the_command_that_mends_it(
    file: Path, mode: int
):
    file.write_text(KEY)
    file.chmod(mode)
    with pytest.raises(CropStoreError, match="Others may read the key file") as caught:
        read_keys(load_settings())
    assert str(file) in caught.value.message
    command = re.fullmatch("Run `(.*)`\\.", caught.value.hint)
    assert command is not None
    subprocess.run(shlex.split(command[1]), check=True)
    assert read_keys(load_settings()).current == CropKey.of(SECRET)


def test_a_file_that_is_not_there_is_named(file: Path):
    file.unlink()
    with pytest.raises(CropStoreError, match=r"cannot be read from .*key"):
        read_keys(load_settings())
