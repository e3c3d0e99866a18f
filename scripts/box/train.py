"""Trains the model in the box, from nothing to `rendered.onnx` with its card.

Usage: python scripts/box/train.py runs/box [--steps 4000] [--threads 1] [--workers 1]

Renders people of the widest variety (`mvd.synthetic.VARIED_RIG`), trains a small network on them, tests it on rendered
people it has not seen, and writes rendered.onnx, rendered.json and rendered.md into the folder. Stopped and started
again, it goes on. The rate is constant after its warm-up and falls to zero over the last steps, so a run may be given
more `--steps` before it falls; `--from` starts from another run's weights.

Losses: cross-entropy over identities; batch-hard triplets among visible pictures; hetero-centre triplets between
visible and infrared. All of features after the BN neck, of unit length for the triplets, as in MVD.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from augment import Augment
from network import BoxNetwork
from pictures import MODALITIES, SENSORS, Pixels, render_people
from ship import ship
from testing import score_people
from torch import Tensor
from torch.nn import functional as F

from mvd.data.samples import Modality
from mvd.files.atomic import replacing
from mvd.losses import hetero_centre_triplet_loss, identity_loss, triplet_loss

HELD_OUT = 9000
"""The first of the identities that are tested on."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the weights.

    Attributes:
        seed: of the people, the weights and the training.
        people: identities trained on.
        steps: batches.
        identities, visible, infrared: identities in a batch, and pictures of each.
        rate: the peak learning rate of AdamW.
        warm_up: steps until it is reached.
        cool_down: share of the steps in which it falls to zero.
        decay: weight decay.
        cross: weight of the hetero-centre triplets.
        average: decay of the moving average of the weights, which is what is shipped.
    """

    seed: int = 20
    people: int = 5000
    steps: int = 4000
    identities: int = 20
    visible: int = 3
    infrared: int = 1
    rate: float = 3e-3
    warm_up: int = 200
    cool_down: float = 0.3
    decay: float = 0.05
    cross: float = 0.5
    average: float = 0.998


def main() -> None:
    """Render, train, test, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--from", dest="start", type=Path, help="folder of a run to start from")
    parser.add_argument("--pictures", type=Path, help="where rendered people are kept; OUT/pictures by default")
    parser.add_argument("--held-out", type=int, default=200, help="rendered people to test on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that render")
    parser.add_argument("--test-every", type=int, default=250)
    parser.add_argument("--stop-after", type=int, help="steps after which to stop, to go on later")
    for name, value in asdict(Settings()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    given = vars(parser.parse_args())
    settings = Settings(**{name: given[name] for name in asdict(Settings())})
    torch.set_num_threads(given["threads"])
    out, kept = given["out"], given["pictures"] or given["out"] / "pictures"
    held_out = render_people(kept, settings.seed, HELD_OUT, given["held_out"], workers=given["workers"], say=say)
    people = render_people(kept, settings.seed, 1, settings.people, workers=given["workers"], say=say)
    run = Run(out, settings, given["start"])
    run.train(people, held_out, test_every=given["test_every"], stop_after=given["stop_after"])
    if run.step == settings.steps:
        figures = score_people(run.averaged, held_out)
        ship(out, run.averaged, {"settings": asdict(settings), "minutes": run.seconds / 60, "held_out": figures,
                                 "pictures": settings.people * len(SENSORS), "threads": given["threads"]})  # fmt: skip
        say(f"wrote {out / 'rendered.onnx'}")


class Run:
    """A training with its state, in a folder.

    Args:
        folder: holds `last.pt` and `log.jsonl`; it is gone on from what is there.
        settings: what decides the weights.
        start: folder of another run whose averaged weights to start from.
    """

    def __init__(self, folder: Path, settings: Settings, start: Path | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings = folder, settings
        torch.manual_seed(settings.seed)
        self.network = _network(settings)
        self.averaged = _network(settings).eval()
        self.optimizer = _optimizer(self.network, settings)
        self.step, self.seconds = 0, 0.0
        last = folder / "last.pt"
        if last.exists():
            self._load(torch.load(last, weights_only=True))
        else:
            if start is not None:
                weights = torch.load(start / "last.pt", weights_only=True)["averaged"]
                own = self.network.state_dict()
                self.network.load_state_dict(
                    {k: weights[k] if weights[k].shape == v.shape else v for k, v in own.items()}
                )
            self.averaged.load_state_dict(self.network.state_dict())

    def train(self, people: list[Pixels], held_out: list[Pixels], *, test_every: int, stop_after: int | None) -> None:
        """Take the steps that are left, testing and saving now and then."""
        augment, began, sums = Augment(self.settings.seed), time.perf_counter(), dict[str, float]()
        end = min(self.settings.steps, stop_after or self.settings.steps)
        while self.step < end:
            pictures, labels, modalities = draw_batch(people, self.settings, self.step)
            images = augment(pictures, modalities, self.step)
            values = self._take_step(images, torch.from_numpy(labels), torch.from_numpy(modalities))
            self.step += 1
            sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
            if self.step % 50 == 0 or self.step == end:
                self.seconds += time.perf_counter() - began
                began, count = time.perf_counter(), (self.step - 1) % 50 + 1
                line: dict[str, Any] = {"step": self.step, "minutes": round(self.seconds / 60, 2)}
                line |= {name: round(value / count, 4) for name, value in sums.items()}
                sums = {}
                if self.step % test_every == 0 or self.step == end:
                    line |= score_people(self.averaged, held_out)
                    began = time.perf_counter()
                self._log(line)
                self._save()

    def _take_step(self, images: Tensor, labels: Tensor, modalities: Tensor) -> dict[str, float]:
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * rate_factor(settings, self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            seen = self.network(images)
        logits, unit = seen.logits.float(), F.normalize(seen.features.float())
        visible = modalities == Modality.VISIBLE
        terms = {
            "identity": identity_loss(logits, labels, smoothing=0.1),
            "triplet": triplet_loss(unit[visible], labels[visible], margin=0.3),
            "cross": hetero_centre_triplet_loss(unit, labels, modalities, margin=0.3),
        }
        total = terms["identity"] + terms["triplet"] + settings.cross * terms["cross"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        if not bool(torch.isfinite(total)):
            raise SystemExit(
                f"step {self.step}: expected a finite loss, found {total}; start again with a lower --rate"
            )
        accuracy = (logits.argmax(1) == labels).float().mean()
        return {name: value.item() for name, value in terms.items()} | {"accuracy": accuracy.item()}

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def _save(self) -> None:
        state = {"network": self.network.state_dict(), "averaged": self.averaged.state_dict(),
                 "optimizer": self.optimizer.state_dict(), "step": self.step, "seconds": self.seconds}  # fmt: skip
        with replacing(self.folder / "last.pt") as temporary:
            torch.save(state, temporary)

    def _load(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        say(f"going on at step {self.step}")

    def _log(self, line: dict[str, Any]) -> None:
        say(json.dumps(line))
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def draw_batch(
    people: list[Pixels], settings: Settings, step: int
) -> tuple[Pixels, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Draw a batch: pictures (B, H, W, 3), labels (B,), modalities (B,); everybody once in an epoch."""
    epoch, place = divmod(step, settings.people // settings.identities)
    order = np.random.default_rng([settings.seed, epoch]).permutation(settings.people)
    rng = np.random.default_rng([settings.seed, step, 1])
    chosen = order[place * settings.identities : (place + 1) * settings.identities]
    rows, size = [], len(people[0])
    for identity in chosen:
        for modality, count in ((Modality.VISIBLE, settings.visible), (Modality.INFRARED, settings.infrared)):
            own = rng.choice(np.flatnonzero(modality == MODALITIES), count, replace=False)
            rows += [(int(identity), int(place)) for place in own]
    pictures = np.stack([people[identity // size][identity % size, place] for identity, place in rows])
    labels, places = np.array(rows).T
    return pictures, labels, MODALITIES[places]


def rate_factor(settings: Settings, step: int) -> float:
    """Rise in a line, stay, fall in a line."""
    fall = max(1, round(settings.cool_down * settings.steps))
    return min(1.0, (step + 1) / settings.warm_up, (settings.steps - step) / fall)


def _network(settings: Settings) -> BoxNetwork:
    network = BoxNetwork(settings.people)
    # PyTorch's stubs do not know this argument of `Module.to`.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _optimizer(network: BoxNetwork, settings: Settings) -> torch.optim.Optimizer:
    matrices = [one for one in network.parameters() if one.requires_grad and one.ndim > 1]
    others = [one for one in network.parameters() if one.requires_grad and one.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.rate)


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
