"""The page as an application: its routes, and what stands before them.

Everything works without scripts: forms go there and pages come back. No route takes a path; pictures are served from
the gallery's table alone, by the names of their rows. Searches hold a lock, since a gallery is of one thread at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlencode

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mvd import __version__
from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.errors import ConfigError, DatasetError, GalleryError, MvdError
from mvd.gallery.filters import Filter, parse_time
from mvd.page.export import to_zip
from mvd.page.marks import Mark, add_mark
from mvd.page.queries import MOST_BYTES, MOST_PICTURES, Asked, Queries, read_upload, to_thumbnail
from mvd.page.security import HEADERS, Limit, Sessions, comes_from_the_page
from mvd.results.gallery import Answer

T = TypeVar("T")

_ROW = re.compile(r"[0-9a-f]{16}")
_OPEN = ("/login", "/favicon.ico", "/health", "/style.css", "/page.js")
_TOPS = (10, 20, 50, 100)
_MOST_FORM = MOST_PICTURES * MOST_BYTES + 1_000_000
_FILES = Path(__file__).parent / "files"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the page is served.

    Attributes:
        token: what has to be given before anything is shown; None on this machine's own address.
        secure: whether browsers reach it by https.
        false_alarms: as for `Gallery.search`.
        searches: in a minute, of one address.
    """

    token: str | None = None
    secure: bool = False
    false_alarms: float = 0.01
    searches: int = 60


class _RefusedError(Exception):
    """An answer that is no page: a status and a line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class _Page:
    def __init__(self, gallery: Gallery, settings: Settings) -> None:
        self.gallery, self.settings = gallery, settings
        self.queries = Queries()
        self.sessions = Sessions(settings.token, settings.secure)
        self.logins, self.searches = Limit(10, 60), Limit(settings.searches, 60)
        self._lock = Lock()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FILES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        )

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/search", self.ask, methods=["POST"]),
                Route("/query/{query}", self.result),
                Route("/query/{query}/picture/{number:int}", self.query_picture),
                Route("/query/{query}/export.zip", self.export),
                Route("/like/{row}", self.like, methods=["POST"]),
                Route("/mark/{query}/{row}", self.mark, methods=["POST"]),
                Route("/remove/{row}", self.remove, methods=["POST"]),
                Route("/thumbnail/{row}", self.thumbnail),
                Route("/login", self.login, methods=["GET", "POST"]),
                Route("/health", self.health),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
                Route("/style.css", self.style),
                Route("/page.js", self.script),
            ],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=self._guard)],
            exception_handlers={
                **dict.fromkeys((MvdError, OSError, _RefusedError), self._problem),
                404: self._not_found,
            },
        )

    async def _guard(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response: Response
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and not comes_from_the_page(request):
            response = Response("expected a request of this page, found one of another site", 403)
        elif request.method == "POST" and (not length.isdigit() or int(length) > _MOST_FORM):
            response = Response("expected a smaller upload", 413)
        elif request.method == "POST" and "content-length" not in request.headers:
            response = Response("expected the length of the upload", 411)
        elif not self.sessions.admits(request) and request.url.path not in _OPEN:
            response = RedirectResponse("/login", 303) if request.method == "GET" else Response("log in first", 401)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    def home(self, request: Request) -> Response:
        """Show the form, and what is in the gallery."""
        return self._render("home.html.jinja", stats=self._locked(lambda: self.gallery.stats(recall=False)))

    async def ask(self, request: Request) -> Response:
        """Take pictures, embed them, and go to the result."""
        self._count(request, self.searches)
        form = await _form(request)
        try:
            uploads = [one for one in form.getlist("pictures") if isinstance(one, UploadFile) and one.size]
            contents = [(await one.read(MOST_BYTES + 1), one.filename or "picture") for one in uploads[:MOST_PICTURES]]
        finally:
            await form.close()
        if not 1 <= len(uploads) <= MOST_PICTURES:
            raise ConfigError(
                f"expected 1 to {MOST_PICTURES} pictures of one person, found {len(uploads)}; choose some"
            )
        told = str(form.get("query_modality", "auto"))
        modality = None if told == "auto" else _modality(told)

        def embed() -> str:
            pictures = [read_upload(content, name) for content, name in contents]
            embeddings = self._locked(lambda: self.gallery.embed(pictures, modality=modality))
            return self.queries.keep(Asked(embeddings, tuple(map(to_thumbnail, pictures))))

        return RedirectResponse(f"/query/{await run_in_threadpool(embed)}", 303)

    def result(self, request: Request) -> Response:
        """Search, with the filters in the address, and show what was found."""
        name, asked = self._asked(request)
        self._count(request, self.searches)
        filters = {key: value for key, value in request.query_params.items() if value and key in _FILTERS}
        answer = self._search(asked, filters)
        stats = self._locked(lambda: self.gallery.stats(recall=False))
        return self._render(
            "result.html.jinja",
            query=name,
            asked=asked,
            answer=answer,
            filters=filters,
            cameras=sorted(one for one in stats.cameras if one),
            tops=_TOPS,
            address=urlencode(filters),
            modality=None if asked.modality is None else asked.modality.name.lower(),
            said=request.query_params.get("said", ""),
        )

    def query_picture(self, request: Request) -> Response:
        """Show a picture that was asked with."""
        _, asked = self._asked(request)
        number = request.path_params["number"]
        if number >= len(asked.thumbnails):
            raise _RefusedError(404, "expected a picture of the query, found none of this number")
        return Response(asked.thumbnails[number], media_type="image/jpeg")

    def export(self, request: Request) -> Response:
        """Give the result as a ZIP file."""
        name, asked = self._asked(request)
        filters = {key: value for key, value in request.query_params.items() if value and key in _FILTERS}
        answer = self._search(asked, filters)
        content = self._locked(lambda: to_zip(answer, self.gallery.thumbnail, self.gallery.place))
        attached = {"Content-Disposition": f'attachment; filename="search-{name[:8]}.zip"'}
        return Response(content, media_type="application/zip", headers=attached)

    def like(self, request: Request) -> Response:
        """Search on from a row."""
        return RedirectResponse(f"/query/{self.queries.keep(Asked(like=(_row(request),)))}", 303)

    async def mark(self, request: Request) -> Response:
        """Keep a verdict on a result."""
        name, asked = self._asked(request)
        row, form = _row(request), await _form(request)
        if asked.embeddings is None or form.get("same") not in {"yes", "no"}:
            raise ConfigError("expected a verdict, yes or no, on a picture that an uploaded one found")
        embeddings, same = asked.embeddings, form["same"] == "yes"

        def keep() -> None:
            similarity, modality = self.gallery.compare(embeddings, row)
            verdict = Mark(
                query=embeddings.hashes[0],
                row=row,
                similarity=similarity,
                query_modality=int(embeddings.modalities[0]),
                gallery_modality=modality,
                same=same,
            )
            add_mark(self._folder(), verdict)

        await run_in_threadpool(self._locked, keep)
        return self._back(name, form, f"{row}: marked as {'right' if same else 'wrong'}")

    async def remove(self, request: Request) -> Response:
        """Remove a row for good; the form says that it is meant."""
        row, form = _row(request), await _form(request)
        if form.get("sure") != "yes":
            raise ConfigError(
                "expected a tick that the picture is to be removed for good, found none; nothing was removed"
            )
        await run_in_threadpool(self._locked, partial(self.gallery.remove, [row]))
        name = str(form.get("query", ""))
        if self.queries.get(name) is None or row in (self.queries.get(name) or Asked()).like:
            return RedirectResponse("/", 303)
        return self._back(name, form, f"{row}: removed for good")

    def thumbnail(self, request: Request) -> Response:
        """Show the thumbnail of a row."""
        content = self._locked(lambda: self.gallery.thumbnail(_row(request)))
        if not content:
            raise _RefusedError(404, "expected a thumbnail of this row, found none")
        return Response(content, media_type="image/jpeg")

    async def login(self, request: Request) -> Response:
        """Ask for the token, and begin a session."""
        if request.method == "GET":
            return self._render("login.html.jinja", wrong=False)
        self._count(request, self.logins)
        form = await _form(request)
        response: Response = RedirectResponse("/", 303)
        if self.sessions.begin(str(form.get("token", "")), response):
            return response
        return self._render("login.html.jinja", status=401, wrong=True)

    def health(self, request: Request) -> Response:
        """Tell whether the gallery can be read; nothing about its content."""
        try:
            self._locked(lambda: self.gallery.rows(limit=1))
        except (MvdError, OSError):
            return JSONResponse({"status": "unavailable"}, 503)
        return JSONResponse({"status": "ok", "version": __version__})

    def style(self, request: Request) -> Response:
        """Give the style sheet."""
        return Response((_FILES / "style.css").read_bytes(), media_type="text/css")

    def script(self, request: Request) -> Response:
        """Give the few lines for dropping pictures."""
        return Response((_FILES / "page.js").read_bytes(), media_type="text/javascript")

    def _search(self, asked: Asked, filters: dict[str, str]) -> Answer:
        known = Filter(
            cameras=_words(filters, "camera"),
            modality=_modality(filters["modality"]) if "modality" in filters else None,
            since=parse_time(filters["since"]) if "since" in filters else None,
            until=parse_time(filters["until"], end=True) if "until" in filters else None,
            tags=_words(filters, "tag"),
            identities=_words(filters, "identity"),
        )
        top = filters.get("top", str(_TOPS[0]))
        if not top.isdigit() or not 1 <= int(top) <= _TOPS[-1]:
            raise ConfigError(f"top: expected 1 to {_TOPS[-1]}, found {top}")
        return self._locked(
            lambda: self.gallery.search(
                [] if asked.embeddings is None else [asked.embeddings],
                like=asked.like,
                only=known,
                top=int(top),
                rerank=filters.get("rerank") == "yes",
                false_alarms=self.settings.false_alarms,
            )
        )

    def _asked(self, request: Request) -> tuple[str, Asked]:
        name = request.path_params["query"]
        asked = self.queries.get(name)
        if asked is None:
            raise _RefusedError(404, "expected a query that is still kept, found none; ask again")
        return name, asked

    def _back(self, name: str, form: FormData, line: str) -> Response:
        filters = {key: str(form[key]) for key in _FILTERS if form.get(key)}
        return RedirectResponse(f"/query/{name}?{urlencode({**filters, 'said': line})}", 303)

    def _folder(self) -> Path:
        folder = Path(self.gallery.place)
        if not folder.is_dir():
            raise GalleryError(f"{folder}: expected a gallery in a folder to keep marks in, found a shared store")
        return folder

    def _count(self, request: Request, limit: Limit) -> None:
        if not limit.allows(request.client.host if request.client else ""):
            raise _RefusedError(429, "expected fewer requests, found too many; wait a minute")

    def _locked(self, act: Callable[[], T]) -> T:
        with self._lock:
            return act()

    def _render(self, template: str, status: int = 200, **values: Any) -> Response:
        page = self._templates.get_template(template).render(
            version=__version__, gallery=Path(self.gallery.place).name, **values
        )
        return Response(page, status, media_type="text/html")

    def _problem(self, request: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, _RefusedError) else 413 if _is_large(error) else 400
        if isinstance(error, OSError):  # the system's reason stays here, with its paths
            error, status = GalleryError("expected a gallery that can be read, could not read it"), 503
        return self._render("problem.html.jinja", status=status, line=str(error))

    def _not_found(self, request: Request, error: Exception) -> Response:
        return self._render("problem.html.jinja", status=404, line="expected a page, found none at this address")


_FILTERS = ("camera", "modality", "since", "until", "tag", "identity", "top", "rerank")


def make_app(gallery: Gallery, settings: Settings) -> Starlette:
    """Make the application of a gallery.

    Raises:
        GalleryError: there is no gallery, or it cannot be opened.
    """
    gallery.table.count()
    return _Page(gallery, settings).application()


async def _form(request: Request) -> FormData:
    try:
        return await request.form(max_files=MOST_PICTURES + 1, max_fields=30)
    except (MultiPartException, ClientDisconnect) as error:
        raise ConfigError(f"expected a form, found a damaged one ({error})") from error


def _row(request: Request) -> str:
    row: str = request.path_params["row"]
    if not _ROW.fullmatch(row):
        raise _RefusedError(404, "expected the name of a row, sixteen hexadecimal digits, found something else")
    return row


def _modality(name: str) -> Modality:
    if name not in {"visible", "infrared"}:
        raise ConfigError(f"expected visible or infrared, found {name}")
    return Modality[name.upper()]


def _words(filters: dict[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in filters.get(name, "").split(",") if word.strip())


def _is_large(error: Exception) -> bool:
    return isinstance(error, DatasetError) and "at most" in str(error)
