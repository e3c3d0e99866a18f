"""Model cards and files of weights for the screen, as JSON, and as the page of a model hub."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.config import RunConfig
from mvd.runs import Card, CardFigures
from mvd.runs.card import UNKNOWN

if TYPE_CHECKING:
    from mvd.results.weights import Shown


def card_lines(card: Card) -> list[tuple[str, str]]:
    """List what a card says, name and text; what is not known is left out."""
    trial = "" if card.trial is None else f", trial {card.trial}"
    people = f"{card.people} people" + (f" of the split {card.split}" if card.split != UNKNOWN else "")
    lines = [
        ("recipe", card.recipe if card.recipe != UNKNOWN else None),
        ("data set", f"{card.dataset}{trial}, {people}" if card.dataset != UNKNOWN else None),
        ("seed", None if card.seed is None else str(card.seed)),
        ("started from", card.pretrained),
        ("converted from", card.source),
        ("trained for", f"{card.step} steps, {card.epoch} epochs" if card.step else None),
        ("code", f"mvd {card.version}" + (f", commit {card.commit}" if card.commit else "")),
        ("licence", card.licence),
    ]
    return [(name, text) for name, text in lines if text]


def figures_table(figures: tuple[CardFigures, ...]) -> Table:
    """Lay out a card's figures, a row for each protocol, in per cent."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    names = [name for name in _SHOWN if any(name in one.values for one in figures)]
    table.add_column("figures, %", overflow="fold")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for one in figures:
        cells = [f"{100 * one.values[name]:.2f}" if name in one.values else "" for name in names]
        table.add_row(Text(_label(one)), *cells)
    return table


def shown_report(shown: Shown, *, tensors: bool = False) -> RenderableType:
    """Lay out what a file is, and its card."""
    lines = [("file", str(shown.file)), ("format", f"{shown.format}, {shown.size:,} bytes")]
    if shown.tensors:
        lines.append(("tensors", f"{len(shown.tensors)}, the network's hold {shown.numbers:,} numbers"))
        lines.append(("network", shown.network or "names that are not known here"))
    if shown.card is not None:
        lines += card_lines(shown.card)
    elif shown.tensors or not shown.notes:
        lines.append(("model card", "none"))
    grid = Table.grid(padding=(0, 2))
    for name, text in [*lines, *shown.notes.items()]:
        grid.add_row(Text(name, style="bold"), Text(text))
    parts: list[RenderableType] = [grid]
    if shown.card is not None and shown.card.figures:
        parts += [Text(), figures_table(shown.card.figures)]
    if tensors:
        parts += [Text(), *(Text(f"{name}  {dtype} {list(shape)}") for name, (dtype, shape) in shown.tensors.items())]
    return Group(*parts)


def shown_json(shown: Shown) -> str:
    """Write what a file is, and its card, as JSON."""
    return json.dumps({**asdict(shown), "file": str(shown.file)}, indent=2)


def model_page(card: Card, config: RunConfig, name: str) -> str:
    """Write a card as the page of a model on a hub: Markdown with the hub's metadata at its head.

    Args:
        card: the card.
        config: the configuration of the run.
        name: "OWNER/NAME".
    """
    facts = "\n".join(f"| {title} | {text} |" for title, text in card_lines(card))
    size = f"{config.data.height}×{config.data.width}"
    modalities = ", modalities=[1, 0]" if config.model.stems == "specific" else ""
    return f"""---
license: other
license_name: code-apache-2.0-weights-by-data
library_name: mvd
pipeline_tag: image-feature-extraction
tags:
- person-re-identification
- visible-infrared
---

# {name}

A network for visible–infrared person re-identification, trained with mvd. It takes RGB pictures of people, resized to
{size}, and gives descriptors to compare by cosine.

| | |
|---|---|
{facts}

{_figures_markdown(card.figures)}

```python
from mvd.commands.hub import from_pretrained

model = from_pretrained("{name}")
descriptors = model.describe_files(["infrared.jpg", "visible.jpg"]{modalities})
```
"""


def _figures_markdown(figures: tuple[CardFigures, ...]) -> str:
    if not figures:
        return "No figures were measured."
    lines = ["| figures, % | " + " | ".join(_SHOWN) + " |", "|---|" + "---|" * len(_SHOWN)]
    for one in figures:
        cells = [f"{100 * one.values[name]:.2f}" if name in one.values else "" for name in _SHOWN]
        lines.append(f"| {_label(one)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


_SHOWN = ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")


def _label(figures: CardFigures) -> str:
    reranked = "" if figures.ranking == "cosine" else f", {figures.ranking}"
    return f"{figures.protocol}, {figures.people} people{reranked}"
