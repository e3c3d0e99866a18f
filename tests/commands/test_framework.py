"""The framework of a run: how it is chosen, and one line where it is not installed."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from shell import mvd

import mvd as mvd_package
from mvd.commands.engine import Engine, choose_framework, fit_machine, load_engine
from mvd.commands.weights.export import export
from mvd.config import Machine, RunConfig, RuntimeConfig, from_json, to_json
from mvd.errors import ConfigError
from mvd.original.arguments import parse_evaluation, parse_training
from mvd.original.devices import choose_device, describe_framework
from mvd.original.devices import choose_framework as choose_for_target
from mvd.runs import RunData, create_run

CPU = RunConfig(runtime=RuntimeConfig(device="cpu"))


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make it look as if, of the frameworks, these are installed."""
    find = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> ModuleSpec | None:
        if name in ("torch", "mindspore"):
            return ModuleSpec(name, None) if name in packages else None
        return find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)


@pytest.mark.parametrize(
    ("packages", "chosen"),
    [((), "pytorch"), (("torch",), "pytorch"), (("mindspore",), "mindspore"), (("torch", "mindspore"), "pytorch")],
)
def test_pytorch_comes_first_and_mindspore_where_it_is_alone(
    monkeypatch: pytest.MonkeyPatch, packages: tuple[str, ...], chosen: str
) -> None:
    install(monkeypatch, *packages)
    assert choose_framework(CPU).framework == chosen
    asked = replace(CPU, framework="mindspore")
    assert choose_framework(asked) is asked


def test_a_framework_that_is_missing_is_one_line_that_says_how_to_get_it_or_to_do_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, "torch")
    with pytest.raises(ConfigError) as caught:
        load_engine(replace(CPU, framework="mindspore"))
    assert str(caught.value) == (
        "framework: expected the package mindspore, found none; install it: pip install 'mvd[mindspore]' (Python 3.10 "
        "to 3.12), or compute in pytorch: --framework pytorch"
    )
    install(monkeypatch)
    with pytest.raises(ConfigError, match=r"package torch, found none; install it: pip install 'mvd\[torch\]'$"):
        load_engine(replace(CPU, framework="pytorch"))


@pytest.mark.parametrize("engine", ["training", "mindspore"])
def test_both_engines_have_all_of_the_protocol(engine: str) -> None:
    # Read, not imported: MindSpore need not be installed.
    tree = ast.parse((Path(mvd_package.__file__).parent / engine / "engine.py").read_text(encoding="utf-8"))
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    offered = set(ast.literal_eval(assigned["__all__"]))
    assert offered == {name for name in vars(Engine) if not name.startswith("_")}


def test_a_run_of_the_other_framework_is_used_in_the_one_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "torch")
    _, config, lines = fit_machine(replace(CPU, framework="mindspore"), Machine())
    assert config.framework == "pytorch"
    assert lines == ("framework: pytorch; the run was trained with mindspore",)
    assert fit_machine(replace(CPU, framework="pytorch"), Machine())[2] == ()
    with pytest.raises(ConfigError, match="expected the package mindspore, found none"):
        fit_machine(replace(CPU, framework="pytorch"), Machine(framework="mindspore"))


def test_the_framework_is_a_field_of_the_configuration() -> None:
    assert from_json(to_json(replace(CPU, framework="mindspore")), "config.json").framework == "mindspore"
    with pytest.raises(ConfigError, match=r"expected one of auto, pytorch, mindspore, found 'jax'"):
        from_json('{"framework": "jax"}', "config.json")


def test_the_flags_reach_every_verb(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, "torch")
    described = RunData(root=str(tmp_path), prepared="data", dataset="sysu", identities=(1, 2))
    run = create_run(tmp_path / "run", replace(CPU, framework="pytorch"), described, replace=False)
    run.checkpoint("last").parent.mkdir()
    run.checkpoint("last").touch()
    for words in (
        ("train", tmp_path, "--framework", "mindspore"),
        ("train", "--resume", run.path, "--framework", "mindspore"),
        ("evaluate", run.path, "--framework", "mindspore"),
    ):
        capsys.readouterr()
        assert mvd(*map(str, words)) == 1
        error = capsys.readouterr().err
        assert "expected the package mindspore, found none" in error
        assert len(error.splitlines()) == 1


def test_a_program_is_written_by_the_framework_of_its_format(tmp_path: Path) -> None:
    described = RunData(root="data", prepared="data", dataset="sysu", identities=(1, 2))
    run = create_run(tmp_path / "run", replace(CPU, framework="pytorch"), described, replace=False)
    with pytest.raises(ConfigError, match="expected fp32 with format mindir, found fp16"):
        export(run.path, format="mindir", variants=("fp16",))
    with pytest.raises(ConfigError, match="expected onnx with framework pytorch, found mindir, which mindspore writes"):
        export(run.path, format="mindir", machine=Machine(framework="pytorch"))


@pytest.mark.parametrize(
    ("target", "packages", "chosen"),
    [
        ("Ascend", ("torch", "mindspore"), "mindspore"),
        ("CPU", ("torch", "mindspore"), "mindspore"),
        ("GPU", ("torch", "mindspore"), "pytorch"),
        ("Cloud", ("torch", "mindspore"), "pytorch"),
        ("Cloud", ("mindspore",), "mindspore"),
        ("Ascend", ("torch",), "pytorch"),
    ],
)
def test_the_originals_programs_take_mindspore_on_its_own_devices_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, target: str, packages: tuple[str, ...], chosen: str
) -> None:
    install(monkeypatch, *packages)
    for parse in (parse_training, parse_evaluation):
        arguments = parse(["--device_target", target])
        assert arguments.device_target is not None
        assert choose_for_target(arguments, arguments.device_target) == chosen
        for asked in ("pytorch", "mindspore"):
            given = parse(["--device_target", target, "--framework", asked])
            assert choose_for_target(given, arguments.device_target) == asked


def test_several_devices_share_a_run_in_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "torch", "mindspore")
    arguments = parse_training(["--device_target", "Ascend", "--device_num", "2"])
    assert choose_for_target(arguments, "Ascend") == "pytorch"


def test_the_cloud_leaves_it_to_mindspore_to_find_ascend(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "mindspore")
    assert choose_device(parse_training(["--device_target", "Cloud"]), "Cloud") == "auto"


def test_the_first_line_of_a_log_names_framework_and_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvd.original.devices.version", lambda package: {"torch": "2.13", "mindspore": "2.10"}[package])
    graph = replace(CPU, framework="mindspore", runtime=RuntimeConfig(compile=True))
    assert describe_framework(graph) == "Framework: MindSpore 2.10, GRAPH_MODE"
    pynative = replace(graph, runtime=RuntimeConfig(compile=False))
    assert describe_framework(pynative) == "Framework: MindSpore 2.10, PYNATIVE_MODE"
    assert describe_framework(replace(CPU, framework="pytorch")) == "Framework: PyTorch 2.13"
