"""Networks from elsewhere as run folders: the same descriptors and figures as where they come from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from models.released import fill, pictures
from shell import TINY, mvd, printed, refused
from weights.helpers import GOLDENS

from mvd.config.recipes import RECIPES
from mvd.models.factory import build_network
from mvd.models.state import restore_network
from mvd.runs import open_run, read_card
from mvd.weights import load_whole, read_weights, write_weights

FLAGS = tuple(flag for flag in TINY if not flag.startswith("--augment"))


@pytest.mark.parametrize(
    ("recipe", "to", "name"),
    [("mvd-mindspore", "mindspore", "mvd.ckpt"), ("mvd-cvpr21", "pytorch", "checkpoint.pth")],
)
def test_a_releases_network_has_the_figures_of_where_it_comes_from(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str, to: str, name: str
) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    assert mvd("train", people, "--recipe", recipe, "--data.train-on=train", "--out", run, *TINY) == 0
    best = open_run(run).best_checkpoint
    assert mvd("convert", best, tmp_path / name, "--to", to) == 0
    capsys.readouterr()
    assert mvd("import", tmp_path / name, again, people, "--recipe", recipe, "--data.train-on=train", *TINY) == 0
    text = printed(capsys)
    assert f"{len(read_weights(best).tensors)} tensors loaded into the network" in text
    assert "left over" not in text
    assert "note: " not in text
    # What cannot be seen from names and shapes is said.
    plain = ("import", tmp_path / name, tmp_path / "plain", people, *TINY)
    attention = ("--model.channel-attention",) if recipe == "mvd-cvpr21" else ()
    assert mvd(*plain, *attention, "--model.last-stride", "1" if recipe == "mvd-mindspore" else "2") == 0
    assert "note: networks of MVD's " in (text := printed(capsys))
    assert f"last_stride {RECIPES[recipe].model.last_stride}, " in text
    assert mvd("evaluate", again) == 0
    there, back = (json.loads((one / "evaluation-best.json").read_text())["results"] for one in (run, again))
    assert back == there
    card = read_card(open_run(again).best_checkpoint)
    assert card is not None
    assert (card.source, card.people, card.seed) == (name, 3, None)
    assert open_run(again).data.identities == (1, 2, 3)


def test_what_does_not_fit_is_one_line_and_leaves_nothing(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("train", people, "--out", tmp_path / "run", *TINY, "--evaluate=none") == 0
    best = open_run(tmp_path / "run").best_checkpoint
    message = refused(capsys, "import", best, tmp_path / "out", people, *TINY, "--model.z-dim=9")
    assert "other sizes of 'visible.bottleneck.layers.6.weight'" in message
    assert "optimizer" not in message
    (tmp_path / "junk.ckpt").write_bytes(b"junk")
    assert "junk.ckpt: expected weights" in refused(capsys, "import", tmp_path / "junk.ckpt", tmp_path / "out", people)
    assert not (tmp_path / "out").exists()


def test_pretrained_weights_say_what_was_matched(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("train", people, "--out", tmp_path / "run", *TINY, "--evaluate=none") == 0
    best = open_run(tmp_path / "run").best_checkpoint
    mvd("convert", best, tmp_path / "a.ckpt", "--to", "mindspore")
    capsys.readouterr()
    everybody = ("--data.train-on=train+validation", "--evaluate=none", "--pretrained", tmp_path / "a.ckpt")
    assert mvd("train", people, "--out", tmp_path / "more", *TINY, *everybody) == 0
    text = printed(capsys)
    assert "tensors loaded into the network" in text
    assert "note: replaced by new ones, for these are of another size: visible.neck.classifier.weight" in text
    assert 'note: weights of this kind are trained with padding "same", and this network pads as "pytorch"' in text
    assert "--model.padding same" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("golden", "recipe", "kind", "name"),
    [("net_mvdms", "mvd-mindspore", "mindspore", "a.ckpt"), ("net_mvdpt", "mvd-cvpr21", "pytorch", "a.tar")],
)
def test_files_of_the_releases_give_the_descriptors_of_the_releases(
    tmp_path: Path, golden: str, recipe: str, kind: str, name: str
) -> None:
    with np.load(GOLDENS / f"{golden}_params.npz") as params:
        named = zip(params["names"].tolist(), params["shapes"].tolist(), strict=True)
        arrays = {one: fill(one, shape, int(params["seed"])) for one, shape in named}
    write_weights(tmp_path / name, arrays, kind)  # type: ignore[arg-type]
    config = RECIPES[recipe].model
    network = build_network(config, 395)
    restore_network(network, load_whole(tmp_path / name, config).tensors, tmp_path)
    with np.load(GOLDENS / f"{golden}_eval.npz") as expected, torch.no_grad():
        descriptors = network.eval().embed(pictures(dict(expected)).float())
        gram = expected["similarity" if kind == "mindspore" else "descriptor_gram"]
    np.testing.assert_allclose((descriptors @ descriptors.T).numpy(), gram, rtol=0, atol=1e-4)
