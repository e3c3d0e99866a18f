"""`mvd serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import say


@dataclass(frozen=True, kw_only=True)
class Serve:
    """Search a gallery in a browser, on this machine.

    Elsewhere than on this machine's own address a token is required: one is made and printed, or taken from the
    environment variable MVD_TOKEN, which other users of the machine cannot see as they can see arguments.
    """

    gallery: Positional[str]
    """folder of the gallery, or its address"""
    model: str | None = None
    """where the gallery's model is now, if it has been moved"""
    host: str = "127.0.0.1"
    """address to listen at; 0.0.0.0 for all of this machine's"""
    port: int = 8000
    """port to listen at; 0 takes a free one"""
    https: bool = False
    """browsers reach it by https, through a proxy: send the cookie that way only"""
    false_alarms: float = 0.01
    """share of people who are not in the gallery for whom a picture may pass the threshold"""

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
