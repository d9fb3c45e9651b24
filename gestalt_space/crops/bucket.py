"""Crops in a bucket of S3, or of another server that speaks its protocol, by s3fs. Credentials and
the address of the server are those of the environment, as for other programs for S3."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiobotocore.session import get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.handlers import add_expect_header
from s3fs import S3FileSystem

from gestalt_space.crops.places import MARK, MARK_TEXT, Doing, ListedObject, no_mark, still_there
from gestalt_space.errors import CropStoreError
from gestalt_space.paths import display_name

T = TypeVar("T")

AT_ONCE = 32
"""Requests that are under way side by side: each waits for the server."""
CONNECT_SECONDS, READ_SECONDS = 5, 30
TRIES = 3
_DELETED_AT_ONCE = 1000
"""Objects of one request, at the most."""
_AGAIN = " Nothing is lost: run the same command again when that is settled."
_NO_BUCKET = "Check that AWS_ENDPOINT_URL names the right server."
_REASONS = {
    "RequestTimeTooSkewed": (
        "the clock of this machine differs by minutes from that of the server",
        "Set the clock of this machine, for example by NTP.",
    ),
    "InvalidAccessKeyId": (
        "the server does not know the access key",
        "Check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL.",
    ),
    "SignatureDoesNotMatch": (
        "the server refuses the secret access key",
        "Check AWS_SECRET_ACCESS_KEY.",
    ),
    "ExpiredToken": ("the credentials have expired", "Renew them."),
}
_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile of ~/.aws."
)
_RIGHTS = "s3:GetObject, s3:PutObject, s3:DeleteObject, s3:DeleteObjectVersion, s3:ListBucket"
_NO_RIGHTS = (
    "the credentials do not allow this",
    f"Allow {_RIGHTS} and s3:ListBucketVersions.",
)
_REFUSED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})


class BucketPlace:
    """A prefix of a bucket."""

    def __init__(self, url: str) -> None:
        self.url = url
        read = urlsplit(url)
        self._bucket, self._prefix = read.netloc, read.path.strip("/")
        self._files = _file_system()

    def make(self, named_by: str) -> None:
        """See `CropPlace`."""
        with self._mapped("written", f"Create it, or correct {named_by}."):
            self._files.pipe({self._path(MARK): MARK_TEXT})

    def require(self, doing: Doing = "read") -> None:
        """See `CropPlace`."""
        with self._mapped(doing):
            found = self._files.cat_ranges([self._path(MARK)], None, None)[0]
            is_there = not self._is_missing(found)
        if not is_there:
            raise no_mark(self.url)

    def put(self, objects: Mapping[str, bytes]) -> None:
        """See `CropPlace`."""
        with self._mapped("written"):
            named = {self._path(name): data for name, data in objects.items()}
            self._files.pipe(named, batch_size=AT_ONCE)

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        """See `CropPlace`."""
        with self._mapped("read"):
            paths = [self._path(name) for name in names]
            read = self._files.cat_ranges(paths, None, None, batch_size=AT_ONCE)
            found = {
                name: data
                for name, data in zip(names, read, strict=True)
                if not self._is_missing(data)
            }
        if len(found) < len(names):
            self.require()
        return found

    def delete(self, names: Collection[str]) -> None:
        """See `CropPlace`."""
        self.require("deleted")
        keys = [self._key(name) for name in names]
        with self._mapped("deleted"):
            self._delete_all([{"Key": key} for key in keys])
            # A bucket that keeps versions keeps what was deleted now, and a mark of it.
            if versions := self._versions(keys):
                self._delete_all(versions)
            left = {one["Key"] for one in self._versions(keys)} if versions else set()
            paths = [self._path(name) for name in names]
            read = self._files.cat_ranges(paths, None, None, batch_size=AT_ONCE)
            left |= {
                key for key, data in zip(keys, read, strict=True) if not self._is_missing(data)
            }
        if left:
            raise still_there(self.url, len(left))

    def listed(self, shard: str) -> Iterator[ListedObject]:
        """See `CropPlace`."""
        marker: dict[str, str] = {}
        start = self._key("")
        prefix = f"{start}{shard}/" if shard else start
        while True:
            with self._mapped("listed"):
                answer = self._call("list_objects_v2", Prefix=prefix, **marker)
            for one in answer.get("Contents", ()):
                name = one["Key"].removeprefix(start)
                if name == MARK:
                    continue
                yield ListedObject(name, one["Size"], one["LastModified"])
            if not answer.get("IsTruncated"):
                return
            marker = {"ContinuationToken": answer["NextContinuationToken"]}

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _path(self, name: str) -> str:
        return f"{self._bucket}/{self._key(name)}"

    def _delete_all(self, objects: Collection[Mapping[str, str]]) -> None:
        """Raises `OSError` where the server refuses one of them."""
        for some in _parts(objects, _DELETED_AT_ONCE):
            told = {"Objects": some, "Quiet": True}
            answer = self._call("delete_objects", Delete=told)
            # Of each object apart: the request itself is answered with success.
            if refused := answer.get("Errors"):
                raise ClientError({"Error": refused[0]}, "DeleteObjects")

    def _versions(self, keys: Collection[str]) -> list[dict[str, str]]:
        """All versions and marks of deletion that the bucket keeps of objects; none where the
        server knows no versions at all."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return [one for some in threads.map(self._versions_of, keys) for one in some]

    def _versions_of(self, key: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        marker: dict[str, str] = {}
        while True:
            try:
                answer = self._call("list_object_versions", Prefix=key, **marker)
            except OSError as error:
                if error.errno == errno.ENOSYS:
                    return []
                raise
            found += [
                {"Key": one["Key"], "VersionId": one["VersionId"]}
                for one in (*answer.get("Versions", ()), *answer.get("DeleteMarkers", ()))
                if one["Key"] == key
            ]
            if not answer.get("IsTruncated"):
                return found
            told = ("KeyMarker", "VersionIdMarker")
            marker = {name: answer[f"Next{name}"] for name in told if answer.get(f"Next{name}")}

    def _call(self, method: str, **told: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._files.call_s3(method, Bucket=self._bucket, **told)
        return answer

    def _is_missing(self, read: object) -> bool:
        """Whether there is no such object. Raises any other error that came in its place."""
        if isinstance(read, FileNotFoundError) and _code_of(read) != "NoSuchBucket":
            return True
        if isinstance(read, Exception):
            raise read
        return False

    @contextmanager
    def _mapped(self, doing: Doing, no_bucket: str = _NO_BUCKET) -> Iterator[None]:
        """`no_bucket`: what to do where there is no bucket."""
        try:
            yield
        except NoCredentialsError as error:
            raise self._error(doing, "there are no credentials", _CREDENTIALS) from error
        except (CredentialRetrievalError, PartialCredentialsError, ProfileNotFound) as error:
            raise self._error(doing, _words_of(error), _CREDENTIALS) from error
        except (OSError, BotoCoreError, ClientError) as error:
            code = _code_of(error)
            if code == "NoSuchBucket":
                raise self._error(doing, "there is no such bucket", no_bucket) from error
            if code in _REASONS:
                raise self._error(doing, *_REASONS[code]) from error
            if code in _REFUSED:
                raise self._error(doing, *_NO_RIGHTS) from error
            # Photos whose crops are deleted are gone: the same command would not find them.
            again = "" if doing == "deleted" else _AGAIN
            hint = f"Check that the server runs, and AWS_ENDPOINT_URL.{again}"
            raise self._error(doing, _words_of(error), hint) from error
        except ValueError as error:
            if "Invalid endpoint" not in str(error):
                raise
            raise self._error(
                doing,
                "AWS_ENDPOINT_URL is not the address of a server",
                "Give it with its scheme, such as https://s3.hospital.example.",
            ) from error

    def _error(self, doing: Doing, why: str, hint: str) -> CropStoreError:
        where = display_name(self.url)
        return CropStoreError(f"The crops in {where} cannot be {doing}: {why}.", hint)


def _file_system() -> S3FileSystem:
    session = get_session()
    # The client would wait without end for a server that takes the request and says nothing.
    session.unregister("before-call.s3", add_expect_header)
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "false":
        # An address of the network would be asked for the role of this machine.
        session.set_config_variable("metadata_service_num_attempts", 0)
    files = S3FileSystem(
        session=session,
        skip_instance_cache=True,
        use_listings_cache=False,
        # An object is read by one request.
        max_concurrency=1,
        config_kwargs={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "max_pool_connections": AT_ONCE,
            "retries": {"mode": "standard", "total_max_attempts": TRIES},
            # Other servers know no checksums; what is damaged shows when it is decrypted.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
    )
    # Those of the client are enough: these would multiply them.
    files.retries = 1
    return files


def _words_of(error: Exception) -> str:
    return display_name(str(error)).rstrip(".") or type(error).__name__


def _code_of(error: BaseException) -> str:
    """The code of S3 for an error, empty where it has none."""
    chain = islice(_causes(error), 4)
    answers = (getattr(one, "response", None) for one in chain)
    return next((str(one["Error"].get("Code", "")) for one in answers if one), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _parts(values: Collection[T], most: int) -> Iterator[list[T]]:
    remaining = iter(values)
    while some := list(islice(remaining, most)):
        yield some
