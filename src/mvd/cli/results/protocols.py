"""`mvd protocols`."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class Protocols:
    """List the evaluation protocols by name."""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.protocols import protocols_list

        console.print(protocols_list())
        return 0
