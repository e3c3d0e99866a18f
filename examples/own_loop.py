"""A custom training loop, with mvd's data set, sampler, augmentation, model, losses and metric.

    mvd synth people
    mvd prepare people --height 96 --width 48
    python examples/own_loop.py people

On a CPU its losses are those of `mvd train`, bit for bit: everything random follows from the seed and the step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.data import DataLoader

import mvd
from mvd.config.learning_rate import lr_factor


def train(data: str, config: mvd.RunConfig, device: str = "cpu") -> tuple[nn.Module, Iterator[dict[str, float]]]:
    """Return the network, and an iterator that takes a step each time and yields its losses by name."""
    size, layout = (config.data.height, config.data.width), torch.channels_last
    dataset = mvd.data.PictureDataset(data, "train", size=size)
    plan, seed = config.sampling, config.seed
    batches = {"identities": plan.identities, "pictures": plan.pictures, "steps": plan.steps_per_epoch}
    sampler = mvd.data.IdentitySampler(dataset.labels, dataset.modalities, seed=seed, **batches)
    loader = DataLoader(dataset, batch_sampler=sampler)
    augment = mvd.training.DeviceAugment(config.augment, seed=seed, memory_format=layout)
    objective = mvd.losses.build_objective(config)  # or the losses themselves: mvd.losses.VSD()(…) + …

    torch.manual_seed(seed)
    model: nn.Module = mvd.create_model(config, classes=len(dataset.classes))
    model = model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.optimizer.weight_decay}
    spared = {"params": [p for p in trained if p.ndim == 1]}
    optimizer = torch.optim.AdamW([decayed, spared], weight_decay=0.0, fused=True)  # type: ignore[arg-type]

    def steps() -> Iterator[dict[str, float]]:
        step = 0
        for epoch in range(config.schedule.epochs):
            sampler.set_epoch(epoch)
            model.train()
            for batch in loader:
                for group in optimizer.param_groups:
                    group["lr"] = config.optimizer.lr * lr_factor(config.schedule, step, len(sampler))
                images = augment(batch.image.to(device), batch.modality, step)
                torch.manual_seed((seed << 32) + step)  # of dropout
                losses = objective(model(images), batch.label.to(device), batch.modality.to(device))
                optimizer.zero_grad()
                torch.autograd.backward(losses.total)
                optimizer.step()
                step += 1
                yield {name: value.item() for name, value in {**losses.terms, "total": losses.total}.items()}

    return model, steps()


@torch.no_grad()
def evaluate(data: str, model: nn.Module, config: mvd.RunConfig, device: str = "cpu") -> dict[str, float]:
    """Compute rank-1, mAP and mINP of SYSU-MM01's all-search on the test people."""
    dataset = mvd.data.PictureDataset(data, "test", size=(config.data.height, config.data.width))
    normalise = mvd.training.DeviceAugment().eval()
    metric = mvd.metrics.CrossModalRetrieval("sysu/all-search/single-shot/seeded")
    for batch in DataLoader(dataset, batch_size=64):
        metric.update(model.eval()(normalise(batch.image.to(device))), batch.identity, batch.camera, batch.modality)
    return metric.compute()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    network, log = train(sys.argv[1], mvd.recipes["demo"])
    for number, values in enumerate(log, start=1):
        print(number, *(f"{name} {value:.3f}" for name, value in values.items()))
    print(evaluate(sys.argv[1], network, mvd.recipes["demo"]))
