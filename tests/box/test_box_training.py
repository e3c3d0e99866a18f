"""The training of the model in the box: its loss against slow code, and a run that is stopped and goes on."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from mvd.training.device_augment import normalise_tensor

Pixels = npt.NDArray[np.uint8]

FOLDER = Path(__file__).parents[2] / "scripts" / "box"


@pytest.fixture(scope="module")
def train() -> ModuleType:
    """The script, whose folder is on no path but its own."""
    sys.path.insert(0, str(FOLDER))
    try:
        # Not as "train", which is another program of this repository.
        spec = importlib.util.spec_from_file_location("box_train", FOLDER / "train.py")
        assert spec is not None
        assert spec.loader is not None
        script = importlib.util.module_from_spec(spec)
        sys.modules["box_train"] = script  # where its dataclass looks itself up
        spec.loader.exec_module(script)
    finally:
        sys.path.remove(str(FOLDER))
    return script


@pytest.fixture
def people(train: ModuleType) -> list[Pixels]:
    shape = (6, len(train.SENSORS), 144, 72, 3)
    return [np.random.default_rng(0).integers(0, 256, shape, np.uint8)]


def test_the_contrastive_loss_is_the_papers(train: ModuleType) -> None:
    unit = F.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)))
    labels = [0, 0, 1, 1, 1, 2, 2]
    rows = []
    for i in range(7):
        others = [torch.exp(unit[i] @ unit[a] / 0.2) for a in range(7) if a != i]
        shares = [
            torch.exp(unit[i] @ unit[p] / 0.2) / sum(others) for p in range(7) if p != i and labels[p] == labels[i]
        ]
        rows.append(-torch.stack(shares).log().mean())
    found = train.contrastive_loss(unit, torch.tensor(labels), temperature=0.2)
    assert found.item() == pytest.approx(torch.stack(rows).mean().item(), rel=1e-5)


def test_the_contrastive_loss_across_modalities_compares_only_those(train: ModuleType) -> None:
    unit = F.normalize(torch.randn(6, 5, generator=torch.Generator().manual_seed(1)))
    labels, modalities = [0, 0, 0, 1, 1, 1], [0, 0, 1, 0, 1, 1]
    rows = []
    for i in range(6):
        others = [a for a in range(6) if modalities[a] != modalities[i]]
        whole = sum(torch.exp(unit[i] @ unit[a] / 0.2) for a in others)
        shares = [torch.exp(unit[i] @ unit[p] / 0.2) / whole for p in others if labels[p] == labels[i]]
        rows.append(-torch.stack(shares).log().mean())
    found = train.contrastive_loss(unit, torch.tensor(labels), torch.tensor(modalities), temperature=0.2)
    assert found.item() == pytest.approx(torch.stack(rows).mean().item(), rel=1e-5)


def test_grey_pictures_are_compared_by_the_shared_half_alone(train: ModuleType) -> None:
    pictures = torch.randint(0, 256, (4, 96, 48, 3), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    pictures[1:3] = pictures[1:3, ..., :1]
    network = sys.modules[train.BoxNetwork.__module__]
    with torch.inference_mode():
        program = network.Program(network.BoxNetwork(base_width=4)).eval()
        found, mirrored = program(pictures), program(pictures.flip(2))
    assert torch.allclose(found, mirrored, atol=1e-6)
    assert found.norm(dim=1) == pytest.approx(1, abs=1e-5)
    shared, colour = found.chunk(2, dim=1)
    assert colour.norm(dim=1) == pytest.approx(np.array([0.5**0.5, 0, 0, 0.5**0.5]), abs=1e-5)
    cosine = F.cosine_similarity(shared[0], shared[1], dim=0)
    assert (found[0] @ found[1]).item() == pytest.approx(cosine.item() * 0.5**0.5, abs=1e-5)
    # What JPEG makes of grey is grey; the dullest of real colours is none.
    dull = pictures[1:2].clone()
    dull[..., 0] = dull[..., 0].clamp(max=251) + 4
    images = normalise_tensor(torch.cat([pictures[1:2], dull]).float())
    assert network.colourfulness(images).tolist() == pytest.approx([0, 1], abs=1e-4)


def test_a_batch_holds_pictures_of_each_person_in_each_modality(train: ModuleType, people: list[Pixels]) -> None:
    settings = train.Settings(people=6, identities=3, visible=3, infrared=1)
    pictures, labels, modalities = train.draw_batch(people, settings, 1)
    assert pictures.shape == (12, 144, 72, 3)
    assert sorted(np.unique(labels, return_counts=True)[1]) == [4, 4, 4]
    assert modalities.reshape(3, 4).sum(axis=1).tolist() == [1, 1, 1]
    first = train.draw_batch(people, settings, 0)[1]
    assert set(first) | set(labels) == set(range(6))  # an epoch shows everybody
    assert np.array_equal(train.draw_batch(people, settings, 1)[0], pictures)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    train: ModuleType, people: list[Pixels], tmp_path: Path
) -> None:
    settings = train.Settings(people=6, identities=3, infrared=1, steps=4, easy=2, warm_up=2)
    ways = {"whole": (None,), "parts": (2, None)}
    for name, stops in ways.items():
        for stop in stops:
            train.Run(tmp_path / name, settings, None).train(people, people, test_every=100, stop_after=stop)
    whole, parts = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ways)
    assert whole["step"] == parts["step"] == 4
    assert all(torch.equal(whole["averaged"][key], parts["averaged"][key]) for key in whole["averaged"])


def test_the_rate_rises_stays_and_falls(train: ModuleType) -> None:
    settings = replace(train.Settings(), steps=100, warm_up=10, cool_down=0.2)
    factors = [train.rate_factor(settings, step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10:80] == [1.0] * 70
    assert factors[-1] == pytest.approx(0.05)
