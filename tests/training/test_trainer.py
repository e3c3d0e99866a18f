"""The training loop: it learns, logs, checkpoints, stops, goes on as if it had not, and notices a NaN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tiny_training import (
    CONFIG,
    HEIGHT,
    PEOPLE,
    WIDTH,
    Figures,
    Watcher,
    fit,
    lines_without_rates,
    new_run,
)
from torch import Tensor, nn

from mvd.commands.engine import load_engine
from mvd.config import (
    CosineSchedule,
    LossConfig,
    OptimizerConfig,
)
from mvd.data.pictures import PictureArray
from mvd.data.training import TrainingData
from mvd.errors import CheckpointError, ConfigError, TrainingError
from mvd.models.outputs import MVDOutput
from mvd.runs import OPTIMIZER_PREFIX, load_checkpoint

if TYPE_CHECKING:
    from training.conftest import Whole


def test_training_learns_logs_and_leaves_a_checkpoint(data: TrainingData, tmp_path: Path) -> None:
    config = replace(CONFIG, schedule=CosineSchedule(epochs=12, warmup_epochs=1), optimizer=OptimizerConfig(lr=1e-2))
    run = new_run(tmp_path / "run", config)
    watcher = fit(data, run, config)
    assert watcher.start == (0, 60)
    assert watcher.logs[-1].losses["identity"] < 0.8 * watcher.logs[0].losses["identity"]
    assert watcher.logs[-1].accuracy > 0.6 > watcher.logs[0].accuracy
    assert set(watcher.logs[0].losses) == {"identity", "metric", "vsd", "vcd", "vml", "total"}
    records = run.metrics()
    assert [record["step"] for record in records] == [log.step for log in watcher.logs]
    assert records[-1]["losses"] == watcher.logs[-1].losses
    assert records[-1]["epoch"] == 12
    _, meta = load_checkpoint(run.checkpoint("last"))
    assert (meta.step, meta.epoch) == (60, 12)


@pytest.mark.parametrize("stop_after", [7, 10])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    data: TrainingData, whole: Whole, tmp_path: Path, stop_after: int
) -> None:
    stopped = new_run(tmp_path / "stopped")
    fit(data, stopped, stop_after=stop_after)
    resumed = fit(data, stopped, resume=True)
    assert resumed.start == (stop_after, 20)
    expected, _ = load_checkpoint(whole.run.checkpoint("last"))
    found, _ = load_checkpoint(stopped.checkpoint("last"))
    assert expected.keys() == found.keys()
    assert any(name.startswith(OPTIMIZER_PREFIX) for name in expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert lines_without_rates(stopped) == lines_without_rates(whole.run)


def test_checkpoints_are_written_between_validations_and_change_nothing(
    data: TrainingData, whole: Whole, tmp_path: Path
) -> None:
    config = replace(CONFIG, runtime=replace(CONFIG.runtime, checkpoint_minutes=0))
    often = new_run(tmp_path / "often", config)
    watcher = Watcher()
    steps = []

    def stepped(step: int) -> bool:
        if often.checkpoint("last").exists():
            steps.append(load_checkpoint(often.checkpoint("last"))[1].step)
        return True

    watcher.stepped = stepped  # type: ignore[method-assign]
    load_engine(config).fit(config, data, often, observer=watcher)
    assert steps == list(range(1, 20))
    assert lines_without_rates(often) == lines_without_rates(whole.run)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole.run, often))
    assert all(np.array_equal(found[name], values) for name, values in expected.items())


@pytest.mark.parametrize("deterministic", [False, True])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    data: TrainingData, tmp_path: Path, deterministic: bool
) -> None:
    config = replace(
        CONFIG,
        runtime=replace(CONFIG.runtime, deterministic=deterministic),
        schedule=CosineSchedule(epochs=1, warmup_epochs=0),
    )
    one, same, other = (new_run(tmp_path / name) for name in ("one", "same", "other"))
    for run, seed in ((one, 1), (same, 1), (other, 2)):
        fit(data, run, replace(config, seed=seed))
    bits, again, others = (
        {name: values.tobytes() for name, values in load_checkpoint(run.checkpoint("last"))[0].items()}
        for run in (one, same, other)
    )
    assert bits == again
    assert bits != others
    losses, losses_again, other_losses = ([record["losses"] for record in run.metrics()] for run in (one, same, other))
    assert losses == losses_again
    assert losses != other_losses


def test_training_leaves_pytorch_as_it_was(data: TrainingData, tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    config = replace(CONFIG, runtime=replace(CONFIG.runtime, deterministic=True), schedule=CosineSchedule(epochs=1))
    fit(data, new_run(tmp_path / "run", config), config)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.rand(2), expected)


def test_the_best_checkpoint_is_that_of_the_highest_validation_map(data: TrainingData, tmp_path: Path) -> None:
    config = replace(CONFIG, runtime=replace(CONFIG.runtime, validate_every=1))
    run = new_run(tmp_path / "run", config)
    watcher = Watcher()
    black = PictureArray(np.zeros((3, HEIGHT, WIDTH, 3), np.uint8))
    figures = Figures(black, data.visible.samples.take(np.arange(3)), [0.2, 0.5, 0.5, 0.4])
    load_engine(config).fit(config, data, run, observer=watcher, validation=figures)
    assert figures.__dict__["seen"][0].shape == (3, 4 * 32)
    assert watcher.validations == [(1, True), (2, True), (3, False), (4, False)]
    best, meta = load_checkpoint(run.best_checkpoint)
    assert (meta.epoch, meta.metrics, meta.best) == (2, {"mAP": 0.5}, 0.5)
    assert not any(name.startswith(OPTIMIZER_PREFIX) for name in best)
    assert load_checkpoint(run.checkpoint("last"))[1].best == 0.5
    assert [record["best"] for record in run.metrics() if "validation" in record] == [True, True, False, False]


def test_embedding_from_a_checkpoint_is_what_validation_saw(data: TrainingData, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    figures = Figures(data.visible, data.visible.samples, [0.5, 0.5])
    engine = load_engine(CONFIG)
    engine.fit(CONFIG, data, run, observer=Watcher(), validation=figures)
    again = engine.embed(CONFIG, PEOPLE, run.checkpoint("last"), data.visible)
    np.testing.assert_allclose(again, figures.__dict__["seen"][-1], atol=1e-5)
    initial = engine.embed(CONFIG, PEOPLE, None, data.visible)
    assert np.abs(initial - again).max() > 0.01


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path / "run")
    fit(data, run, stop_after=10)
    before = run.checkpoint("last").read_bytes()
    monkeypatch.setattr(
        "mvd.losses.vsd.variational_self_distillation",
        lambda observation, representation, *, temperature: observation.sum() * float("nan"),
    )
    with pytest.raises(TrainingError, match=r"step 11: expected a finite loss vsd, found nan; .*last\.safetensors"):
        fit(data, run, resume=True)
    assert run.checkpoint("last").read_bytes() == before


def test_weights_that_are_not_finite_are_never_written(data: TrainingData, tmp_path: Path) -> None:
    config = replace(CONFIG, optimizer=OptimizerConfig(kind="sgd", lr=1e30), schedule=CosineSchedule(epochs=1))
    run = new_run(tmp_path / "run", config)
    with pytest.raises(TrainingError, match="no checkpoint had been written yet"):
        fit(data, run, config)
    assert not run.checkpoint("last").exists()


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_every_optimizer_resumes_exactly(data: TrainingData, tmp_path: Path, kind: str) -> None:
    config = replace(
        CONFIG,
        optimizer=OptimizerConfig(kind=kind, lr=1e-3, encoder_lr_scale=0.1, clip_norm=1.0),  # type: ignore[arg-type]
        schedule=CosineSchedule(epochs=2),
    )
    whole, stopped = new_run(tmp_path / "whole", config), new_run(tmp_path / "stopped", config)
    fit(data, whole, config)
    fit(data, stopped, config, stop_after=4)
    fit(data, stopped, config, resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, stopped))
    assert all(np.array_equal(found[name], values) for name, values in expected.items())


def own_encoder() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3, 4, 1), nn.BatchNorm2d(6), nn.ReLU())


def own_loss(outputs: MVDOutput, labels: Tensor, modalities: Tensor) -> Tensor:
    return outputs.visible.observation.features.square().mean() + 0 * (labels + modalities).sum()


def test_an_own_encoder_and_an_own_loss_are_trained_resumed_and_embedded(data: TrainingData, tmp_path: Path) -> None:
    config = replace(
        CONFIG,
        model=replace(CONFIG.model, encoder=f"{__file__}:own_encoder"),
        losses=replace(CONFIG.losses, extra=(f"size={__file__}:own_loss*0.5",)),
        schedule=CosineSchedule(epochs=2),
    )
    assert load_engine(config).check(config) == "cpu"
    whole, stopped = new_run(tmp_path / "whole", config), new_run(tmp_path / "stopped", config)
    watcher = fit(data, whole, config)
    assert all(log.losses["size"] > 0 for log in watcher.logs)
    fit(data, stopped, config, stop_after=4)
    fit(data, stopped, config, resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, stopped))
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
    embeddings = load_engine(config).embed(config, PEOPLE, whole.checkpoint("last"), data.visible)
    assert embeddings.shape == (len(data.visible), 4 * 6)
    missing = replace(config, model=replace(config.model, encoder="no_such_module:make"))
    with pytest.raises(ConfigError, match=r"^model\.encoder: expected a module that Python can import"):
        load_engine(missing).check(missing)


def test_a_checkpoint_of_another_network_is_refused_by_name(data: TrainingData, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    fit(data, run, stop_after=1)
    wider = replace(CONFIG, model=replace(CONFIG.model, z_dim=8))
    with pytest.raises(CheckpointError, match=r"last\.safetensors: expected the weights of this run's network, found"):
        load_engine(wider).embed(wider, PEOPLE, run.checkpoint("last"), data.visible)


def test_a_device_that_is_not_there_is_one_clear_error() -> None:
    for name in ("cuda:99", "toaster"):
        config = replace(CONFIG, runtime=replace(CONFIG.runtime, device=name))
        with pytest.raises(ConfigError, match=rf"found '{name}' .* --runtime\.device cpu"):
            load_engine(config).check(config)


def test_bfloat16_trains_to_finite_losses_in_fp32_weights(data: TrainingData, tmp_path: Path) -> None:
    config = replace(CONFIG, runtime=replace(CONFIG.runtime, precision="bf16"), schedule=CosineSchedule(epochs=1))
    run = new_run(tmp_path / "run", config)
    fit(data, run, config)
    tensors, _ = load_checkpoint(run.checkpoint("last"))
    assert {str(value.dtype) for name, value in tensors.items() if name.endswith(".weight")} == {"float32"}


@pytest.mark.parametrize(
    "change",
    [
        {"bottleneck": False, "channel_attention": True},
        {"encoders": "shared", "stems": "specific", "non_local": True, "pooling": "gem", "bottleneck": False},
    ],
)
def test_other_networks_train_validate_and_resume_too(
    data: TrainingData, tmp_path: Path, change: dict[str, Any]
) -> None:
    config = replace(
        CONFIG,
        model=replace(CONFIG.model, **change),
        losses=LossConfig(vsd_weight=0, vcd_weight=0, vml_weight=0),
        schedule=CosineSchedule(epochs=2),
    )
    figures = Figures(data.infrared, data.infrared.samples, [0.5, 0.5])
    whole, stopped = new_run(tmp_path / "whole", config), new_run(tmp_path / "stopped", config)
    engine = load_engine(config)
    engine.fit(config, data, whole, observer=Watcher(), validation=figures)
    fit(data, stopped, config, stop_after=4)
    fit(data, stopped, config, resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, stopped))
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
    modalities = data.infrared.samples.modalities
    again = engine.embed(config, PEOPLE, whole.checkpoint("last"), data.infrared, modalities=modalities)
    np.testing.assert_allclose(again, figures.__dict__["seen"][-1], atol=1e-5)


def test_the_global_random_state_does_not_matter(data: TrainingData, whole: Whole, tmp_path: Path) -> None:
    torch.manual_seed(2)
    found = fit(data, new_run(tmp_path / "run")).logs
    assert [log.losses for log in found] == [log.losses for log in whole.watcher.logs]
