"""Who may use the page, and how often: a token, a session in a cookie, limits, and headers that confine a browser.

Pages are answered on this machine's own address by default. Elsewhere a token is required: it is typed into a form,
never part of an address, so it is in no log, and compared in constant time. The session's cookie cannot be read by
scripts and is not sent from other sites; what changes anything is refused if it does not come from the page itself.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "mvd_session"
_SESSIONS = 1000  # at once; the oldest ends
_LASTS = 12 * 3600.0  # seconds

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # pictures of people stay out of a browser's cache
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with every answer."""


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

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
    """Sessions of those who have given the token.

    Args:
        token: what has to be given; None where nothing has.
        secure: whether the page is reached by https, so that the cookie is sent that way alone.
        clock: seconds, for tests.
    """

    token: str | None
    secure: bool = False
    clock: Callable[[], float] = time.monotonic
    _begun: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def admits(self, request: Request) -> bool:
        """Whether a request is of a session, or needs none."""
        if self.token is None:
            return True
        begun = self._begun.get(request.cookies.get(COOKIE, ""))
        return begun is not None and self.clock() - begun < _LASTS

    def begin(self, given: str, response: Response) -> bool:
        """Begin a session if the token is right, and put it into a response's cookie."""
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
    """Whether a request that changes something was sent by the page itself, as browsers say in their headers."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


@dataclass
class Limit:
    """At most so many requests of an address in so many seconds.

    >>> limit = Limit(2, 60, clock=lambda: 0.0)
    >>> [limit.allows("a"), limit.allows("a"), limit.allows("a"), limit.allows("b")]
    [True, True, False, True]
    """

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _seen: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def allows(self, client: str) -> bool:
        """Count a request, and tell whether it is within the limit."""
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
