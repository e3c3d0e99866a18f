"""The command lines of the MindSpore release's train.py and eval.py.

All arguments of its README, its scripts and its code are supported under their names, with hyphens or underscores;
choices ignore case. Arguments that affect a run's computation are None by default; `settings` has their defaults.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias, get_args, get_type_hints

from mvd.config import EpochSchedule, ModelConfig
from mvd.files.names import one_line
from mvd.original.settings import RELEASE, SGD_LR, Settings

DeviceTarget: TypeAlias = Literal["GPU", "Ascend", "CPU", "Cloud"]
Framework: TypeAlias = Literal["mindspore", "pytorch"]

_NO_EFFECT = "of no effect: training is over"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """A command line; docs/from-the-original.md lists its arguments.

    Attributes:
        settings: the arguments that affect a run's computation.
        data_path: folder of the data set; None if not given.
        data_url: address that the target Cloud copies from.
        device_target: None if not given.
        framework: None if not given.
        gpus: indices of GPUs; (0,) for the targets CPU and Ascend.
        resume: run folder, or weights file of the whole network.
        tag: name of the run; None if not given.
        pretrain: file or URL of ResNet weights.
        start_epoch: the epoch, from 1, at which training continues from a weights file.
        save_period: number of epochs between kept checkpoints.
    """

    settings: Settings
    dataset: Literal["SYSU", "RegDB"]
    data_path: Path | None
    data_url: str | None
    device_target: DeviceTarget | None
    framework: Framework | None
    gpus: tuple[int, ...]
    device_id: int
    device_num: int
    run_distribute: bool
    parameter_server: bool
    resume: Path | None
    sysu_mode: Literal["all", "indoor"]
    regdb_mode: Literal["v2i", "i2v"]
    tag: str | None
    pretrain: str | None = None
    start_epoch: int = 1
    save_period: int = 10

    @property
    def mode(self) -> str:
        """The search on SYSU-MM01, or the direction on RegDB."""
        return self.sysu_mode if self.dataset == "SYSU" else self.regdb_mode

    @property
    def search(self) -> str:
        """Data set and mode, such as "sysu_all" or "regdb_v2i", as in the scripts' names."""
        return f"{self.dataset.lower()}_{self.mode}"

    @property
    def devices(self) -> int:
        """Number of devices that share the run, with one process each."""
        return max(self.device_num, len(self.gpus))


def parse_training(arguments: Sequence[str]) -> Arguments:
    """Parse the command line of train.py, without the program's name; an error is one line and exit code 2."""
    parser = _Parser("train.py", "Train as the MindSpore release of MVD does; see docs/from-the-original.md.")
    _add_common(parser, "GPU", "whether the network is compiled first (GRAPH_MODE)")
    _add_training(parser)
    parser.add("resume", _path, "a run folder to continue, or a file of weights to start from", "-r")
    return _read(parser, arguments, "GPU")


def parse_evaluation(arguments: Sequence[str]) -> Arguments:
    """Parse the command line of eval.py, without the program's name; an error is one line and exit code 2."""
    parser = _Parser("eval.py", "Evaluate as the MindSpore release of MVD does; see docs/from-the-original.md.")
    _add_common(parser, "CPU", "whether MindSpore compiles the network first (GRAPH_MODE)")
    parser.add("epoch", int, _NO_EFFECT)
    parser.add("margin", float, _NO_EFFECT)
    parser.add("resume", _path, "what to evaluate: a run folder, or a file of weights", "-r")
    return _read(parser, arguments, "CPU")


def parse_preprocessing(arguments: Sequence[str]) -> Path:
    """Parse the command line of pre_process_sysu.py, and return the data's folder; errors are as of train.py."""
    parser = _Parser("pre_process_sysu.py", "Prepare SYSU-MM01's pictures for train.py.")
    parser.add("data_path", Path, "SYSU-MM01's folder", required=True)
    data: Path = parser.parse_args([_underscored(argument) for argument in arguments]).data_path
    return data


class _Parser(ArgumentParser):
    """A parser whose arguments have names with underscores, and whose errors are one line."""

    def __init__(self, program: str, description: str) -> None:
        super().__init__(prog=program, description=description)

    def add(self, name: str, kind: Callable[[str], Any], meaning: str, *aliases: str, **more: Any) -> None:
        self.add_argument(*aliases, f"--{name}", type=kind, help=meaning, **{"metavar": name.upper(), **more})

    def choose(self, name: str, choices: Sequence[str], meaning: str, **more: Any) -> None:
        self.add(name, _one_of(choices), meaning, **{"metavar": "{" + ",".join(choices) + "}", **more})

    def error(self, message: str) -> NoReturn:
        line = f"{self.prog}: {message}{self._hint(message)}; see: python {self.prog} --help"
        print(one_line(line), file=sys.stderr)
        raise SystemExit(2)

    def _hint(self, message: str) -> str:
        """Suggest the argument that is most similar to a misspelt one."""
        _, _, unknown = message.partition("unrecognized arguments: --")
        near = unknown and get_close_matches("--" + re.split("[ =]", unknown)[0], self._option_string_actions, 1)
        return f" (is it {near[0]}?)" if near else ""


def _add_common(parser: _Parser, default: DeviceTarget, compiling: str) -> None:
    data, sampling, model = RELEASE.data, RELEASE.sampling, RELEASE.model
    parser.choose("dataset", ("SYSU", "RegDB"), "the data set (SYSU)", default="SYSU")
    parser.add("data_path", Path, "its folder (data)")
    parser.add("data_url", str, "where to copy it from first, with --device_target Cloud: s3://…, obs://…, file://…")
    parser.choose("sysu_mode", ("all", "indoor"), "search on SYSU-MM01 (all)", default="all")
    parser.choose("regdb_mode", ("v2i", "i2v"), "direction on RegDB (v2i)", default="v2i")
    parser.add("trial", int, f"RegDB's split, 1 to 10 ({data.trial})")
    parser.add("img_h", int, f"height of the pictures in pixels ({data.height})")
    parser.add("img_w", int, f"width of the pictures in pixels ({data.width})")
    parser.add("batch_size", int, f"identities in a batch ({sampling.identities})")
    parser.add("num_pos", int, f"pictures of each identity and modality in a batch ({sampling.pictures})")
    parser.add("test_batch", int, f"pictures in a batch when they are embedded ({RELEASE.runtime.embed_batch})")
    parser.choose("MSmode", ("GRAPH_MODE", "PYNATIVE_MODE"), compiling, dest="ms_mode")
    parser.choose("device_target", get_args(DeviceTarget), f"device ({default}); Cloud: the accelerator that is there")
    parser.choose(
        "framework",
        get_args(Framework),
        "what computes (MindSpore on Ascend and the CPU where it is installed, else PyTorch); ours",
    )
    parser.add("gpu", _numbers, "index of the GPU, with --device_target GPU (0)", dest="gpus", default=(0,))
    parser.add("device_id", _from(0), "index of the Ascend device, with --device_target Ascend (0)", default=0)
    parser.add("device_num", _from(1), "devices that share a run (1)", default=1)
    parser.add_argument("--run_distribute", action="store_true", help="share a run among --device_num devices")
    parser.add("parameter_server", _yes_or_no, "MindSpore's; there is none here", nargs="?", const=True, default=False)
    parser.choose("arch", get_args(get_type_hints(ModelConfig)["arch"]), f"the encoder ({model.arch})")
    parser.add("z_dim", int, f"width of the representation ({model.z_dim})")
    parser.add("drop", float, f"dropout in its classifier ({model.dropout})")
    parser.add("tag", _name, "name of the run's folder below runs/ (such as sysu_all)")


def _add_training(parser: _Parser) -> None:
    optimizer, schedule = RELEASE.optimizer, RELEASE.schedule
    assert isinstance(schedule, EpochSchedule)
    people = ("train", "train+validation")
    parser.choose("train_on", people, "identities to train on; not in the original, which has train+validation (train)")
    parser.choose("loss_func", ("id", "id+tri"), "cross-entropy, or that and a triplet loss (id+tri)")
    parser.choose("triloss", ("OriTri", "CenterTri"), "batch-hard triplet loss, or the one of centres (OriTri)")
    parser.add("margin", float, f"margin of the triplet loss ({RELEASE.losses.margin})")
    parser.choose("optim", ("adam", "sgd"), f"the optimizer ({optimizer.kind})")
    rates = f"{optimizer.lr} for adam, {SGD_LR} for sgd"
    parser.add("lr", float, f"peak learning rate ({rates}); a tenth of it for encoders")
    parser.add("epoch", int, f"epochs in all ({schedule.epochs})")
    parser.add("warmup_steps", int, f"the epoch that reaches the peak learning rate ({schedule.warmup_epochs:g})")
    parser.add("start_decay", int, f"first epoch in which the rate drops ({schedule.milestones[0]})")
    parser.add("end_decay", int, f"last epoch in which the rate drops ({schedule.milestones[-1]})")
    parser.add("decay_factor", float, f"factor of each drop ({schedule.gamma})")
    parser.add("pretrain", _text, "ResNet-50 weights for the encoders: a file, or with --device_target Cloud a URL")
    parser.add("start_epoch", _from(1), "the epoch at which the weights of a file continue (1)", default=1)
    parser.add("save_period", _from(1), "epochs between the checkpoints that are kept (10)", default=10)
    parser.add("print_per_step", int, f"steps between lines in the result file ({RELEASE.runtime.log_every})")
    parser.add("branch_name", str, "noted among the arguments in the result file, and nowhere else", dest="noted")


def _read(parser: _Parser, arguments: Sequence[str], default: DeviceTarget) -> Arguments:
    given = vars(parser.parse_args([_underscored(argument) for argument in arguments]))
    given.pop("noted", None)
    target = given["device_target"] or default
    if target in ("CPU", "Ascend"):
        given["gpus"] = (0,)
    decisive = {field.name: given.pop(field.name) for field in fields(Settings) if field.name in given}
    read = Arguments(settings=Settings(**decisive), **given)
    if wrong := _misnumbered(read, target):
        parser.error(wrong)
    return read


def _misnumbered(arguments: Arguments, target: DeviceTarget) -> str | None:
    """Say why the indices of devices do not go together with --device_num; processes take devices from 0 on."""
    gpus, count = arguments.gpus, arguments.device_num
    listed = ",".join(map(str, gpus))
    if len(set(gpus)) < len(gpus):
        return f"argument --gpu: expected different indices, found {listed}"
    if count > 1 and gpus != (0,) and len(gpus) != count:
        return f"argument --gpu: expected {count} indices for --device_num {count}, found {listed}"
    if count > 1 and target == "Ascend" and arguments.device_id != 0:
        return (
            f"argument --device_id: expected 0 with --device_num {count}, found {arguments.device_id}; several "
            f"processes take the devices of ASCEND_RT_VISIBLE_DEVICES, from the first on"
        )
    return None


def _underscored(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value if name.startswith("--") else argument


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def choose(text: str) -> str:
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        raise ArgumentTypeError(f"expected {' or '.join(choices)}, found {text!r}")

    return choose


def _from(smallest: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or int(text) < smallest:
            raise ArgumentTypeError(f"expected a whole number from {smallest} on, found {text!r}")
        return int(text)

    return count


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_from(0)(part.strip()) for part in text.split(","))


def _yes_or_no(text: str) -> bool:
    return _one_of(("True", "False"))(text) == "True"


def _text(text: str) -> str | None:
    return text or None  # the original uses an empty text for None


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _name(text: str) -> str:
    if text in ("", ".", "..") or "/" in text or "\\" in text:
        raise ArgumentTypeError(f"expected a name for a folder, found {text!r}")
    return text
