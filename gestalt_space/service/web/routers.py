"""The routers of the pages."""

from __future__ import annotations

from gestalt_space.service.web import ask, assets, entering

ROUTERS = (assets.router, entering.router, ask.router)
