"""The published training step in its plain form: the reference of `benchmarks/step.py`.

Written from a description of the official PyTorch release, not from its source: pictures are converted to tensors one
by one on the CPU; grey versions are computed there too, picture by picture, from the normalised tensor; four passes in
float32, with channels-first activations; the rank loss loops over the batch, for each of eight heads; Sinkhorn
synchronises with the device after each iteration to test for convergence; Adam loops over the parameters. All losses
equal those of the recipe `mvd-cvpr21`, which tests/training/test_switches.py verifies.

Shapes: B pictures in a batch, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.config import LossConfig, RunConfig
from mvd.data.augment import AugmentDraws
from mvd.data.images import MEAN, STD
from mvd.models.attention import ChannelAttention
from mvd.models.mvd import MVD
from mvd.models.outputs import MVDOutput, Pass, Prediction


class PlainAttention(ChannelAttention):
    """Channel attention with every weight of its softmax, however small."""

    def forward(self, x: Tensor) -> Tensor:
        """Attend over the channels of a map (B, C, h, w); the result is like it."""
        channels = x.flatten(2)
        energy = channels @ channels.transpose(1, 2)
        weights = (energy.amax(dim=2, keepdim=True) - energy).softmax(dim=2)
        attended: Tensor = self.gamma * (weights @ channels).view(x.shape)
        return attended + x


class PlainStep:
    """A network, its optimiser and a step.

    Args:
        network: MVD, as it is before training; on its device.
        config: has the losses, the padding of the crop and the learning rate.
    """

    def __init__(self, network: MVD, config: RunConfig) -> None:
        self.network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for module in network.modules():
            if isinstance(module, ChannelAttention):
                module.__class__ = PlainAttention
        self.config = config
        self.device = next(network.parameters()).device
        self.optimizer = torch.optim.Adam(
            [parameter for parameter in network.parameters() if parameter.requires_grad],
            lr=config.optimizer.lr,
            weight_decay=config.optimizer.weight_decay,
            foreach=False,
        )

    def __call__(
        self,
        pictures: npt.NDArray[np.uint8],
        draws: AugmentDraws,
        labels: npt.NDArray[np.int64],
        modalities: npt.NDArray[np.int64],
    ) -> float:
        """Take a step with pictures (B, H, W, 3), augmented as drawn; labels and modalities are (B,).

        Returns:
            The loss before the step.
        """
        images = torch.stack([self.picture(one, draws, row) for row, one in enumerate(pictures)])
        grey = torch.stack([self.grey(image) for image in images])
        images, grey = images.to(self.device), grey.to(self.device)
        output = self.forward(images, grey)
        loss = self.loss(output, torch.from_numpy(labels).to(self.device), modalities)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item()

    def picture(self, picture: npt.NDArray[np.uint8], draws: AugmentDraws, row: int) -> Tensor:
        """Crop and mirror a picture (H, W, 3) and normalise it: (3, H, W)."""
        pad, (height, width) = self.config.augment.pad, picture.shape[:2]
        padded = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)))
        top, left = draws.top[row], draws.left[row]
        cropped = padded[top : top + height, left : left + width]
        if draws.flip[row]:
            cropped = cropped[:, ::-1]
        tensor = torch.from_numpy(cropped.transpose(2, 0, 1).copy()).float() / 255
        return (tensor - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]

    def grey(self, image: Tensor) -> Tensor:
        """Show the grey of a normalised picture (3, H, W) in all three channels."""
        red, green, blue = self.config.model.grey_weights
        luma = red * image[0] + green * image[1] + blue * image[2]
        return torch.stack([luma, luma, luma])

    def forward(self, images: Tensor, grey: Tensor) -> MVDOutput:
        """Take the four passes."""
        network = self.network.train()
        visible, infrared = network.visible(images), network.infrared(grey)
        shared_infrared, shared_visible = network.shared(grey), network.shared(images)
        return MVDOutput(visible, infrared, shared_visible, shared_infrared)

    def loss(self, output: MVDOutput, labels: Tensor, modalities: npt.NDArray[np.int64]) -> Tensor:
        """Weigh all losses of a batch."""
        config = self.config.losses
        total = torch.zeros((), device=labels.device)
        for weight, heads in ((config.specific, output.specific_heads), (config.shared, output.shared_heads)):
            for head in heads:
                total = total + weight * self.head_loss(head, labels, modalities)
        total = total + config.vsd_weight * (_released_kl(output.visible) + _released_kl(output.infrared))
        crossed = [
            _released_term(output.shared_visible.logits[0], output.shared_infrared.logits[1]),
            _released_term(output.shared_infrared.logits[0], output.shared_visible.logits[1]),
        ]
        total = total + config.vcd_weight * 0.5 * (crossed[0] + crossed[1])
        return total + config.cml_weight * _sinkhorn(output, config)

    def head_loss(self, head: Prediction, labels: Tensor, modalities: npt.NDArray[np.int64]) -> Tensor:
        """Identity and rank loss of a head."""
        config = self.config.losses
        identity = F.cross_entropy(head.logits, labels, label_smoothing=config.label_smoothing)
        ranked = _rank_loss(F.normalize(head.features), labels, modalities.tolist(), config)
        return config.identity_weight * identity + config.metric_weight * ranked


def _rank_loss(features: Tensor, labels: Tensor, modalities: list[int], config: LossConfig) -> Tensor:
    squares = features.square().sum(dim=1, keepdim=True)
    distances = (squares + squares.T - 2 * features @ features.T).clamp(min=1e-12).sqrt()
    modality = torch.tensor(modalities, device=labels.device)
    total = torch.zeros((), device=labels.device)
    for row in range(len(labels)):
        same = labels == labels[row]
        same_modality = modality == modality[row]
        for group, margin, alpha in zip(
            (same_modality, ~same_modality), config.rank_margins, config.rank_alphas, strict=True
        ):
            positives = same & group
            positives[row] = False
            near = torch.relu(distances[row][positives] - (alpha - margin))
            total = total + near.sum() / (len(near) + 1e-5)
            negatives = distances[row][~same & group]
            negatives = negatives[negatives < alpha]
            weights = torch.exp(config.rank_temperature * (alpha - negatives))
            total = total + (weights * (alpha - negatives)).sum() / (weights.sum() + 1e-5)
    return total / len(labels)


def _released_kl(branch: Pass) -> Tensor:
    return _released_term(*branch.logits)


def _released_term(observation: Tensor, representation: Tensor) -> Tensor:
    return F.kl_div(observation.detach().softmax(dim=1), representation.softmax(dim=1), reduction="none").mean()


def _sinkhorn(output: MVDOutput, config: LossConfig) -> Tensor:
    p = output.infrared.observation.logits.double().softmax(dim=1)
    q = output.visible.observation.logits.double().softmax(dim=1)
    cost = (p[:, None] - q[None, :]).square().sum(dim=2)
    size, eps = len(p), config.cml_eps
    marginal = torch.full((size,), 1.0 / size, dtype=torch.float64, device=p.device)
    u, v = torch.zeros_like(marginal), torch.zeros_like(marginal)
    for _ in range(config.cml_iterations):
        before = u
        u = eps * (torch.log(marginal + 1e-8) - _log_sum((u[:, None] + v[None, :] - cost) / eps)) + u
        v = eps * (torch.log(marginal + 1e-8) - _log_sum((u[:, None] + v[None, :] - cost).T / eps)) + v
        if (u - before).abs().sum().item() < 0.1:
            break
    plan = torch.exp((u[:, None] + v[None, :] - cost) / eps)
    return (plan * cost).sum().float()


def _log_sum(values: Tensor) -> Tensor:
    return torch.log(values.exp().sum(dim=1) + 1e-6)
