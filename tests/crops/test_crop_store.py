from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gestalt_space import atomic_files
from gestalt_space.crops import bucket as buckets
from gestalt_space.crops.crop_store import CropStore
from gestalt_space.crops.places import MARK, checked_url
from gestalt_space.errors import CropStoreError, UsageError
from gestalt_space.settings import load_settings
from gestalt_space.types import CropObject
from tests.object_stores import KEY, OTHER_KEY, Bucket

PNGS = [bytes([number]) * 100 for number in range(40)]


@pytest.fixture(params=["file", "s3"])
def base(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    if request.param == "file":
        return (tmp_path / "a folder [1]").as_uri()
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket.url


def store_of(base: str | None = None) -> CropStore:
    return CropStore(load_settings().model_copy(update={"crops": base}))


def names_in(store: CropStore, place: str, like: Sequence[CropObject]) -> list[str]:
    """Names of the shards that have, or had, some objects."""
    shards = sorted({one.name[:2] for one in like})
    return [one.name for shard in shards for one in store.listed(place, shard)]


def test_a_place_that_cannot_be_made_is_said_with_what_names_it(tmp_path: Path, folder: Path):
    (tmp_path / "file").touch()
    url = (tmp_path / "file" / "crops").as_uri()
    for set_to, named_by in ((url, "GESTALT_CROPS"), (None, "--to")):
        with pytest.raises(CropStoreError, match="cannot be written") as caught:
            store_of(set_to).new_place(url)
        assert named_by in caught.value.hint


def test_what_is_put_is_there_for_another_process_and_gone_when_it_is_deleted(base: str):
    store = store_of(base)
    place = store.new_place(base)
    made = store.put(place, PNGS)
    assert len({one.name for one in made}) == len(PNGS)
    again = store_of()
    assert [again.get(made)[one] for one in made] == PNGS
    shard = made[0].name[:2]
    sizes = {one.name: one.bytes for one in again.listed(place, shard)}
    assert sizes[made[0].name] == made[0].bytes
    again.delete(made[:-1])
    assert again.get(made) == dict.fromkeys(made[:-1], b"") | {made[-1]: PNGS[-1]}
    assert names_in(again, place, made) == [made[-1].name]
    again.delete(made)
    assert names_in(again, place, made) == []


def test_an_object_is_listed_in_its_shard_in_order_with_its_time(base: str):
    store = store_of()
    place = store.new_place(base)
    made = store.put(place, PNGS)
    for shard in {one.name[:2] for one in made}:
        listed = list(store.listed(place, shard))
        assert [one.name for one in listed] == sorted(one.name for one in listed)
        assert all(one.name.startswith(f"{shard}/") and one.at.tzinfo for one in listed)


def test_two_galleries_at_one_url_do_not_see_each_others_crops(base: str):
    store = store_of()
    mine, theirs = store.new_place(base), store.new_place(base)
    made = store.put(theirs, PNGS[:3])
    assert names_in(store, mine, made) == []
    assert len(names_in(store, theirs, made)) == 3


def test_what_was_swapped_cut_or_altered_is_not_the_crop_and_the_others_are(base: str):
    store = store_of()
    place = store.new_place(base)
    made = store.put(place, PNGS[:5])
    files = store._place(place)
    read = files.get([one.name for one in made])
    data = [read[one.name] for one in made]
    files.put({made[0].name: data[1], made[1].name: data[0]})
    files.put({made[2].name: data[2][:-1], made[3].name: data[3][:-1] + b"?"})
    assert store.get(made) == dict.fromkeys(made[:4], b"") | {made[4]: PNGS[4]}
    # Also one whose row was altered to match.
    swapped = replace(made[0], sha256=made[1].sha256)
    assert store.get([swapped]) == {swapped: b""}


def test_without_its_key_a_crop_is_not_damaged_but_locked(
    base: str, monkeypatch: pytest.MonkeyPatch
):
    store = store_of()
    made = store.put(store.new_place(base), PNGS[:2])
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    with pytest.raises(CropStoreError, match="another key"):
        store_of().get(made)
    monkeypatch.delenv("GESTALT_CROPS_KEY")
    with pytest.raises(CropStoreError, match="no key"):
        store_of().get(made)
    monkeypatch.setenv("GESTALT_CROPS_KEY", f"{OTHER_KEY} {KEY}")
    assert list(store_of().get(made).values()) == PNGS[:2]


def test_no_place_is_made_without_a_key(base: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GESTALT_CROPS_KEY")
    with pytest.raises(CropStoreError, match="no key"):
        store_of().new_place(base)


def test_a_place_without_its_mark_is_not_taken_for_empty(base: str):
    store = store_of()
    place = store.new_place(base)
    made = store.put(place, PNGS[:2])
    store._place(place).delete([MARK])
    for work in (lambda: store_of().get(made), lambda: store_of().delete(made)):
        with pytest.raises(CropStoreError, match=f"{MARK} is missing"):
            work()
    # Also by a process that has seen it before.
    with pytest.raises(CropStoreError, match=f"{MARK} is missing"):
        store.delete(made)
    lost = CropObject(place, "ab/none", made[0].key_id, 1, "")
    with pytest.raises(CropStoreError, match=f"{MARK} is missing"):
        store.get([lost])


def test_nothing_is_reached_and_no_key_is_read_before_it_is_needed(base: str):
    assert store_of(base).base == base
    assert store_of(base).get([]) == {}


def test_a_sealed_text_opens_by_its_label_alone(base: str):
    store = store_of()
    sealed = store.seal(b"png", "a photo")
    assert store.unseal(sealed, "a photo") == b"png"
    assert store.unseal(sealed, "another") == b""


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("crops", "only in file:// and s3://"),
        ("gs://bucket/x", "only in file:// and s3://"),
        ("s3:///prefix", "names no bucket"),
        ("file://host/folder", "not the path of a folder"),
        ("file:///", "not the path of a folder"),
        ("file:///srv/..", "not the path of a folder"),
        ("s3://bucket/x?versionId=1", "more than a path"),
        ("s3://[", "not a URL"),
    ],
)
def test_a_url_that_is_no_place_is_refused(url: str, told: str):
    with pytest.raises(UsageError, match=told):
        checked_url(url)


@pytest.mark.parametrize(
    "spelling",
    [
        "file:///srv/crops",
        "file:///srv/crops/",
        "file:///srv//crops",
        "file:////srv/crops",
        "file:/srv/crops",
        "file:///srv/old/../crops/.",
        "file:///srv/%63rops",
    ],
)
def test_a_folder_is_one_place_however_it_is_spelt(spelling: str):
    assert checked_url(spelling) == "file:///srv/crops"


def test_an_object_store_may_have_two_slashes_in_a_name():
    assert checked_url("s3://bucket//a/../b/") == "s3://bucket//a/../b"


def test_a_password_in_a_url_is_refused_and_not_shown():
    with pytest.raises(UsageError, match="user or a password") as caught:
        checked_url("s3://me:secret@bucket/x")
    assert "secret" not in f"{caught.value}{caught.value.hint}"


# A folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    return tmp_path / "crops"


def test_files_are_their_owners_alone(folder: Path):
    store = store_of()
    store.put(store.new_place(folder.as_uri()), PNGS[:3])
    paths = list(folder.rglob("*"))
    assert len([path for path in paths if path.is_file()]) == 4
    assert {path.stat().st_mode & 0o077 for path in paths} == {0}


def test_a_full_disk_is_said_and_leaves_no_half_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    store = store_of()
    place = store.new_place(folder.as_uri())

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic_files, "sync_file", full)
    with pytest.raises(CropStoreError, match="is full") as caught:
        store.put(place, PNGS[:1])
    assert "Nothing is lost" in caught.value.hint
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [MARK]


def test_a_disk_that_is_not_mounted_is_said(folder: Path):
    store = store_of()
    place = store.new_place(folder.as_uri())
    made = store.put(place, PNGS[:1])
    folder.rename(folder.with_name("unmounted"))
    for work in (
        lambda: store.put(place, PNGS[:1]),
        lambda: store.get(made),
        lambda: store.delete(made),
    ):
        with pytest.raises(CropStoreError, match="is missing there") as caught:
            work()
        assert "mounted" in caught.value.hint
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_is_said(folder: Path):
    folder.mkdir(mode=0o500)
    with pytest.raises(CropStoreError, match="cannot be written"):
        store_of().new_place(folder.as_uri())


# A bucket


def test_all_versions_of_an_object_and_the_marks_of_deletion_go(bucket: Bucket):
    bucket.keep_versions()
    store = store_of()
    made = store.put(store.new_place(bucket.url), PNGS[:3])
    (key,) = (key for key in bucket.objects() if key.endswith(made[0].name))
    bucket.write(key, b"a second version")
    bucket.delete(key)
    assert len(bucket.versions()) == 5
    store.delete(made[:2])
    assert [key.endswith(made[2].name) for key in bucket.versions()] == [True]


def test_a_version_that_may_not_be_deleted_is_not_said_to_be_gone(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    bucket.keep_versions()
    store = store_of()
    made = store.put(store.new_place(bucket.url), PNGS[:1])
    refuse(monkeypatch, "delete_objects", lambda told: "VersionId" in told["Delete"]["Objects"][0])
    with pytest.raises(CropStoreError, match="cannot be deleted: the credentials") as caught:
        store.delete(made)
    assert "s3:DeleteObjectVersion" in caught.value.hint
    assert len(bucket.versions()) == 2


def test_a_deletion_that_does_nothing_is_noticed(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    store = store_of()
    made = store.put(store.new_place(bucket.url), PNGS[:2])
    monkeypatch.setattr(buckets.BucketPlace, "_delete_all", lambda self, objects: None)
    monkeypatch.setattr(buckets.BucketPlace, "_versions", lambda self, keys: [])
    with pytest.raises(CropStoreError, match=r"2 crops .* are still there"):
        store.delete(made)


def test_a_server_that_knows_no_versions_deletes_all_the_same(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    store = store_of()
    made = store.put(store.new_place(bucket.url), PNGS[:2])
    refuse(monkeypatch, "list_object_versions", code="NotImplemented")
    store.delete(made)
    assert bucket.objects() == {}


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    of: Any = lambda told: True,
    code: str = "AccessDenied",
) -> None:
    """Let the server refuse a method, as s3fs tells it."""
    from botocore.exceptions import ClientError
    from s3fs import S3FileSystem
    from s3fs.errors import translate_boto_error

    call = S3FileSystem._call_s3

    async def refusing(self: Any, name: str, *rest: Any, **told: Any) -> Any:
        if name == method and of(told):
            raise translate_boto_error(ClientError({"Error": {"Code": code}}, name))
        return await call(self, name, *rest, **told)

    monkeypatch.setattr(S3FileSystem, "_call_s3", refusing)
    monkeypatch.setattr(S3FileSystem, "call_s3", fsspec_sync(refusing))


def fsspec_sync(method: Any) -> Any:
    from fsspec.asyn import sync_wrapper

    return sync_wrapper(method)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("RequestTimeTooSkewed", "the clock of this machine differs"),
        ("AccessDenied", "the credentials do not allow this"),
        ("InvalidAccessKeyId", "does not know the access key"),
        ("SignatureDoesNotMatch", "refuses the secret"),
        ("ExpiredToken", "have expired"),
        ("InternalError", "InternalError"),
    ],
)
def test_what_the_server_refuses_is_said_in_plain_words(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, code: str, told: str
):
    store = store_of()
    place = store.new_place(bucket.url)
    made = store.put(place, PNGS[:1])
    with monkeypatch.context() as refusing:
        refuse(refusing, "put_object", code=code)
        with pytest.raises(CropStoreError, match=f"cannot be written: .*{told}"):
            store.put(place, PNGS[:1])
        refuse(refusing, "get_object", code=code)
        with pytest.raises(CropStoreError, match=f"cannot be read: .*{told}"):
            store.get(made)
    assert store.get(made) == {made[0]: PNGS[0]}


def test_a_bucket_that_is_not_there_is_said_with_what_names_it(bucket: Bucket):
    url = f"s3://{bucket.name}-none/x"
    for set_to, named_by in ((url, "GESTALT_CROPS"), (bucket.url, "--to"), (None, "--to")):
        with pytest.raises(CropStoreError, match="there is no such bucket") as caught:
            store_of(set_to).new_place(url)
        assert caught.value.hint == f"Create it, or correct {named_by}."


def test_a_bucket_that_is_not_there_any_more_is_said(bucket: Bucket):
    store = store_of()
    made = store.put(store.new_place(bucket.url), PNGS[:1])
    lost = [
        replace(one, place=one.place.replace(bucket.name, f"{bucket.name}-none")) for one in made
    ]
    with pytest.raises(CropStoreError, match="there is no such bucket") as caught:
        store.get(lost)
    # Its URL is in the database.
    assert "AWS_ENDPOINT_URL" in caught.value.hint


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts other than this machine that were to be reached; none is."""
    found: list[str] = []
    connect = socket.socket.connect

    def to_this_machine_alone(self: socket.socket, address: Any) -> None:
        if address[0] != "127.0.0.1":
            found.append(address[0])
            raise ConnectionRefusedError(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", to_this_machine_alone)
    return found


def test_without_credentials_it_says_at_once_what_to_set_and_asks_nobody(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, reached: list[str]
):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    with pytest.raises(CropStoreError, match="there are no credentials") as caught:
        store_of().new_place(bucket.url)
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    assert "profile" in caught.value.hint
    assert reached == []


def test_the_role_of_a_machine_is_asked_for_where_somebody_wants_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, reached: list[str]
):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    with pytest.raises(CropStoreError, match="there are no credentials"):
        store_of().new_place(bucket.url)
    assert set(reached) == {"169.254.169.254"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AWS_SECRET_ACCESS_KEY", None, "missing: AWS_SECRET_ACCESS_KEY"),
        ("AWS_PROFILE", "none-such", "none-such"),
    ],
)
def test_credentials_of_which_a_part_is_missing_are_said_to_be_that(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, told: str
):
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(CropStoreError, match=told) as caught:
        store_of().new_place(bucket.url)
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in caught.value.hint


def test_a_server_that_is_away_is_said(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(CropStoreError, match="cannot be written") as caught:
        store_of().new_place(bucket.url)
    assert "AWS_ENDPOINT_URL" in caught.value.hint


def test_a_server_that_is_away_is_said_by_what_was_to_be_done(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    store = store_of()
    place = store.new_place(bucket.url)
    made = store.put(place, PNGS[:1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(buckets, "TRIES", 1)
    again = "run the same command again"
    for doing, work in {
        "written": lambda store: store.put(place, PNGS[:1]),
        "read": lambda store: store.get(made),
        "listed": lambda store: list(store.listed(place, "")),
        "deleted": lambda store: store.delete(made),
    }.items():
        with pytest.raises(CropStoreError, match=f"cannot be {doing}") as caught:
            work(store_of())
        # Whose crops are deleted is not there any more: that command is not to be run again.
        assert (again in caught.value.hint) == (doing != "deleted")


def test_an_address_without_a_scheme_is_said(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9")
    with pytest.raises(CropStoreError, match="AWS_ENDPOINT_URL is not the address") as caught:
        store_of().new_place(bucket.url)
    assert "https://" in caught.value.hint


def test_what_follows_a_url_is_refused_and_not_shown():
    with pytest.raises(UsageError, match="more than a path") as caught:
        checked_url("s3://bucket/x?secret=SECRET8")
    assert "SECRET8" not in str(caught.value) + caught.value.hint


def test_a_server_that_never_answers_is_not_waited_for_without_end(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(buckets, "TRIES", 1)
    monkeypatch.setattr(buckets, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(CropStoreError, match="cannot be written"):
            store_of().new_place(bucket.url)


def test_objects_are_asked_for_side_by_side(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    from s3fs import S3FileSystem

    store = store_of()
    made = store.put(store.new_place(bucket.url), PNGS)
    under_way, most, lock = 0, 0, threading.Lock()
    cat = S3FileSystem._cat_file

    async def counted(self: Any, *rest: Any, **told: Any) -> bytes:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        try:
            found: bytes = await cat(self, *rest, **told)
            return found
        finally:
            under_way -= 1

    monkeypatch.setattr(S3FileSystem, "_cat_file", counted)
    assert len(store.get(made)) == len(PNGS)
    assert buckets.AT_ONCE >= most > 8
