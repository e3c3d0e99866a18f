"""Trains the model in the box, from nothing to `rendered.onnx` with its card.

Usage: python scripts/box/train.py runs/box [--steps 8000] [--threads 1] [--workers 1]

Renders people of the widest variety (`mvd.synthetic.VARIED_RIG`), trains a small network on them, tests it on rendered
people it has not seen, and writes rendered.onnx, rendered.json and rendered.md into the folder. Stopped and started
again, it goes on. The rate is constant after its warm-up and falls to zero over the last steps, so a run may be given
more or fewer `--steps` before it falls; `--from` starts from another run's weights. Pictures are small until then.

Losses, of descriptors of length 1: supervised contrastive over all pictures of a batch, which needs no classifier and
so any number of people, and the same over pairs of a visible and an infrared picture alone, so that telling modalities
apart earns nothing.
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
from box_augment import Augment
from box_network import HEIGHT, SMALL, WIDTH, BoxNetwork
from box_pictures import MODALITIES, SENSORS, Pixels, render_people
from box_ship import ship
from box_testing import score_people
from torch import Tensor
from torch.nn import functional as F

from mvd.data.samples import Modality
from mvd.files.atomic import replacing

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
        cool_down: share of the steps, the last, in which it falls to zero.
        full_size: share of the steps, the last, in which pictures have their full size.
        easy: steps after which all pictures are augmented in every way; until then their share grows from none.
        decay: weight decay.
        temperature: of the contrastive loss.
        cross: weight of the contrastive loss between the modalities.
        average: decay of the moving average of the weights, which is what is shipped.
    """

    seed: int = 20
    people: int = 5000
    steps: int = 8000
    identities: int = 20
    visible: int = 3
    infrared: int = 3
    rate: float = 1e-3
    warm_up: int = 50
    cool_down: float = 0.3
    full_size: float = 0.12
    easy: int = 3000
    decay: float = 0.05
    temperature: float = 0.12
    cross: float = 1.0
    average: float = 0.995


def main() -> None:
    """Render, train, test, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--from", dest="start", type=Path, help="folder of a run to start from")
    parser.add_argument("--pictures", type=Path, help="where rendered people are kept; OUT/pictures by default")
    parser.add_argument("--held-out", type=int, default=200, help="rendered people to test on")
    parser.add_argument("--video", type=Path, help="OpenCV's vtest.avi, to put figures on real people on the card")
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
        facts = {
            "steps": run.step,
            "stages": run.stages,
            "pictures": settings.people * len(SENSORS),
            "minutes": run.seconds / 60,
            "threads": given["threads"],
        }
        ship(out, run.averaged, held_out, facts, given["video"])
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
        self.network = _network()
        self.averaged = _network().eval()
        self.optimizer = _optimizer(self.network, settings)
        self.step, self.seconds, self.stages = 0, 0.0, list[dict[str, Any]]()
        last, before = folder / "last.pt", None
        if last.exists():
            self._load(torch.load(last, weights_only=True))
        else:
            if start is not None:
                begun = torch.load(start / "last.pt", weights_only=True)
                self.network.load_state_dict(begun["averaged"])
                earlier = begun["stages"][0]["from"]
                before = {"run": start.name, "steps": begun["step"] + (earlier["steps"] if earlier else 0)}
            self.averaged.load_state_dict(self.network.state_dict())
        now = asdict(settings)
        if not self.stages or self.stages[-1]["settings"] != now:
            self.stages.append({"step": self.step, "from": before, "settings": now})

    def train(self, people: list[Pixels], held_out: list[Pixels], *, test_every: int, stop_after: int | None) -> None:
        """Take the steps that are left, testing and saving now and then."""
        augment, began, sums = Augment(self.settings.seed), time.perf_counter(), dict[str, float]()
        end = min(self.settings.steps, stop_after or self.settings.steps)
        while self.step < end:
            pictures, labels, modalities = draw_batch(people, self.settings, self.step)
            is_last = self.step >= round((1 - self.settings.full_size) * self.settings.steps)
            size = (HEIGHT, WIDTH) if is_last else SMALL
            images = augment(pictures, modalities, self.step, size=size, share=self._hard())
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

    def _hard(self) -> float:
        """Return how hard the task is by now, from 0 to 1."""
        return min(1.0, self.step / self.settings.easy)

    def _take_step(self, images: Tensor, labels: Tensor, modalities: Tensor) -> dict[str, float]:
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * rate_factor(settings, self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            unit = F.normalize(self.network(images).float())
        terms = {
            "contrast": contrastive_loss(unit, labels, temperature=settings.temperature),
            "cross": contrastive_loss(unit, labels, modalities, temperature=settings.temperature),
        }
        total = terms["contrast"] + settings.cross * terms["cross"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        if not bool(torch.isfinite(total)):
            raise SystemExit(
                f"step {self.step}: expected a finite loss, found {total}; start again with a lower --rate"
            )
        with torch.no_grad():
            similarity = (unit @ unit.T).fill_diagonal_(-2)
            first = (labels[similarity.argmax(dim=1)] == labels).float().mean()
            across = similarity.masked_fill(modalities[:, None] == modalities, -2)
            first_across = (labels[across.argmax(dim=1)] == labels).float().mean()
        values = {name: value.item() for name, value in terms.items()}
        return values | {"rank-1": first.item(), "across": first_across.item()}

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "stages": self.stages,
        }
        with replacing(self.folder / "last.pt") as temporary:
            torch.save(state, temporary)

    def _load(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.stages = state["step"], state["seconds"], state["stages"]
        say(f"going on at step {self.step}")

    def _log(self, line: dict[str, Any]) -> None:
        say(json.dumps(line))
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def contrastive_loss(unit: Tensor, labels: Tensor, modalities: Tensor | None = None, *, temperature: float) -> Tensor:
    """Average the supervised contrastive loss (Khosla et al., NeurIPS 2020, equation 2) over a batch.

    For each picture, and each other of the same person: minus the log of its share among all other pictures, by
    exp(similarity / temperature).

    Args:
        unit: (B, D) features of length 1.
        labels: (B,); everybody at least twice, or once in each modality.
        modalities: (B,); if given, pictures are compared with those of the other modality alone.
        temperature: above 0.
    """
    itself = torch.eye(len(unit), dtype=torch.bool)
    compared = ~itself if modalities is None else modalities[:, None] != modalities
    logits = (unit @ unit.T / temperature).masked_fill(~compared, -torch.inf)
    positive = (labels[:, None] == labels) & compared
    log_share = logits.log_softmax(dim=1).masked_fill(~positive, 0.0)
    return -(log_share.sum(dim=1) / positive.sum(dim=1)).mean()


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
    falling = max(1, round(settings.cool_down * settings.steps))
    return min(1.0, (step + 1) / settings.warm_up, (settings.steps - step) / falling)


def _network() -> BoxNetwork:
    network = BoxNetwork()
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
