"""The sixteen scripts for tests: their names, a copy of their folder, and a run of two of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from weights.helpers import resnet_shapes

from mvd.weights import convert

ROOT = Path(__file__).parents[2]
SEARCHES = (("sysu", "all"), ("sysu", "indoor"), ("regdb", "i2v"), ("regdb", "v2i"))
TARGETS = {"ascend": ("Ascend", "--device_id"), "gpu": ("GPU", "--gpu")}
SMALL = (
    *("--MSmode", "PYNATIVE_MODE", "--device_target", "CPU", "--arch", "resnet18"),
    *("--img_h", "32", "--img_w", "16"),
)


def script(task: str, dataset: str, mode: str, target: str) -> str:
    return f"run_{'standalone_train' if task == 'train' else task}_{dataset}_{mode}_{target}.sh"


def bash(folder: Path, *command: str | Path, python: str | Path = sys.executable) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": str(python), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", *map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def copy_scripts(root: Path) -> Path:
    """Copy what the scripts need, and return their folder."""
    shutil.copytree(ROOT / "scripts", root / "scripts", symlinks=True)
    for results in (*root.glob("scripts/train_*"), *root.glob("scripts/eval_*")):
        shutil.rmtree(results)
    for program in ("train.py", "eval.py"):
        shutil.copy(ROOT / program, root)
    return root / "scripts"


def write_resnet(folder: Path) -> Path:
    """Write weights of an encoder, as MindSpore writes them."""
    rng = np.random.default_rng(0)
    shapes = resnet_shapes("resnet18", 64)
    encoder = {name: np.asarray(rng.random(shape, np.float32) / 10) for name, shape in shapes.items()}
    save_file(encoder, folder / "resnet18.safetensors")
    convert(folder / "resnet18.safetensors", folder / "resnet18.ckpt", to="mindspore")
    return folder / "resnet18.ckpt"


def train_and_evaluate(scripts: Path, data: Path, resnet: Path, search: tuple[str, str, str], *more: str) -> list[str]:
    """Call the script that trains and the one that evaluates what it left, and compare their figures.

    Args:
        scripts: their folder.
        data: the data set.
        resnet: what encoders start from.
        search: data set, mode and target.
        *more: arguments of both programs.

    Returns:
        The lines of training.
    """
    dataset, mode, target = search
    training = ("--batch_size", "3", "--num_pos", "4", "--epoch", "1", "--save_period", "1")
    done = bash(scripts, script("train", dataset, mode, target), data, resnet, "0", *SMALL, *training, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    (best,) = (
        file
        for file in scripts.glob(f"train_{dataset}_{mode}/best_epoch_01_rank1_*_mAP_*")
        if file.suffix in {".safetensors", ".ckpt"}
    )
    name = {"sysu": "SYSU", "regdb": "RegDB"}[dataset]
    trained = (best.parent / f"{name}_train_performance.txt").read_text().splitlines()
    evaluation = script("eval", dataset, mode, target)
    done = bash(scripts, evaluation, data, best.relative_to(scripts), "0", *SMALL, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = scripts / f"eval_{dataset}_{mode}"
    tested = (folder / f"{name}_eval_performance.txt").read_text().splitlines()
    # The last line of training goes on with how the weights were chosen.
    assert trained[-2:] == [tested[-2], trained[-1]]
    assert trained[-1].startswith(f"{tested[-1]}, ")
    assert tested[0] == trained[0]
    assert (folder / f"{name}_train_performance.txt").read_text().splitlines() == tested
    return trained
