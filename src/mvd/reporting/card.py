"""Model cards and weights files in the terminal, as JSON, and as the page of a model hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.config import RunConfig
from mvd.errors import counted
from mvd.files.names import one_line
from mvd.metrics.scores import FIGURES, PLAIN
from mvd.reporting.calibration import calibration_summary
from mvd.reporting.rows import markdown_text
from mvd.reporting.terminal.style import markdown_table, percent, plain_table
from mvd.results.weights import Shown
from mvd.runs import Card, CardFigures
from mvd.runs.card import UNKNOWN

_LONGEST = 400  # characters shown of a text in a program's metadata


def card_lines(card: Card) -> list[tuple[str, str]]:
    """List the known fields of a card as name and text."""
    trial = "" if card.trial is None else f", trial {card.trial}"
    people = counted(card.people, "person") + (f" of the split {card.split}" if card.split != UNKNOWN else "")
    lines = [
        ("recipe", card.recipe if card.recipe != UNKNOWN else None),
        ("data set", f"{card.dataset}{trial}, {people}" if card.dataset != UNKNOWN else None),
        ("seed", None if card.seed is None else str(card.seed)),
        ("started from", card.pretrained),
        ("converted from", card.source),
        ("trained for", f"{counted(card.step, 'step')}, {counted(card.epoch, 'epoch')}" if card.step else None),
        ("changed", "; ".join(card.changes)),
        ("code", f"mvd {card.version}" + (f", commit {card.commit}" if card.commit else "")),
        ("licence", card.licence),
    ]
    return [(name, text) for name, text in lines if text]


def figures_report(figures: tuple[CardFigures, ...]) -> RenderableType:
    """Lay out a card's figures in percent, one row per protocol, with the names of the protocols below."""
    names = [name for name in FIGURES if any(name in one.values for one in figures)]
    table = plain_table("figures, %", *names)
    for number, one in enumerate(figures, start=1):
        table.add_row(f"({number})", *_cells(one, names))
    return Group(table, *(Text(one_line(f"({number}) {_label(one)}")) for number, one in enumerate(figures, start=1)))


def shown_report(shown: Shown, *, tensors: bool = False) -> RenderableType:
    """Lay out the content of a weights file, and its card.

    Args:
        shown: the file.
        tensors: whether to list every tensor.
    """
    lines = [("file", str(shown.file)), ("format", f"{shown.format}, {shown.size:,} bytes")]
    if shown.tensors:
        lines.append(("tensors", f"{len(shown.tensors)}; {shown.numbers:,} elements in those of the network"))
        lines.append(("network", shown.network or "unknown parameter names"))
    if shown.card is not None:
        lines += card_lines(shown.card)
    elif shown.tensors or not shown.notes:
        lines.append(("model card", "none"))
    grid = Table.grid(padding=(0, 2))
    lines += [line for name, text in shown.notes.items() for line in _note(name, text)]
    lines += calibration_summary(shown.calibration)
    for name, text in lines:
        grid.add_row(Text(name, style="bold"), Text(one_line(text)))
    parts: list[RenderableType] = [grid]
    if shown.card is not None and shown.card.figures:
        parts += [Text(), figures_report(shown.card.figures)]
    if tensors:
        parts += [
            Text(),
            *(Text(one_line(f"{name}  {dtype} {list(shape)}")) for name, (dtype, shape) in shown.tensors.items()),
        ]
    if shown.page is not None:
        parts += [Text(), *(Text(one_line(line)) for line in shown.page.splitlines())]
    return Group(*parts)


def _note(name: str, text: str) -> list[tuple[str, str]]:
    """Format a text of a program's metadata for reading; --format json prints it unchanged."""
    try:
        match name:
            case "calibration":
                return []  # the calibration has a summary of its own
            case "use":
                use = json.loads(text)
                return [
                    (name, f"{kind} {tensor['type']} ({', '.join(map(str, tensor['shape']))}), {about}")
                    for name, field, about in (("input", "inputs", "values"), ("output", "outputs", "compared"))
                    for kind, tensor in use[field].items()
                    for about in [tensor[about]]
                ]
            case "data":
                data = json.loads(text)
                trial = "" if data.get("trial") is None else f", trial {data['trial']}"
                return [("trained on", f"{data['dataset']}{trial}, {counted(len(data['identities']), 'person')}")]
    except (ValueError, KeyError, TypeError, AttributeError):  # metadata of another program
        pass
    return [(name, text if len(text) <= _LONGEST else f"{len(text):,} characters; --format json has them")]


def shown_json(shown: Shown) -> str:
    """Write the content of a weights file, and its card, as JSON."""
    calibration = None if shown.calibration is None else json.loads(shown.calibration.to_json())
    fields = asdict(replace(shown, calibration=None))
    return json.dumps({**fields, "file": str(shown.file), "calibration": calibration}, indent=2)


def model_page(card: Card, config: RunConfig, name: str) -> str:
    """Write a card as the page of a model on a hub: Markdown that starts with the hub's metadata.

    Args:
        card: the card.
        config: the configuration of the run.
        name: "OWNER/NAME".
    """
    facts = "\n".join(f"| {title} | {markdown_text(text)} |" for title, text in card_lines(card))
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

# {markdown_text(name)}

A network for visible–infrared person re-identification, trained with mvd. It maps RGB pictures of people, resized to
{size}, to embeddings that are compared by cosine.

| | |
|---|---|
{facts}

{_figures_markdown(card.figures)}

```python
import mvd

embedder = mvd.Embedder.from_pretrained({json.dumps(name)})
embeddings = embedder(["infrared.jpg", "visible.jpg"]{modalities})
```
"""


def _figures_markdown(figures: tuple[CardFigures, ...]) -> str:
    if not figures:
        return "No figures were measured."
    rows = [[markdown_text(_label(one)), *_cells(one, FIGURES)] for one in figures]
    return markdown_table(["figures, %", *FIGURES], rows)


def _cells(figures: CardFigures, names: Sequence[str]) -> list[str]:
    return [percent(figures.values[name]) if name in figures.values else "" for name in names]


def _label(figures: CardFigures) -> str:
    reranked = "" if figures.ranking == PLAIN else f", {figures.ranking}"
    return f"{figures.protocol}, {figures.people} people{reranked}"
