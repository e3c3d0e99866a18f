"""Command lines as the release's README and scripts write them, and wrong ones."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mvd.original.arguments import Arguments, parse_evaluation, parse_training
from mvd.original.settings import Settings

README = (
    "--MSmode GRAPH_MODE --dataset SYSU --data_path /data/sysu --optim adam --lr 0.0035 --device_target Ascend "
    '--device_id 3 --pretrain /weights/resnet50.ckpt --tag "sysu_all" --loss-func id+tri --sysu_mode all --epoch 80 '
    "--print-per-step 100"
)


def test_the_command_line_of_the_readme_is_understood() -> None:
    arguments = parse_training(shlex.split(README))
    assert arguments.settings == Settings(
        ms_mode="GRAPH_MODE", optim="adam", lr=0.0035, loss_func="id+tri", epoch=80, print_per_step=100
    )
    assert (arguments.dataset, arguments.data_path) == ("SYSU", Path("/data/sysu"))
    assert (arguments.device_target, arguments.device_id) == ("Ascend", 3)
    assert (arguments.pretrain, arguments.tag) == ("/weights/resnet50.ckpt", "sysu_all")
    assert arguments.search == "sysu_all"


@pytest.mark.parametrize("style", [lambda name: name, lambda name: name.replace("_", "-")])
def test_hyphens_and_underscores_are_the_same(style: Callable[[str], str]) -> None:
    arguments = parse_training([style("--print_per_step"), "30", f"{style('--data_path')}=some-where/here_and-there"])
    assert arguments.settings.print_per_step == 30
    assert arguments.data_path == Path("some-where/here_and-there")


def test_choices_may_be_in_upper_or_lower_case() -> None:
    arguments = parse_training(
        shlex.split("--dataset regdb --regdb_mode I2V --device_target gpu --MSmode pynative_mode --optim Adam")
    )
    assert (arguments.dataset, arguments.regdb_mode, arguments.device_target) == ("RegDB", "i2v", "GPU")
    assert arguments.search == "regdb_i2v"
    assert (arguments.settings.ms_mode, arguments.settings.optim) == ("PYNATIVE_MODE", "adam")


@pytest.mark.parametrize("parse", [parse_training, parse_evaluation])
def test_nothing_given_is_nothing_decided(parse: Callable[[list[str]], Arguments]) -> None:
    arguments = parse([])
    assert arguments.settings == Settings()
    assert (arguments.dataset, arguments.sysu_mode, arguments.regdb_mode) == ("SYSU", "all", "v2i")
    assert (arguments.resume, arguments.pretrain, arguments.tag, arguments.data_path) == (None, None, None, None)
    assert (arguments.start_epoch, arguments.save_period, arguments.gpus) == (1, 10, (0,))


def test_every_other_argument_of_the_release_is_understood() -> None:
    arguments = parse_training(
        shlex.split(
            "--gpu 1,3 --data_url obs://b/sysu -r runs/x --trial 3 --save_period 5 --warmup_steps 4 --start_decay 10 "
            "--end_decay 12 --decay_factor 0.5 --triloss CenterTri --batch_size 4 --num_pos 2 --test_batch 32 "
            "--img_w 64 --img_h 128 --arch resnet18 --z_dim 256 --drop 0.2 --margin 0.5 --start_epoch 2 "
            "--branch_name main --device_num 2 --run_distribute --parameter_server True"
        )
    )
    assert arguments.settings == Settings(
        trial=3,
        warmup_steps=4,
        start_decay=10,
        end_decay=12,
        decay_factor=0.5,
        triloss="CenterTri",
        batch_size=4,
        num_pos=2,
        test_batch=32,
        img_w=64,
        img_h=128,
        arch="resnet18",
        z_dim=256,
        drop=0.2,
        margin=0.5,
    )
    assert (arguments.gpus, arguments.data_url, arguments.resume) == ((1, 3), "obs://b/sysu", Path("runs/x"))
    assert (arguments.start_epoch, arguments.save_period, arguments.device_num) == (2, 5, 2)
    assert (arguments.run_distribute, arguments.parameter_server) == (True, True)


def test_evaluation_has_the_arguments_of_the_release_too() -> None:
    arguments = parse_evaluation(
        shlex.split(
            "--MSmode GRAPH_MODE --dataset RegDB --data_path d --device_target CPU --gpu 0 --device_id 0 "
            "--device_num 1 --resume x --regdb_mode i2v --trial 1 --test_batch 8 --img_w 64 --img_h 128 "
            "--arch resnet50 --z_dim 512 --epoch 80 --drop 0.2 --margin 0.3 --parameter-server False --tag toy "
            "--data_url s3://b --sysu_mode indoor"
        )
    )
    assert (arguments.resume, arguments.settings.trial, arguments.parameter_server) == (Path("x"), 1, False)


def test_an_empty_path_is_none() -> None:
    arguments = parse_training(["--pretrain", "", "--resume="])
    assert (arguments.pretrain, arguments.resume) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("--dataset Market", "--dataset: expected SYSU or RegDB, found 'Market'"),
        ("--sysu_mode outdoor", "--sysu_mode: expected all or indoor, found 'outdoor'"),
        ("--loss_func tri", "--loss_func: expected id or id+tri, found 'tri'"),
        ("--arch vgg16", "--arch: expected resnet18 or resnet34 or"),
        ("--epoch many", "--epoch: invalid int value: 'many'"),
        ("--save_period 0", "--save_period: expected a whole number from 1 on, found '0'"),
        ("--start_epoch -3", "--start_epoch: expected"),
        ("--gpu first", "--gpu: expected a whole number from 0 on, found 'first'"),
        ("--gpu 0,1,0", "--gpu: expected different indices, found 0,1,0"),
        ("--gpu 0,1 --device_num 3", "--gpu: expected 3 indices for --device_num 3, found 0,1"),
        ("--gpu 3 --device_num 2", "--gpu: expected 2 indices for --device_num 2, found 3"),
        ("--device_target Ascend --device_id 3 --device_num 2", "--device_id: expected 0 with --device_num 2, found 3"),
        ("--parameter_server perhaps", "--parameter_server: expected True or False, found 'perhaps'"),
        ("--tag ../x", "--tag: expected a name for a folder, found '../x'"),
        ("--lr", "--lr: expected one argument"),
        ("--learning_rate 1", "unrecognized arguments: --learning_rate 1; see"),
        ("--print_per_stp 1", "unrecognized arguments: --print_per_stp 1 (is it --print_per_step?); see"),
        ("--los-func=id", "unrecognized arguments: --los_func=id (is it --loss_func?); see"),
        ("something", "unrecognized arguments: something; see"),
    ],
)
def test_a_wrong_command_line_is_one_line(capsys: pytest.CaptureFixture[str], wrong: str, message: str) -> None:
    with pytest.raises(SystemExit) as end:
        parse_training(wrong.split())
    assert end.value.code == 2
    errors = capsys.readouterr().err
    assert errors.startswith("train.py: ")
    assert errors.count("\n") == 1
    assert message in errors


@pytest.mark.parametrize(
    ("parse", "given", "devices"),
    [
        (parse_training, "--gpu 0,1", 2),
        (parse_training, "--gpu 0 --device_num 2", 2),
        (parse_training, "--gpu 1,3 --device_num 2", 2),
        (parse_training, "--gpu 0,1 --device_target CPU", 1),
        (parse_training, "--gpu 3 --device_num 2 --device_target Ascend", 2),
        (parse_evaluation, "--gpu 0,1", 1),
        (parse_evaluation, "--gpu 0,1 --device_target GPU", 2),
    ],
)
def test_gpus_count_where_they_are_the_device(
    parse: Callable[[list[str]], Arguments], given: str, devices: int
) -> None:
    assert parse(given.split()).devices == devices


@pytest.mark.parametrize("module", ["training", "evaluation", "preprocessing"])
def test_help_comes_without_torch(module: str) -> None:
    code = (
        f"import sys; from mvd.original.{module} import main\n"
        "try: main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
