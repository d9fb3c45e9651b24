"""Addresses of Milvus, and what is let into a home's record."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.index.engines.milvus_address import (
    checked_address,
    is_server,
    split_token,
    with_token,
)
from gestalt_space.index.engines.registry import recorded_address

PLAIN = ["http://host:19530", "https://host", "http://host:19530/clinic", "http://[::1]:19530"]


@pytest.mark.parametrize("address", PLAIN)
@pytest.mark.parametrize("token", ["key", "user:pass", "us er:p@ss:w/rd#?", "%40"])
def test_a_token_goes_in_and_comes_out(address: str, token: str):
    whole = with_token(address, token)
    assert split_token(whole) == (address, token)


@pytest.mark.parametrize("address", PLAIN)
def test_without_a_token_an_address_stays(address: str):
    assert with_token(address, None) == with_token(address, "") == address
    assert split_token(address) == (address, "")
    assert checked_address(address) == checked_address(f"{address}/") == address


def test_a_token_is_not_recorded_and_not_repeated():
    with pytest.raises(UsageError, match="token") as error:
        recorded_address("milvus", "http://user:s3cret@host:19530/clinic")
    told = f"{error.value.message} {error.value.hint}"
    assert "http://host:19530/clinic" in told
    assert "GESTALT_MILVUS_TOKEN" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    "address",
    ["http://", "ftp://host", "http://host:port", "http://h:1/a?b=c", "http://h#f", "http://[::1"],
)
def test_what_is_no_address_is_refused_and_not_repeated(address: str):
    with pytest.raises(UsageError, match="address") as error:
        recorded_address("milvus", address)
    assert address not in error.value.message
    assert "http://HOST:19530" in error.value.hint


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("127.0.0.1:19530", "http://127.0.0.1:19530"),
        ("localhost:19530/clinic", "http://localhost:19530/clinic"),
        ("milvus.hospital.example:19530/", "http://milvus.hospital.example:19530"),
        ("[::1]:19530", "http://[::1]:19530"),
        ("root:Mil/v@s@host:19530", "http://host:19530"),
    ],
)
def test_a_server_without_http_is_not_taken_for_a_folder(address: str, meant: str):
    with pytest.raises(UsageError, match="looks like a server") as error:
        recorded_address("milvus", address)
    told = f"{error.value.message} {error.value.hint}"
    assert f"give {meant}." in told
    assert "./NAME" in told
    assert "Mil" not in told.replace("Milvus", "")


@pytest.mark.parametrize("name", ["./host:19530", "~/host:1", "a/host:19530", "lite:new", "lite:"])
def test_a_folder_may_have_a_colon_in_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert recorded_address("milvus", name) == str(Path(name).expanduser().absolute())


def test_a_folder_is_recorded_from_the_root_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert recorded_address("milvus", "lite") == str(tmp_path / "lite")
    assert recorded_address("milvus", None) is None
    assert with_token(str(tmp_path), "key") == str(tmp_path)
    assert not is_server(str(tmp_path))
    assert recorded_address("pgvector", "postgresql://host/name") == "postgresql://host/name"
