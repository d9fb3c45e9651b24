"""A server of S3 on loopback for one run of the tests, with buckets and credentials that are made
up."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import uuid4

KEY = b64encode(bytes(range(32))).decode()
OTHER_KEY = b64encode(bytes(range(1, 33))).decode()


@dataclass
class Bucket:
    """A bucket, and what its server has of it. `address`: of the server."""

    name: str
    address: str
    client: Any = field(repr=False)

    @property
    def url(self) -> str:
        return f"s3://{self.name}/crops"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "us-east-1",
            # Nothing of the user's own.
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def keep_versions(self) -> None:
        told = {"Status": "Enabled"}
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration=told)

    def objects(self) -> dict[str, bytes]:
        """All objects but the marks of places, by their keys."""
        return {key: self.read(key) for key in self.keys()}

    def keys(self) -> Iterator[str]:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            keys = (one["Key"] for one in page.get("Contents", ()))
            yield from (key for key in keys if not key.endswith("/gestalt-crops"))

    def versions(self) -> list[str]:
        """The keys of all versions and marks of deletion."""
        found = self.client.list_object_versions(Bucket=self.name)
        some = (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))
        return [one["Key"] for one in some if not one["Key"].endswith("/gestalt-crops")]

    def read(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return data

    def write(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


class BucketServer:
    """A server of a thread of this process, on a free port."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.address = f"http://{host}:{port}"

    @cached_property
    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",
            region_name="us-east-1",
        )

    def new_bucket(self) -> Bucket:
        name = f"gestalt-{uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        return Bucket(name, self.address, self.client)

    def stop(self) -> None:
        self.client.close()
        self._server.stop()
