"""The training state of a run, and the training step as one graph.

Shapes: B batch, H × W pixels, T loss terms, P passes of the network.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import numpy.typing as npt
from mindspore import Tensor, nn, ops

from mvd.config import RunConfig
from mvd.data.pictures import Pictures
from mvd.mindspore.inference.embed import Embedding, embed_pictures
from mvd.mindspore.losses.objective import Objective, accuracy
from mvd.mindspore.models.factory import Network, our_parameters
from mvd.mindspore.models.state import initial_network, network_tensors, overlay, restore_network
from mvd.mindspore.training.optim import Optimizer
from mvd.runs import OPTIMIZER_PREFIX, Tensors

_COUNTER = ".num_batches_tracked"
_IN_TRAINING = f"{OPTIMIZER_PREFIX}weights/"  # `mvd.training.average`


def _in_training(tensors: Tensors) -> set[str]:
    return {name for name in tensors if name.startswith(_IN_TRAINING)}


class _Loss(nn.Cell):
    """Compute the losses of a batch."""

    def __init__(self, network: Network, objective: Objective) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.objective = network, objective
        self.names = objective.names

    def construct(self, images: Tensor, labels: Tensor, modalities: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network.outputs(images, keep)
        total, terms = self.objective(output, labels, modalities)
        values = [ops.stop_gradient(terms[name]) for name in self.names]
        values.append(ops.stop_gradient(total))
        values.append(ops.stop_gradient(accuracy(output, labels)))
        return total, ops.stack(values)


class Step(nn.Cell):
    """A training step: losses, gradients and update. In GRAPH_MODE it is compiled as a whole at the first call.

    Attributes:
        names: names of the returned values: the loss terms, "total" and "accuracy".
    """

    def __init__(self, network: Network, objective: Objective, optimizer: Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.loss, self.optimizer = _Loss(network, objective), optimizer
        self.parameters = optimizer.parameters
        self.names = (*objective.names, "total", "accuracy")

    def construct(self, images: Tensor, labels: Tensor, modalities: Tensor, keep: Tensor, scalars: Tensor) -> Tensor:
        """Take a step.

        Args:
            images: (B, 3, H, W), normalised.
            labels: (B,) int32.
            modalities: (B,) int32.
            keep: (P, B, classifier width), dropout masks; without dropout ones (P, 1, 1), since None cannot be passed
                to a differentiated function.
            scalars: result of `Optimizer.scalars`.

        Returns:
            (T + 2,), the values in the order of `names`.
        """
        differentiated = mindspore.value_and_grad(self.loss, None, self.parameters, has_aux=True)
        (_, values), gradients = differentiated(images, labels, modalities, keep)
        self.optimizer(gradients, scalars)
        return values


class TrainState:
    """The state that a run carries from step to step; a `mvd.training.checkpoint.Trainable`.

    Args:
        config: configuration of the run.
        classes: number of training identities.
        objective: the weighted sum of the losses.

    Attributes:
        network: the network; its initial weights are determined by the configuration and its seed.
        optimizer: optimizer of its parameters.
        step: number of steps taken.
        best: the best validation mAP so far.
        best_step: the step of that validation.
    """

    def __init__(self, config: RunConfig, classes: int, objective: Objective) -> None:
        self.network = initial_network(config, classes)
        self.optimizer = Optimizer(our_parameters(self.network), config.optimizer)
        self._embedding = Embedding(self.network)
        self.take = Step(self.network, objective, self.optimizer)
        self.step = 0
        self.best: float | None = None
        self.best_step: int | None = None
        self._taken = 0  # steps since the run was started or restored
        self._counters: dict[str, int] = {}  # batch counters of the norms at that point

    def advance(self, images: Tensor, labels: Tensor, modalities: Tensor, keep: Tensor, lr: float) -> Tensor:
        """Take a step with a learning rate; arguments and result as for `Step`."""
        self.take.set_train(True)
        values: Tensor = self.take(images, labels, modalities, keep, self.optimizer.scalars(lr))
        self.optimizer.taken += 1
        self._taken += 1
        return values

    def kept(self) -> AbstractContextManager[object]:
        """Return a context that changes nothing: the network's own weights are validated and saved."""
        return nullcontext()

    def network_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy parameters and running statistics to the host, by the names of `mvd.weights`."""
        arrays = network_tensors(self.network)
        passes = 2 if hasattr(self.network, "visible") else 1
        for name in arrays:
            if name.endswith(_COUNTER):  # as PyTorch's batch norms count
                seen = self._taken * (passes if name.startswith("shared.") else 1)
                arrays[name] = np.array(self._counters.get(name, 0) + seen, np.int64)
        return arrays

    def training_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy the optimizer's state to the host, as "optimizer/<parameter>/<entry>"."""
        return self.optimizer.arrays()

    def restore(self, tensors: Tensors, source: Path) -> None:
        """Restore network and optimizer from a checkpoint of either framework.

        Raises:
            CheckpointError: the checkpoint does not fit the network.
        """
        restore_network(self.network, tensors, source)
        averaged = _in_training(tensors)
        # The run had an average of the weights, and no longer has.
        overlay(self.network, {name.removeprefix(_IN_TRAINING): tensors[name] for name in averaged})
        self.optimizer.restore({name: values for name, values in tensors.items() if name not in averaged})
        self._counters = {name: int(value) for name, value in tensors.items() if name.endswith(_COUNTER)}

    def embed(
        self, config: RunConfig, pictures: Pictures, modalities: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Embed pictures with the current weights: (N, D)."""
        return embed_pictures(self._embedding, config.runtime, pictures)
