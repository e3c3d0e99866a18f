"""The request handlers of the page, one method per route.

Everything works without JavaScript, by plain forms. No URL is a file path; pictures are served only from the gallery's
table, by row identifier.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mvd import __version__
from mvd.errors import ConfigError, DatasetError, GalleryError, MvdError, counted
from mvd.gallery.verdicts import Verdict, add_verdict, read_verdicts
from mvd.page.export import to_zip
from mvd.page.forms import TOPS, RefusedError, Wanted, read_form, read_pictures, row_of, to_modality
from mvd.page.queries import Asked, Queries, read_upload, to_thumbnail
from mvd.page.security import Limit, Sessions
from mvd.page.shared import SharedGallery
from mvd.results.gallery import Answer

_FILES = Path(__file__).parent / "files"
_DONE = {
    "right": "marked as right",
    "wrong": "marked as wrong",
    "removed": "removed for good",
    "back": "removed, but the file is still in the folder that this gallery follows: the next mvd gallery search adds "
    "it again, unless you delete it there",
}


class Handlers:
    """The request handlers of a gallery's page.

    Args:
        gallery: the gallery.
        sessions: sessions of users who have entered the token.
        searches: rate limit of searches per client address.
    """

    def __init__(self, gallery: SharedGallery, sessions: Sessions, searches: Limit) -> None:
        self._gallery, self._sessions, self._searches = gallery, sessions, searches
        self._logins = Limit(10, 60)
        self._queries = Queries()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FILES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        )
        self._templates.filters["counted"] = counted

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
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
        ]

    def home(self, request: Request) -> Response:
        """Show the search form and the gallery's statistics."""
        done = _DONE.get(request.query_params.get("done", ""))
        return self._render("home.html.jinja", stats=self._gallery.stats(), done=done)

    async def ask(self, request: Request) -> Response:
        """Embed uploaded pictures, and redirect to the result."""
        self._count(request, self._searches)
        form = await read_form(request)
        told = str(form.get("query_modality", "auto"))
        contents = await read_pictures(form)
        modality = None if told == "auto" else to_modality(told)

        def embed() -> str:
            pictures = [read_upload(content, name) for content, name in contents]
            with self._gallery.held() as gallery:
                embeddings = gallery.embed(pictures, modality=modality)
            return self._queries.keep(Asked(embeddings, tuple(map(to_thumbnail, pictures))))

        return RedirectResponse(f"/query/{await run_in_threadpool(embed)}", 303)

    def result(self, request: Request) -> Response:
        """Search with the filters in the URL, and show the result."""
        name, asked, wanted, answer = self._search(request)
        verdicts, problem = self._verdicts_on(asked)
        return self._render(
            "result.html.jinja",
            query=name,
            asked=asked,
            answer=answer,
            notes=[*answer.notes, *problem],
            verdicts=verdicts,
            filters=wanted.fields,
            cameras=sorted(one for one in self._gallery.stats().cameras if one),
            tops=TOPS,
            address=wanted.address,
            modality=None if asked.modality is None else asked.modality.name.lower(),
            done=_DONE.get(request.query_params.get("done", "")),
        )

    def query_picture(self, request: Request) -> Response:
        """Return a picture of the query."""
        _, asked = self._asked(request)
        number = request.path_params["number"]
        if number >= len(asked.thumbnails):
            raise RefusedError(404, "expected a picture of the query, found none of this number")
        return Response(asked.thumbnails[number], media_type="image/jpeg")

    def export(self, request: Request) -> Response:
        """Return the result as a ZIP file."""
        name, _, _, answer = self._search(request)
        with self._gallery.held() as gallery:
            content = to_zip(answer, gallery.thumbnail, gallery.place)
        attached = {"Content-Disposition": f'attachment; filename="search-{name[:8]}.zip"'}
        return Response(content, media_type="application/zip", headers=attached)

    def like(self, request: Request) -> Response:
        """Search with a row of the gallery."""
        return RedirectResponse(f"/query/{self._queries.keep(Asked(like=(row_of(request),)))}", 303)

    async def mark(self, request: Request) -> Response:
        """Save a verdict on a result."""
        name, asked = self._asked(request)
        row, form = row_of(request), await read_form(request)
        if asked.embeddings is None or form.get("same") not in {"yes", "no"}:
            raise ConfigError("expected a verdict, yes or no, on a result of an uploaded picture")
        embeddings, same = asked.embeddings, form["same"] == "yes"

        def keep() -> None:
            with self._gallery.held() as gallery:
                similarity, modality = gallery.compare(embeddings, row)
                verdict = Verdict(
                    model=embeddings.model.fingerprint,
                    query=embeddings.hashes[0],
                    pictures=len(embeddings),
                    row=row,
                    similarity=similarity,
                    query_modality=int(embeddings.modalities[0]),
                    gallery_modality=modality,
                    same=same,
                )
                add_verdict(self._gallery.folder(), verdict)

        await run_in_threadpool(keep)
        return _back(name, form, "right" if same else "wrong")

    async def remove(self, request: Request) -> Response:
        """Remove a row permanently, if the form confirms it."""
        row, form = row_of(request), await read_form(request)
        if form.get("sure") != "yes":
            raise ConfigError("expected a tick to confirm the permanent removal, found none; nothing was removed")

        def forget() -> bool:
            with self._gallery.held() as gallery:
                return gallery.remove([row]).back > 0

        done = "back" if await run_in_threadpool(forget) else "removed"
        name = str(form.get("query", ""))
        asked = self._queries.get(name)
        if asked is None or row in asked.like:
            return RedirectResponse(f"/?done={done}", 303)
        return _back(name, form, done)

    def thumbnail(self, request: Request) -> Response:
        """Return the thumbnail of a row."""
        with self._gallery.held() as gallery:
            content = gallery.thumbnail(row_of(request))
        if not content:
            raise RefusedError(404, "expected a thumbnail of this row, found none")
        return Response(content, media_type="image/jpeg")

    async def login(self, request: Request) -> Response:
        """Ask for the token, and start a session."""
        if request.method == "GET":
            return self._render("login.html.jinja", wrong=False)
        self._count(request, self._logins)
        form = await read_form(request)
        response: Response = RedirectResponse("/", 303)
        if self._sessions.begin(str(form.get("token", "")), response):
            return response
        return self._render("login.html.jinja", status=401, wrong=True)

    def health(self, request: Request) -> Response:
        """Report whether the gallery can be read, without details of its content."""
        try:
            with self._gallery.held() as gallery:
                gallery.rows(limit=1)
        except (MvdError, OSError):
            return JSONResponse({"status": "unavailable"}, 503)
        return JSONResponse({"status": "ok", "version": __version__})

    def style(self, request: Request) -> Response:
        """Return the style sheet."""
        return Response((_FILES / "style.css").read_bytes(), media_type="text/css")

    def script(self, request: Request) -> Response:
        """Return the script for drag and drop."""
        return Response((_FILES / "page.js").read_bytes(), media_type="text/javascript")

    def problem(self, request: Request, error: Exception) -> Response:
        """Show a one-line error message."""
        if isinstance(error, OSError):  # do not show the system's message, which contains paths
            error, status = GalleryError("expected a gallery that can be read, could not read it"), 503
        elif isinstance(error, RefusedError):
            status = error.status
        else:
            status = 413 if isinstance(error, DatasetError) and "at most" in str(error) else 400
        return self._render("problem.html.jinja", status=status, line=str(error))

    def not_found(self, request: Request, error: Exception) -> Response:
        """Show that there is no such page."""
        return self._render("problem.html.jinja", status=404, line="expected a page, found none at this address")

    def _asked(self, request: Request) -> tuple[str, Asked]:
        name = request.path_params["query"]
        asked = self._queries.get(name)
        if asked is None:
            raise RefusedError(404, "expected a recent query, found none, since only the latest are kept; search again")
        return name, asked

    def _search(self, request: Request) -> tuple[str, Asked, Wanted, Answer]:
        """Search with the query and the filters in the URL."""
        name, asked = self._asked(request)
        self._count(request, self._searches)
        wanted = Wanted.of(request.query_params)
        return name, asked, wanted, self._gallery.search(asked, wanted.filter, top=wanted.top, rerank=wanted.rerank)

    def _verdicts_on(self, asked: Asked) -> tuple[dict[str, bool], list[str]]:
        """Return the verdicts on a query by row, and the error if they cannot be read."""
        if asked.embeddings is None:
            return {}, []
        try:
            verdicts = read_verdicts(Path(self._gallery.place))
        except GalleryError as error:
            return {}, [str(error)]
        return {one.row: one.same for one in verdicts if one.query == asked.embeddings.hashes[0]}, []

    def _count(self, request: Request, limit: Limit) -> None:
        if not limit.allows(request.client.host if request.client else ""):
            raise RefusedError(429, "expected fewer requests, found too many; wait a minute")

    def _render(self, template: str, status: int = 200, **values: Any) -> Response:
        page = self._templates.get_template(template).render(version=__version__, gallery=self._gallery.name, **values)
        return Response(page, status, media_type="text/html")


def _back(name: str, form: FormData, done: str) -> Response:
    return RedirectResponse(f"/query/{name}?{urlencode({**Wanted.of(form).fields, 'done': done})}", 303)
