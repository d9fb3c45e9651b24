"""What has to be installed before there can be a service."""

from __future__ import annotations

from importlib.util import find_spec

from gestalt_space.errors import UsageError

NEEDED = {
    "argon2": "argon2-cffi",
    "babel": "babel",
    "fastapi": "fastapi",
    "limits": "limits",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "uvicorn": "uvicorn",
}
"""The modules of the extra `service`, and the packages that have them."""


def check_packages() -> None:
    """Raise `UsageError` where a package of the service is not installed. Imports none of them."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"The service needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed.",
            "Run `pip install 'gestalt-space[service]'`.",
        )
