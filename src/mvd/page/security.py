"""Access control of the page: token, session cookie, rate limits and security headers.

By default the page is served on the loopback address. On any other address a token is required. It is entered in a
form and never part of a URL, so it appears in no log, and it is compared in constant time. The session cookie is
HttpOnly and SameSite=Strict. Cross-site requests that change something are refused.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "mvd_session"
_SESSIONS = 1000  # maximum number; the oldest is dropped
_LASTS = 12 * 3600.0  # seconds

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # keep pictures of people out of the browser's cache
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every response."""


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached only from this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Sessions:
    """Sessions of users who have entered the token.

    Args:
        token: the token; None if no login is required.
        secure: whether browsers connect by HTTPS; the cookie is then sent over HTTPS only.
        clock: returns seconds; replaced in tests.
    """

    token: str | None
    secure: bool = False
    clock: Callable[[], float] = time.monotonic
    _begun: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def admits(self, request: Request) -> bool:
        """Return whether a request belongs to a valid session, or no login is required."""
        if self.token is None:
            return True
        begun = self._begun.get(request.cookies.get(COOKIE, ""))
        return begun is not None and self.clock() - begun < _LASTS

    def begin(self, given: str, response: Response) -> bool:
        """Start a session if the token is right, and set the cookie of the response."""
        if self.token is None or not hmac.compare_digest(given.encode(), self.token.encode()):
            return False
        session = secrets.token_urlsafe(32)
        self._begun[session] = self.clock()
        while len(self._begun) > _SESSIONS:
            self._begun.popitem(last=False)
        response.set_cookie(
            COOKIE, session, max_age=int(_LASTS), httponly=True, samesite="strict", secure=self.secure, path="/"
        )
        return True


def comes_from_the_page(request: Request) -> bool:
    """Return whether a request was sent by the page itself, according to the browser's headers."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


@dataclass
class Limit:
    """A rate limit: at most `most` requests per client address in `seconds` seconds; thread-safe.

    >>> limit = Limit(2, 60, clock=lambda: 0.0)
    >>> [limit.allows("a"), limit.allows("a"), limit.allows("a"), limit.allows("b")]
    [True, True, False, True]
    """

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _seen: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def allows(self, client: str) -> bool:
        """Count a request, and return whether it is within the limit."""
        with self._lock:
            return self._allows(client)

    def _allows(self, client: str) -> bool:
        now = self.clock()
        times = self._seen.setdefault(client, deque())
        self._seen.move_to_end(client)
        while len(self._seen) > _SESSIONS:
            self._seen.popitem(last=False)
        while times and now - times[0] >= self.seconds:
            times.popleft()
        if len(times) >= self.most:
            return False
        times.append(now)
        return True
