"""What the service does, counted for Prometheus. Labels are templates of addresses, methods and
statuses: no patient, user or file has a part in them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gestalt_space.errors import GestaltError
from gestalt_space.home import Gallery
from gestalt_space.service.workshop import Workshop
from gestalt_space.store.reads import counts

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Measures:
    """The measures of one service, in a registry of its own."""

    def __init__(self, gallery: Gallery, workshop: Workshop) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "gestalt_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "gestalt_request_seconds",
            "Seconds until a request was answered.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        admitted = Gauge(
            "gestalt_photo_requests",
            "Requests with photos that are at work or wait.",
            registry=self._registry,
        )
        admitted.set_function(lambda: workshop.admitted)
        waiting = Gauge(
            "gestalt_photo_requests_waiting",
            "Those that wait for a thread.",
            registry=self._registry,
        )
        waiting.set_function(lambda: workshop.waiting)
        self._registry.register(_Contents(gallery))

    def note(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered. `route`: the template of its address."""
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def text(self) -> bytes:
        """All measures in Prometheus's text format."""
        return generate_latest(self._registry)


class _Contents:
    """How much the gallery holds, counted when somebody asks."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def collect(self) -> Iterator[Metric]:
        """See Prometheus's collectors. Nothing where the gallery cannot be read."""
        try:
            with self._gallery.database.reading() as session:
                held = counts(session)
        except GestaltError:
            return
        for name, count in (("patients", held.patients), ("photos", held.photos)):
            yield GaugeMetricFamily(f"gestalt_{name}", f"The gallery's {name}.", value=count)

    def describe(self) -> Iterator[Metric]:
        """See Prometheus's collectors: so that nothing is counted when this is registered."""
        for name in ("patients", "photos"):
            yield GaugeMetricFamily(f"gestalt_{name}", f"The gallery's {name}.")


class Measuring:
    """Notes every request."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", None) or "none"
            self._measures.note(route, scope["method"], status, time.perf_counter() - begun)
