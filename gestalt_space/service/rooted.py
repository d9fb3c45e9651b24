"""The path under which a proxy has the service, in the addresses that it is asked for."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Rooted:
    """Answers under a root path whether the proxy leaves it in the address or takes it away. The
    web server puts it before every address: in one that had it, it stands twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        root = scope.get("root_path", "").rstrip("/")
        if root and f"{scope['path']}/".startswith(f"{root}{root}/"):
            scope["path"] = scope["path"][len(root) :]
        await self._app(scope, receive, send)
