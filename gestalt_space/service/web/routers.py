"""The routers of the pages."""

from __future__ import annotations

from gestalt_space.service.web import (
    admin,
    ask,
    assets,
    cohorts,
    correcting,
    entering,
    gallery,
    importing,
)

ROUTERS = (
    assets.router,
    entering.router,
    ask.router,
    gallery.router,
    correcting.router,
    importing.router,
    cohorts.router,
    admin.router,
)
