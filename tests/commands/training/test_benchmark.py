"""The benchmark: equal budgets, a table that grows, what is stopped goes on, and rows of one's own."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from shell import mvd, printed, refused

from mvd.cli.training.benchmark import Benchmark
from mvd.commands.training import benchmark as module
from mvd.commands.training import rendered
from mvd.commands.training.benchmark import benchmark
from mvd.commands.training.jobs import Job, finished
from mvd.commands.training.rendered import SIZES, checksum
from mvd.commands.training.untrained import chance, colour_histograms
from mvd.config import DataConfig, RunConfig, SamplingConfig
from mvd.config.recipes import RECIPES
from mvd.config.recipes.small import small_twin
from mvd.data.pictures import PictureArray
from mvd.errors import ConfigError, RunError
from mvd.runs import open_run
from mvd.synthetic import SYSU_RIG, SyntheticConfig, even_plan, render
from mvd.synthetic.plan import Shot

ALL = "sysu/all-search/single-shot/official"


def decode_rendered(config: SyntheticConfig, shot: Shot) -> npt.NDArray[np.uint8]:
    """Render a picture, encode it as its file, and decode it."""
    file = io.BytesIO()
    Image.fromarray(render(config, *shot)).save(file, "JPEG", quality=config.quality)
    return np.array(Image.open(file))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six people, networks of width 2, two epochs of a step."""
    size = replace(SIZES["small"], plan=even_plan(train=3, validation=1, test=2, pictures=1), height=64)
    config = size.config("near-infrared")
    same = checksum(config, partial(decode_rendered, config))
    size = replace(size, checksums={"near-infrared": same, "thermal": "others"})
    monkeypatch.setattr(rendered, "SIZES", {"small": size})
    monkeypatch.setattr(module, "_EPOCHS", 2)
    monkeypatch.setattr(module, "_BUDGETS", {"small": 1})

    def smaller(config: RunConfig) -> RunConfig:
        twin = small_twin(config)
        return replace(
            twin,
            data=DataConfig(height=32, width=16),
            sampling=SamplingConfig(identities=2, pictures=1),
            model=replace(twin.model, base_width=2, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8),
        )

    monkeypatch.setattr(module, "small_twin", smaller)


@pytest.mark.parametrize(
    ("spectrum", "expected"), [("near-infrared", "0e65e7a5e74141f2"), ("thermal", "47e5377f7eb456c2")]
)
def test_rendered_1_has_the_pixels_that_it_had(spectrum: rendered.Spectrum, expected: str) -> None:
    """If this fails, what is rendered now is rendered-2, or this machine renders other pixels."""
    config = SIZES["small"].config(spectrum)
    somebody = replace(config, plan=config.plan.of(17))
    assert checksum(somebody, partial(decode_rendered, somebody)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("spectrum", ["near-infrared", "thermal"])
def test_each_size_has_the_checksum_that_it_had(size: rendered.SizeName, spectrum: rendered.Spectrum) -> None:
    config = SIZES[size].config(spectrum)
    assert checksum(config, partial(decode_rendered, config)) == SIZES[size].checksums[spectrum]


def test_a_checksum_reads_pictures_of_every_camera() -> None:
    for size in SIZES.values():
        shots: list[Shot] = []

        def note(shot: Shot, shots: list[Shot] = shots) -> npt.NDArray[np.uint8]:
            shots.append(shot)
            return np.zeros((1, 1, 3), np.uint8)

        checksum(size.config("near-infrared"), note)
        assert {shot.sensor for shot in shots} == set(SYSU_RIG.sensors)
        assert 240 <= len(shots) <= 260


def test_the_table_grows_with_seeds_recipes_and_rows_of_ones_own(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert mvd("benchmark", out, "--recipes", "baseline") == 0
    shown = printed(capsys)
    assert "rendered-1, small, near-infrared" in shown
    assert "†" not in shown
    first = open_run(out / "small" / "near-infrared" / "baseline" / "seed-0").checkpoint("last").stat().st_mtime_ns
    own = ("--own", "no flip=--recipe mvd-strong --model.no-descriptor-flip")
    assert mvd("benchmark", out, "--recipes", "baseline", "--seeds", "0", "1", *own, "--format", "markdown") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        "", "---", "chance", "colour histogram", "baseline", "no flip",
    ]  # fmt: skip
    baseline, no_flip = (line.split(" | ") for line in lines[-2:])
    assert baseline[1] == no_flip[1] == "2"
    assert "[" in baseline[2]
    assert (out / "small" / "benchmark.md").read_text().count("| baseline |") == 1
    run = open_run(out / "small" / "near-infrared" / "no flip" / "seed-1")
    assert not run.config.model.descriptor_flip
    assert run.config.model.trunk == 3
    last = open_run(out / "small" / "near-infrared" / "baseline" / "seed-0").checkpoint("last").stat().st_mtime_ns
    assert last == first
    record = json.loads((out / "small" / "benchmark.json").read_text())
    row = next(row for row in record["rows"] if row["name"] == "baseline")
    evaluation = json.loads(
        (out / "small" / "near-infrared" / "baseline" / "seed-1" / "evaluation-best.json").read_text()
    )
    means = {one["protocol"]: one["mean"] for one in evaluation["results"]}
    assert row["figures"][ALL]["mAP"][1] == means[ALL]["mAP"]
    # With nothing to train, it shows what is there.
    assert mvd("benchmark", out, "--recipes") == 0
    assert "no flip" in printed(capsys)
    assert mvd("benchmark", out, "--recipes", "--against", "no flip") == 0
    assert "Differences from no flip, seed by seed" in printed(capsys)
    assert (out / "small" / "benchmark.md").read_text().count("seed by seed") == 0


def test_a_stopped_benchmark_goes_on_and_other_pixels_are_marked(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    whole = benchmark(out, ["baseline"], spectra=["thermal"])
    assert whole.pixels == {"thermal": False}
    run = out / "small" / "thermal" / "baseline" / "seed-0"
    (run / "figures.json").unlink()
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    again = benchmark(out, ["baseline"], spectra=["thermal"])
    assert again.rows[-1].figures == whole.rows[-1].figures
    assert mvd("benchmark", out, "--recipes", "--spectra", "thermal") == 0
    shown = printed(capsys)
    assert "rendered-1, small, thermal †" in shown
    assert "not to be compared with other tables" in shown
    # The table of other cameras stays, finished or not.
    (out / "small" / "thermal" / "untrained.json").unlink()
    assert mvd("benchmark", out, "--recipes", "--against", "baseline") == 0
    assert "rendered-1, small, thermal †" in printed(capsys)
    assert "rendered-1, small, near-infrared\n" in (table := (out / "small" / "benchmark.md").read_text())
    assert table.count("| baseline |") == 1
    other = replace(RECIPES["baseline"], losses=replace(RECIPES["baseline"].losses, margin=0.9))
    with pytest.raises(RunError, match="found one of another configuration"):
        _with_recipe(out, other)


def _with_recipe(out: Path, config: RunConfig) -> None:
    job = Job(
        folder=out / "small" / "thermal" / "baseline" / "seed-0",
        data=out / "small" / "thermal" / "people",
        prepared=None,
        pretrained=None,
        config=config,
        descriptors=("observation",),
    )
    list(finished([job], 1))


def test_wrong_arguments_are_one_line(tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert "found 'mvd'" in refused(capsys, "benchmark", out, "--own", "mvd=--optimizer.ema 0.5")
    assert "--own: expected NAME=" in refused(capsys, "benchmark", out, "--own", "nothing")
    assert "expected a name for each row" in refused(
        capsys, "benchmark", out, "--own", "a=--optimizer.ema 0.5", "a=--optimizer.ema 0.6"
    )
    assert "expected one of mvd" in refused(capsys, "benchmark", out, "--own", "a=--recipe mwd")
    assert "seeds: expected at least one" in refused(capsys, "benchmark", out, "--seeds", "1", "1")
    assert "--against: expected a row that is there or asked for (baseline), found 'agw'" in refused(
        capsys, "benchmark", out, "--recipes", "baseline", "--against", "agw"
    )
    assert not out.exists()
    (out / "small" / "near-infrared" / "agw" / "seed-0").mkdir(parents=True)  # begun, without figures
    assert "found 'agw'" in refused(capsys, "benchmark", out, "--recipes", "--against", "agw")


def test_rows_of_ones_own_keep_to_the_budget_and_to_their_folders(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    lost = refused(capsys, "benchmark", out, "--own", "long=--schedule.epochs 30 --seed 4 --optimizer.ema 0.5")
    assert "found seed, schedule.epochs of 'long'" in lost
    for taken in ("people-96x48", "Chance", "untrained.json", "AGW"):
        assert f"found {taken!r} beside" in refused(capsys, "benchmark", out, "--own", f"{taken}=--optimizer.ema 0.5")
    for own in ("a=--optimizer.ema 0.5 --recipe caj", "a=--recipe=caj --optimizer.ema 0.5"):
        row = Benchmark(own=(own,))._own()["a"]
        assert (row.augment.streams, row.optimizer.ema) == (3, 0.5)
    for wrong in ([RunConfig()], ["mwd"]):
        with pytest.raises(ConfigError, match=r"^recipes: expected one of"):
            benchmark(out, wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^seed: expected from 0"):
        benchmark(out, seeds=[-1])
    assert not out.exists()


def test_a_disk_that_is_too_small_is_refused_before_people_are_rendered(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk._replace(free=1_000_000))
    told = refused(capsys, "benchmark", tmp_path / "out", "--recipes", "baseline")
    assert "best weights and logs, found 1 MB free" in told
    assert not (tmp_path / "out").exists()


def test_damaged_and_foreign_files_are_named_or_passed_over(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    rows = benchmark(out, ["baseline"], seeds=[0, 1]).rows
    place = out / "small" / "near-infrared"
    for copy in ("seed-0 copy", "seed-00"):  # no further seeds
        shutil.copytree(place / "baseline" / "seed-0", place / "baseline" / copy)
    (place / "people-pixels.json").write_text("[]")
    shutil.copytree(place / "baseline", out / "small" / "thermal" / "baseline")  # without its people
    result = benchmark(out, ())
    assert [row for row in result.rows if row.spectrum == "near-infrared"] == rows
    assert result.pixels == {"near-infrared": True, "thermal": False}
    shutil.rmtree(out / "small" / "thermal")

    def spoilt(file: Path, content: str) -> str:
        whole = file.read_text()
        file.write_text(content)
        told = refused(capsys, "benchmark", out, "--recipes")
        file.write_text(whole)
        return told

    assert "untrained.json: expected the figures" in spoilt(place / "untrained.json", '{"chance": [{}]}')
    figures = place / "baseline" / "seed-1" / "figures.json"
    for content in ("{", "[]", figures.read_text().replace("all-search", "any-search"), '{"observation": {"a": {}}}'):
        assert f"{figures}: expected the figures of a run, found something else" in spoilt(figures, content)
    config = place / "baseline" / "seed-1" / "config.json"
    assert "expected the configuration of seed-0 beside it" in spoilt(
        config, config.read_text().replace('"margin": 0.3', '"margin": 0.4')
    )
    assert mvd("benchmark", out, "--recipes") == 0
    # A row does not mix configurations, not even of seeds that are not asked for.
    shutil.copytree(place / "baseline", place / "mine")
    told = refused(capsys, "benchmark", out, "--recipes", "--own", "mine=--recipe baseline --losses.margin 0.5",
                   "--seeds", "7")  # fmt: skip
    assert "found one of another configuration (losses.margin)" in told
    assert not (place / "mine" / "seed-7").exists()


def test_colour_histograms_are_those_of_strips() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 13, 5, 3), dtype=np.uint8)
    found = colour_histograms(PictureArray(pictures))
    bounds = [strip * 13 // 6 for strip in range(7)]
    for picture, histogram in zip(pictures, found, strict=True):
        expected = []
        for first, last in pairwise(bounds):
            for channel in range(3):
                values = picture[first:last, :, channel].ravel()
                expected += [np.sqrt(np.mean(values // 32 == level)) for level in range(8)]
        np.testing.assert_allclose(histogram, np.array(expected) / np.linalg.norm(expected), rtol=1e-5)


def test_chance_is_a_function_of_its_seed() -> None:
    assert np.array_equal(chance(5, 1), chance(5, 1))
    assert not np.array_equal(chance(5, 1), chance(5, 2))


def test_a_device_that_is_not_there_is_refused_before_people_are_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(capsys, "benchmark", tmp_path / "bench", "--device", "abc")
    assert told.startswith("mvd: device: expected a device of this machine, found 'abc'")
    assert not (tmp_path / "bench").exists()
