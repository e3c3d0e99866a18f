"""The page as a Starlette application: routes, access control and error handling."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mvd.commands.pictures.gallery import Gallery
from mvd.errors import MvdError
from mvd.page.forms import MOST_FORM, RefusedError
from mvd.page.handlers import Handlers
from mvd.page.security import HEADERS, Limit, Sessions, comes_from_the_page
from mvd.page.shared import SharedGallery

_OPEN = ("/login", "/favicon.ico", "/health", "/style.css", "/page.js")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the page is served.

    Attributes:
        token: the token that users must enter; None for no login, on the loopback address.
        secure: whether browsers connect by HTTPS.
        false_alarms: as for `Gallery.search`.
        searches: maximum number of searches per minute and client address.
    """

    token: str | None = None
    secure: bool = False
    false_alarms: float = 0.01
    searches: int = 60


def make_app(gallery: Gallery, settings: Settings) -> Starlette:
    """Create the application for a gallery.

    Raises:
        GalleryError: the gallery does not exist, or cannot be opened.
    """
    gallery.table.count()
    sessions = Sessions(settings.token, settings.secure)
    shared = SharedGallery(gallery, false_alarms=settings.false_alarms)
    handlers = Handlers(shared, sessions, Limit(settings.searches, 60))

    async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = _refusal(request, sessions) or await call_next(request)
        response.headers.update(HEADERS)
        return response

    return Starlette(
        routes=handlers.routes(),
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
        exception_handlers={
            **dict.fromkeys((MvdError, OSError, RefusedError), handlers.problem),
            404: handlers.not_found,
        },
    )


def _refusal(request: Request, sessions: Sessions) -> Response | None:
    """Return a refusal of a cross-site request, of one that is too large, or of one without a session; else None."""
    if request.method == "POST":
        length = request.headers.get("content-length")
        if not comes_from_the_page(request):
            return Response("expected a request of this page, found one of another site", 403)
        if length is None:
            return Response("expected the length of the upload", 411)
        if not length.isdecimal() or int(length) > MOST_FORM:
            return Response("expected a smaller upload", 413)
    if not sessions.admits(request) and request.url.path not in _OPEN:
        return RedirectResponse("/login", 303) if request.method == "GET" else Response("log in first", 401)
    return None
