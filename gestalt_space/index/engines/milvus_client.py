"""pymilvus, imported when Milvus is first asked."""

from __future__ import annotations

import logging
from typing import Any

_LOGGERS = ("pymilvus", "pymilvus.milvus_client", "milvus_lite")


def connect(address: str, seconds: float, token: str = "") -> Any:
    """A client with a connection of its own. `seconds`: to wait for it. Raises what pymilvus and
    gRPC do."""
    # Here: with pandas and gRPC it takes half a second.
    from pymilvus import MilvusClient

    for name in _LOGGERS:
        # All that they log is raised, too; they add to it what they were given.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return MilvusClient(address, token=token, dedicated=True, timeout=seconds)
