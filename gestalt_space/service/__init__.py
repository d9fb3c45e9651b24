"""The service: the gallery by HTTP, for several people at once. It adds who may ask, and how much;
what is answered is the library's. Importing any of it raises `UsageError` where its packages, those
of the extra `service`, are not installed."""

from __future__ import annotations

from gestalt_space.service.preconditions import check_packages

check_packages()
