"""The ladder of terms: what each rung adds, one run a rung and seed, and going on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from shell import mvd, refused

from mvd.commands.training.ablate import ablate, ladder
from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    LossConfig,
    ModelConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)
from mvd.config.recipes import RECIPES
from mvd.errors import ConfigError, RunError
from mvd.runs import open_run

TINY = RunConfig(
    data=DataConfig(height=32, width=16),
    sampling=SamplingConfig(identities=2, pictures=2, steps_per_epoch=1),
    augment=AugmentConfig(pad=1),
    model=ModelConfig(arch="resnet18", base_width=2, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8),
    schedule=CosineSchedule(epochs=1),
    runtime=RuntimeConfig(device="cpu"),
)
_SHAPE = (
    "--data.height=32", "--data.width=16", "--sampling.identities=2", "--sampling.pictures=2",
    "--sampling.steps-per-epoch=1", "--augment.pad=1", "--model.arch=resnet18", "--model.base-width=2",
    "--model.bottleneck-widths", "8", "8", "--model.z-dim=8", "--model.classifier-width=8", "--schedule.epochs=1",
    "--runtime.device=cpu",
)  # fmt: skip
RUNGS = ("encoders", "bottlenecks", "vsd", "vcd", "vml", "cml")


def test_each_rung_adds_one_thing_to_the_one_below() -> None:
    rungs = ladder(RECIPES["mvd"])
    assert tuple(rung.name for rung in rungs) == RUNGS
    assert [rung.config.model.bottleneck for rung in rungs] == [False] + 5 * [True]
    weights = [
        {name for name in ("vsd", "vcd", "vml", "cml") if getattr(rung.config.losses, f"{name}_weight") > 0}
        for rung in rungs
    ]
    assert weights == [set(), set(), {"vsd"}, {"vsd", "vcd"}, {"vsd", "vcd", "vml"}, {"vsd", "vcd", "vml", "cml"}]
    assert {(rung.config.optimizer, rung.config.schedule, rung.config.losses.metric) for rung in rungs} == {
        (RECIPES["mvd"].optimizer, RECIPES["mvd"].schedule, RECIPES["mvd"].losses.metric)
    }


def test_weights_of_ones_own_are_kept() -> None:
    rungs = ladder(replace(TINY, losses=LossConfig(vsd_weight=0.7, cml_weight=3.0)))
    assert rungs[2].config.losses.vsd_weight == 0.7
    assert rungs[-1].config.losses.cml_weight == 3.0


def test_a_single_encoder_has_no_ladder() -> None:
    with pytest.raises(ConfigError, match="expected mvd, whose parts are added one by one, found shared"):
        ladder(RECIPES["baseline"])


def test_settings_of_ones_own_are_compared_with_the_configuration(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    baseline = ("--recipe", "baseline", *_SHAPE)
    vary = ("--vary", "an average=--optimizer.ema 0.5", "three=--augment.streams 3 --model.descriptor-flip")
    command = ("ablate", people, "--out", out, "--seeds", "0", "--format", "markdown", *baseline)
    assert mvd(*command, *vary) == 0
    printed = capsys.readouterr().out
    assert "| an average | " in printed
    assert "Δ against the first row" in printed
    configs = {name: open_run(out / name / "seed-0").config for name in ("as it is", "an average", "three")}
    assert configs["an average"] == replace(
        configs["as it is"], optimizer=replace(configs["as it is"].optimizer, ema=0.5)
    )
    assert configs["three"].augment.streams == 3
    assert configs["three"].model.descriptor_flip
    same = refused(capsys, *command, "--vary", "nothing=--optimizer.ema 0")
    assert "expected nothing to differ from the configuration" in same
    assert "found '--optimizer.ema 0'" in refused(capsys, *command, "--vary=--optimizer.ema 0")
    assert "expected a name that a folder can have" in refused(capsys, *command, "--vary", "a/b=--optimizer.ema 0.5")
    twice = refused(capsys, *command, "--vary", "a=--optimizer.ema 0.5", "a=--optimizer.ema 0.6")
    assert "found 'a' twice" in twice


def test_what_cannot_run_is_refused_before_the_first_run(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ("ablate", people, "--out", out, "--recipe", "baseline", *_SHAPE, "--vary")
    for setting, told in {
        "many=--sampling.identities 64": "expected at least 64 identities",
        "tall=--data.height 64": "expected prepared pictures of 64×16",
        "parts=--losses.vsd-weight 1": "expected weights of 0 for vsd",
        "reseeded=--seed 5": "expected reseeded to differ from the configuration",
        "ablation.json=--optimizer.ema 0.5": "beside 'ablation.json'",
        "AS IT IS=--optimizer.ema 0.5": "beside 'as it is'",
        "other=--recipe mwd": "recipe: expected one of",
        "quote='--optimizer.ema 0.5": "--vary: expected NAME='FLAGS'",
    }.items():
        assert told in refused(capsys, *command, setting)
    assert not out.exists()


def test_figures_of_other_descriptors_or_protocols_are_refused(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    vary = {"encoders": ladder(TINY)[0].config}
    ablate(people, out, TINY, vary=vary, seeds=0)
    file = out / "as it is" / "seed-0" / "figures.json"
    whole = json.loads(file.read_text())
    renamed = {name: {"other": next(iter(one.values()))} for name, one in whole.items()}
    contents: list[dict[str, Any]] = [
        {"observation": whole["observation"]},
        renamed,
        {"observation": {}, "representation": {}},
    ]
    for content in contents:
        file.write_text(json.dumps(content))
        with pytest.raises(RunError, match=r"figures\.json: expected the figures of a run"):
            ablate(people, out, TINY, vary=vary, seeds=0)


def test_a_stopped_ablation_goes_on_and_a_finished_one_is_read(people: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    out = tmp_path / "ablation"
    vary = {"encoders": ladder(TINY)[0].config}
    first = ablate(people, out, TINY, vary=vary, seeds=(3, 1), progress=lambda *counts: done.append(counts))
    assert done == [(count, 4) for count in range(1, 5)]
    assert [result.name for result in first] == ["as it is", "encoders"]
    name = "sysu/all-search/single-shot/seeded"
    assert [list(result.figures) for result in first] == [["observation", "representation"], ["observation"]]
    for result in first:
        for descriptor, weights in (("observation", "best"), ("representation", "best-representation")):
            for place, seed in enumerate((3, 1)):
                if descriptor in result.figures:
                    record = json.loads((out / result.name / f"seed-{seed}" / f"evaluation-{weights}.json").read_text())
                    means = {one["protocol"]: one["mean"] for one in record["results"]}
                    assert result.figures[descriptor][name]["mAP"][place] == means[name]["mAP"]
    # As if killed before the first checkpoint of one run.
    for file in (out / "encoders" / "seed-1" / "checkpoints").iterdir():
        file.unlink()
    kept = (out / "as it is" / "seed-1" / "checkpoints" / "last.safetensors").stat().st_mtime_ns
    assert ablate(people, out, TINY, vary=vary, seeds=(3, 1)) == first
    assert (out / "as it is" / "seed-1" / "checkpoints" / "last.safetensors").stat().st_mtime_ns == kept


@pytest.mark.slow
def test_processes_reach_what_one_reaches(people: Path, tmp_path: Path) -> None:
    alone = ablate(people, tmp_path / "one", TINY, seeds=(0,))
    assert ablate(people, tmp_path / "two", TINY, seeds=(0,), workers=2) == alone


def test_the_command_trains_the_ladder_from_pretrained_encoders_and_prints_a_table(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = ("--recipe", "baseline", *_SHAPE, "--losses.vsd-weight=0", "--evaluate=none")
    assert mvd("train", people, "--out", tmp_path / "before", *baseline) == 0
    weights = tmp_path / "before" / "checkpoints" / "last.safetensors"
    # A rate of next to nothing leaves the encoders where they started; running statistics move all the same.
    still = ("--optimizer.lr=1e-12", "--optimizer.weight-decay=0")
    command = ("ablate", people, "--seeds", "0", *_SHAPE, *still)
    out = tmp_path / "out"
    capsys.readouterr()
    assert mvd(*command, "--out", out, "--pretrained", weights, "--format", "markdown") == 0
    printed = capsys.readouterr().out
    assert "| + VML | " in printed
    assert "sysu/indoor-search/single-shot/seeded, by representation\n" in printed
    wanted = load_file(weights)
    for rung in RUNGS:
        found = load_file(out / rung / "seed-0" / "checkpoints" / "last.safetensors")
        for branch in ("visible", "infrared", "shared"):
            np.testing.assert_allclose(
                found[f"{branch}.encoder.layer3.1.conv2.weight"],
                wanted["shared.encoder.layer3.1.conv2.weight"],
                atol=1e-9,
            )
    assert "expected a run that started from no weights, found one that started from" in refused(
        capsys, *command, "--out", out
    )
    missing = refused(capsys, *command, "--out", tmp_path / "new", "--pretrained", "nowhere", "--workers", "2")
    assert missing.startswith("mvd: nowhere: expected weights of")
    assert not (tmp_path / "new").exists()
    message = refused(capsys, *command, "--out", out, "--pretrained", weights, "--losses.margin", "0.5")
    assert "expected a run of this table, found one of another configuration" in message
    assert "found 1 1" in refused(capsys, "ablate", people, "--out", out, "--seeds", "1", "1", *_SHAPE)
