"""Which addresses may be asked, and where tokens come from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.settings import load_settings
from gestalt_space.sites.site import checked_address, chosen_sites, read_token

B, C = "https://gestalt.b.example", "https://c.example:8443/gestalt"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "b.token"
    file.touch(0o600)
    file.write_text("gestalt_of-b\n")
    return file


@pytest.fixture
def _sites(monkeypatch: pytest.MonkeyPatch, token_file: Path) -> None:
    sites = {"b": {"address": f"{B}/", "token_file": str(token_file)}, "c": {"address": C}}
    monkeypatch.setenv("GESTALT_SITES", json.dumps(sites))


@pytest.mark.parametrize(
    "address",
    [B, C, "http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "HTTPS://b.example"],
)
def test_addresses_that_may_be_asked(address: str) -> None:
    assert checked_address(f"{address}/") == address


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://b.example", "not be encrypted"),
        ("http://127.0.0.1.example", "not be encrypted"),
        ("ftp://b.example", "not the address"),
        ("https://", "not the address"),
        ("b.example", "not the address"),
        ("https://user:secret@b.example", "more than a host"),
        ("https://b.example?token=secret", "more than a host"),
        ("https://b.example#x", "more than a host"),
        ("https://b.example:99999", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://b.exa mple", "blanks"),
        ("https://b.example/\r\nX: y", "blanks"),
        ("https://b\u00e9.example", "not the address"),
    ],
)
def test_addresses_that_may_not(address: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        checked_address(address)
    assert "secret" not in refused.value.message


@pytest.mark.usefixtures("_sites")
def test_sites_by_name_and_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_SITE_TOKEN", "gestalt_of-c")
    b, c = chosen_sites(load_settings(), ["b", C, B, "c"])
    assert (b.name, b.address, b.token) == ("b", B, "gestalt_of-b")
    assert (c.name, c.address, c.token) == ("c", C, "gestalt_of-c")


@pytest.mark.usefixtures("_sites")
def test_a_token_is_for_one_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_SITE_TOKEN", "gestalt_x")
    with pytest.raises(UsageError, match=r"one site, not for c and https://d\.example"):
        chosen_sites(load_settings(), ["c", "https://d.example"])


@pytest.mark.usefixtures("_sites")
@pytest.mark.parametrize(("wanted", "told"), [("d", "Known sites: b, c"), ("c", "no token for c")])
def test_a_site_without_an_address_or_a_token(wanted: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen_sites(load_settings(), [wanted])
    assert told in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.usefixtures("_sites")
@pytest.mark.parametrize("text", ["", "two words", "\u00e9", "a\r\nX: y", "x" * 501])
def test_a_file_without_a_token(token_file: Path, text: str) -> None:
    token_file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"b\.token") as refused:
        chosen_sites(load_settings(), ["b"])
    assert not text or text not in refused.value.message


@pytest.mark.usefixtures("_sites")
@pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_token_that_others_may_read_is_not_used(token_file: Path, mode: int) -> None:
    token_file.chmod(mode)
    with pytest.raises(UsageError, match="Others may read"):
        chosen_sites(load_settings(), ["b"])


@pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")
def test_the_command_that_mends_the_rights_of_a_token_can_be_run(tmp_path: Path) -> None:
    file = tmp_path / "a token"
    file.write_text("gestalt_secret")
    file.chmod(0o644)
    with pytest.raises(UsageError) as refused:
        read_token(file)
    assert refused.value.hint == f"Run `chmod 600 '{file}'`."


def test_settings_do_not_show_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_SITE_TOKEN", "gestalt_secret")
    assert "gestalt_secret" not in repr(load_settings())


@pytest.mark.parametrize("text", ['{"b": {}}', '{"b": {"address": "x", "token": "y"}}', "[]"])
def test_sites_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GESTALT_SITES", text)
    with pytest.raises(UsageError):
        load_settings()


@pytest.mark.parametrize(
    ("text", "told"), [(" ", "cannot be empty"), ("Withdrawn ", "covers nothing")]
)
def test_what_is_no_consent_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    """An empty one would stand for those whose consent is not known."""
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", json.dumps(["research", text]))
    with pytest.raises(UsageError, match=told):
        load_settings()
