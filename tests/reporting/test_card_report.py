"""Cards and weights files as they are printed, as JSON, and as a page of a hub."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mvd.config import RunConfig
from mvd.config.recipes import RECIPES
from mvd.reporting.card import card_lines, model_page, shown_json, shown_report
from mvd.results.weights import Shown
from mvd.runs import Card, CardFigures

CARD = Card(
    recipe="mvd",
    dataset="regdb (RegDB)",
    split="train",
    trial=3,
    people=206,
    seed=4,
    step=100,
    epoch=2,
    figures=(
        CardFigures(protocol="p", people="test", values={"rank-1": 0.5, "mAP": 0.25}),
        CardFigures(protocol="p", people="test", values={"rank-1": 0.6}, ranking="cosine + k-reciprocal"),
    ),
)
SHOWN = Shown(
    file=Path("best.safetensors"),
    size=12345,
    format="safetensors",
    network="MVD, three encoders",
    tensors={"shared.weight": ("float32", (2, 3))},
    numbers=6,
    card=CARD,
    notes={"by": "hand"},
)


def _print(shown: Shown, *, tensors: bool = False) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=80, color_system=None).print(shown_report(shown, tensors=tensors))
    return [" ".join(line.split()) for line in text.getvalue().splitlines()]


def test_names_on_a_page_are_no_markdown_and_no_html() -> None:
    page = model_page(replace(CARD, dataset="sysu (<img src=x>|[a](b))\x1b[2J"), RunConfig(), 'me/<b>"net')
    assert "\\<img src=x\\>\\|\\[a\\](b))" in page
    assert "# me/\\<b\\>" in page
    assert 'from_pretrained("me/<b>\\"net")' in page
    assert "\x1b" not in page


def test_a_card_has_no_line_for_what_is_unknown() -> None:
    lines = dict(card_lines(CARD))
    assert lines["data set"] == "regdb (RegDB), trial 3, 206 people of the split train"
    assert lines["trained for"] == "100 steps, 2 epochs"
    assert not {"started from", "converted from"} & lines.keys()
    assert set(dict(card_lines(Card()))) == {"code", "licence"}


def test_a_file_is_shown_with_its_card_figures_and_tensors() -> None:
    lines = _print(SHOWN, tensors=True)
    for expected in (
        "format safetensors, 12,345 bytes",
        "network MVD, three encoders",
        "by hand",
        "figures, % rank-1 mAP",
        "(1) 50.00 25.00",
        "(2) 60.00",
        "(1) p, test people",
        "(2) p, test people, cosine + k-reciprocal",
        "shared.weight float32 [2, 3]",
    ):
        assert expected in lines, expected
    assert "shared.weight float32 [2, 3]" not in _print(SHOWN)


def test_a_file_without_a_card_or_known_names_says_so() -> None:
    lines = _print(replace(SHOWN, card=None, network=None))
    assert "model card none" in lines
    assert "network unknown parameter names" in lines


def test_json_holds_file_card_and_shapes() -> None:
    found = json.loads(shown_json(SHOWN))
    assert (found["file"], found["card"]["people"]) == ("best.safetensors", 206)
    assert found["tensors"]["shared.weight"] == ["float32", [2, 3]]


def test_a_page_names_the_model_its_size_and_figures() -> None:
    page = model_page(CARD, RunConfig(), "me/mvd")
    assert page.startswith("---\nlicense: other\n")
    assert "# me/mvd\n" in page
    assert "288×144" in page
    assert "| p, test people | 50.00 |  |  |  | 25.00 |  |" in page
    assert "modalities" not in page
    assert "modalities=[1, 0]" in model_page(CARD, RECIPES["agw"], "me/mvd")
    assert "No figures were measured." in model_page(replace(CARD, figures=()), RunConfig(), "me/mvd")
