"""`mvd serve`: a page on this machine to search a gallery."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mvd.data.progress import Note, silent
from mvd.errors import ConfigError, MissingPackageError, MvdError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mvd.commands.pictures.gallery import Gallery


def serve(
    gallery: str | Path,
    *,
    model: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    https: bool = False,
    false_alarms: float = 0.01,
    note: Note = silent,
) -> None:
    """Serve the page of a gallery until it is stopped by Ctrl-C or SIGTERM.

    Args:
        gallery: folder of the gallery, or URL of a shared store.
        model: path of the gallery's model, if it was moved.
        host: address to listen on; any but the loopback address requires a token.
        port: port to listen on; 0 uses any free port.
        token: the token that users must enter; None generates one if it is required.
        https: whether browsers connect by HTTPS, through a proxy; the cookie is then sent over HTTPS only.
        false_alarms: false-alarm rate of the threshold, for a calibrated model.
        note: called with lines to show to the user: the URL, and the generated token.

    Raises:
        MissingPackageError: the extra "serve" is not installed.
        GalleryError: the gallery does not exist, or cannot be opened.
        ConfigError: the token is too short, or the address cannot be bound.
    """
    try:
        import uvicorn

        from mvd.page.security import is_loopback
    except ImportError as error:
        raise _missing(error) from error
    if not 0 < false_alarms < 1:
        raise ConfigError(f"false-alarms: expected a share between 0 and 1, found {false_alarms:g}")
    if token is not None and len(token) < 16:
        raise ConfigError(f"token: expected at least 16 characters, found {len(token)}; leave it out to have one made")
    made = token is None and not is_loopback(host)
    token = secrets.token_urlsafe(24) if made else token
    with ExitStack() as stack:
        opened = stack.enter_context(_open(gallery, model, note))
        app = _make_app(opened, token=token, https=https, false_alarms=false_alarms)
        listening = stack.enter_context(_listen(host, port))
        note(f"{address_of(host, listening.getsockname()[1])} shows the gallery {gallery}; Ctrl-C stops it")
        if made:
            note(f"token: {token}")
        # No access log: URLs contain the names of queries.
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
        server.run(sockets=[listening])


def make_page(
    gallery: str | Path,
    *,
    model: str | Path | None = None,
    token: str | None = None,
    https: bool = False,
    false_alarms: float = 0.01,
    note: Note = silent,
) -> Starlette:
    """Create the page as an ASGI application for another server; arguments and errors are those of `serve`."""
    return _make_app(_open(gallery, model, note), token=token, https=https, false_alarms=false_alarms)


def _open(gallery: str | Path, model: str | Path | None, note: Note) -> Gallery:
    from mvd.commands.pictures.gallery import Gallery

    return Gallery(gallery, model=model, keep=True, note=note)


def _make_app(gallery: Gallery, *, token: str | None, https: bool, false_alarms: float) -> Starlette:
    try:
        from mvd.page.app import Settings, make_app
    except MvdError:
        raise
    except ImportError as error:
        raise _missing(error) from error
    return make_app(gallery, Settings(token=token, secure=https, false_alarms=false_alarms))


def address_of(host: str, port: int) -> str:
    """Return the URL of the page, with the host name of this machine if it listens on all addresses.

    >>> address_of("127.0.0.1", 8000), address_of("::1", 80)
    ('http://127.0.0.1:8000/', 'http://[::1]:80/')
    """
    name = socket.gethostname() if host in {"0.0.0.0", "::"} else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def _listen(host: str, port: int) -> socket.socket:
    """Bind the address before anything is printed, so that an error is a single line."""
    listening = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        if listening is not None:
            listening.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{host}:{port}: expected an address to listen on, could not ({reason}); choose another --port or --host"
        ) from error
    return listening


def _missing(error: ImportError) -> MissingPackageError:
    return MissingPackageError(
        f"expected the package {error.name}, which the page needs, found none; install it: pip install 'mvd[serve]'"
    )
