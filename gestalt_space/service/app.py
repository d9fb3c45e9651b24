"""The application: what a request goes through, from the outside to the inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from gestalt_space import __version__
from gestalt_space.home import Gallery
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.dependencies import Parts
from gestalt_space.service.description import described
from gestalt_space.service.entrance import Entrance
from gestalt_space.service.heads import Heads
from gestalt_space.service.measures import Measuring
from gestalt_space.service.protection import Protection
from gestalt_space.service.replies import Faults, Replies
from gestalt_space.service.rooted import Rooted
from gestalt_space.service.routers import (
    audit,
    contents,
    corrections,
    erasures,
    health,
    jobs,
    match,
    metrics,
    patients,
    published,
    session,
    sites,
    users,
)
from gestalt_space.service.uploads import (
    LONGEST_FIELD,
    MOST_FIELDS,
    BodyCap,
    keep_uploads_in_memory,
)
from gestalt_space.service.web.page import problem_page
from gestalt_space.service.web.routers import ROUTERS as PAGES

ROUTERS = (
    health.router,
    metrics.router,
    match.router,
    sites.router,
    patients.router,
    corrections.router,
    erasures.router,
    jobs.router,
    contents.router,
    audit.router,
    users.router,
    session.router,
    published.router,
    *PAGES,
)


def create_app(gallery: Gallery, options: ServiceOptions | None = None) -> FastAPI:
    """The service of a gallery that is open, and stays the caller's to close."""
    options = options or ServiceOptions()
    keep_uploads_in_memory()
    parts = Parts(gallery, options)
    replies = Replies(
        problem_page, parts.places, (one for router in ROUTERS for one in router.routes)
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.start()
        yield
        parts.close()

    app = FastAPI(
        title="gestalt-space",
        version=__version__,
        description="Rank rare genetic disorders from a photo of a face. A research tool, not a "
        "medical device.",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        # As their routers made them. `include_router` would make each of them a second time, at the
        # first request, which takes longer than the rest of the start.
        routes=[route for router in ROUTERS for route in router.routes],
        form_limits={
            "max_files": options.most_files,
            "max_fields": MOST_FIELDS,
            "max_part_size": LONGEST_FIELD,
        },
        middleware=[
            Middleware(Measuring, measures=parts.measures),
            Middleware(Protection, hosts=options.allowed_hosts),
            Middleware(Heads),
            Middleware(Rooted),
            Middleware(BodyCap, most=options.most_bytes),
            Middleware(Faults, replies=replies),
            Middleware(Entrance, replies=replies),
        ],
    )
    app.state.parts = parts
    app.openapi = described(app.openapi, app)  # type: ignore[method-assign]
    replies.handle_errors_of(app)
    return app
