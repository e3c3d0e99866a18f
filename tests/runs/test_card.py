"""Model cards: in every checkpoint, with what decided it; read back, and refused where they are damaged."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mvd import __version__
from mvd.config import DataConfig, RunConfig, to_json
from mvd.config.recipes import RECIPES, name_recipe
from mvd.errors import CheckpointError, RunError
from mvd.runs import (
    Card,
    CardFigures,
    CheckpointMeta,
    RunData,
    card_from_json,
    create_run,
    load_checkpoint,
    read_card,
    read_config,
    read_meta,
    source_commit,
)

META = CheckpointMeta(step=40, epoch=2, metrics={"rank-1": 0.5, "mAP": 0.25}, best=0.25)
DATA = RunData(
    root="/somewhere/RegDB",
    prepared="/somewhere/RegDB/trial-3",
    dataset="regdb",
    identities=(4, 5),
    trial=3,
    pretrained="/home/me/resnet50.ckpt",
    recipe="custom, from mvd",
    validation="regdb/validation",
)
TENSORS = {"a": np.zeros(2, np.float32)}


def test_a_checkpoint_carries_what_decided_it(tmp_path: Path) -> None:
    config = RunConfig(seed=5, data=DataConfig(trial=3, train_on="train+validation"))
    run = create_run(tmp_path / "run", config, DATA, replace=False)
    run.save_checkpoint("best", TENSORS, META)
    card = read_card(run.checkpoint("best"))
    assert card == Card(
        recipe="custom, from mvd",
        dataset="regdb (RegDB)",
        split="train+validation",
        trial=3,
        people=2,
        seed=5,
        pretrained="resnet50.ckpt",
        step=40,
        epoch=2,
        figures=(CardFigures(protocol="regdb/validation", people="validation", values=dict(META.metrics)),),
        commit=source_commit(),
    )
    assert card.version == __version__
    assert "Apache-2.0" in card.licence
    assert "terms of the data" in card.licence
    assert card_from_json(card.to_json(), "x") == card


def test_test_figures_of_the_same_step_go_into_the_card(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(), DATA, replace=False)
    run.save_checkpoint("best", TENSORS, META)
    best = run.checkpoint("best")
    result = {"protocol": "regdb/x", "ranking": "cosine", "mean": {"rank_1": 0.75, "mAP": 0.5}}
    record = {"weights": str(best), "step": 40, "results": [result]}
    (run.path / "evaluation-best.json").write_text(json.dumps(record))
    (tested,) = run.card_with_tests(best).figures[1:]
    assert tested == CardFigures(protocol="regdb/x", people="test", values={"rank-1": 0.75, "mAP": 0.5})
    # The run went on since it was evaluated.
    run.save_checkpoint("best", TENSORS, replace(META, step=41))
    assert len(run.card_with_tests(best).figures) == 1
    (run.path / "evaluation-best.json").write_text("[1]")
    with pytest.raises(RunError, match="expected what mvd evaluate writes"):
        run.card_with_tests(best)


def test_a_checkpoint_of_an_earlier_version_has_no_card_but_what_its_run_tells(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunConfig(seed=3), DATA, replace=False)
    run.save_checkpoint("best", TENSORS, META)
    metadata = {"mvd": json.dumps({"step": 1, "epoch": 0, "metrics": {}, "best": None})}
    save_file(TENSORS, run.checkpoint("best"), metadata=metadata)
    assert read_card(run.checkpoint("best")) is None
    told = run.card_with_tests(run.checkpoint("best"))
    assert (told.seed, told.version, told.commit) == (3, "unknown", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps({"figures": 3}),
        json.dumps({"figures": [{"protocol": 1, "people": "test", "ranking": "cosine", "values": {}}]}),
        json.dumps({"figures": [], "seed": "five"}),
        json.dumps({"figures": [], "recipe": 7}),
        json.dumps({"figures": [], "step": None}),
    ],
    ids=range(9),
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"card": text})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: expected a model card") as caught:
        read_card(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_fields_of_a_later_version_are_passed_over() -> None:
    fields = {**json.loads(Card(seed=1).to_json()), "carbon": 3}
    assert card_from_json(json.dumps(fields), "x") == Card(seed=1)


def test_the_commit_is_that_of_the_source() -> None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        assert source_commit() is None
        return
    found = source_commit()
    head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert found is not None
    assert head.startswith(found.rstrip("+"))


def test_recipes_are_named_by_what_they_compute() -> None:
    for name, recipe in RECIPES.items():
        same = replace(recipe, seed=9, data=replace(recipe.data, trial=4))
        assert name_recipe(replace(same, runtime=replace(same.runtime, device="cpu"))) == name
        other = replace(recipe, optimizer=replace(recipe.optimizer, lr=0.123))
        assert name_recipe(other) == f"custom, from {name}"


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"step": "1", "epoch": 0, "metrics": {}, "best": None},
        {"step": -1, "epoch": 0, "metrics": {}, "best": None},
        {"step": 1, "epoch": 0, "metrics": [], "best": None},
        {"step": 1, "epoch": 0, "metrics": {"mAP": "high"}, "best": None},
        {"step": 1, "epoch": 0, "metrics": {}, "best": "mAP"},
    ],
    ids=range(6),
)
def test_a_checkpoint_that_says_nonsense_of_itself_is_refused(tmp_path: Path, meta: dict[str, object]) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"mvd": json.dumps(meta)})
    for read in (load_checkpoint, read_meta):
        with pytest.raises(CheckpointError, match=r"a\.safetensors: expected a checkpoint of mvd"):
            read(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "config", ["", "[" * 100_000, "{}x", '{"seed": -1}', '{"model": {"arch": "vgg"}}'], ids=range(5)
)
def test_a_configuration_that_is_none_is_a_checkpoints_error(tmp_path: Path, config: str) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"config": config})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: expected ") as caught:
        read_config(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)
    save_file(TENSORS, tmp_path / "b.safetensors", metadata={"config": to_json(RunConfig(seed=2))})
    assert read_config(tmp_path / "b.safetensors") == RunConfig(seed=2)
    save_file(TENSORS, tmp_path / "c.safetensors")
    assert read_config(tmp_path / "c.safetensors") is None
