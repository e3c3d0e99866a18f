"""`mvd serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say


@dataclass(frozen=True, kw_only=True)
class Serve:
    """Search a gallery in a browser, on this machine.

    On any address but the loopback address, users must enter a token: that of the environment variable MVD_TOKEN, or
    else a generated one, which is printed.
    """

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery"""
    model: str | None = None
    """path of the gallery's model, if that was moved"""
    host: str = "127.0.0.1"
    """address to listen on; 0.0.0.0: all addresses of this machine"""
    port: int = 8000
    """port to listen on; 0: any free port"""
    https: bool = False
    """browsers connect by HTTPS, through a proxy: send the cookie over HTTPS only"""
    false_alarms: float = 0.01
    """false-alarm rate: fraction of people not in the gallery for whom a picture passes the threshold"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.page.serve import serve

        serve(
            self.gallery if "://" in self.gallery else Path(self.gallery),
            model=self.model,
            host=self.host,
            port=self.port,
            token=os.environ.get("MVD_TOKEN") or None,
            https=self.https,
            false_alarms=self.false_alarms,
            note=lambda line: say(console, line),
        )
        return 0
