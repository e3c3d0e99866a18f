"""`MVD_STRONG`: MVD with a shared trunk and the changes that improved it on rendered people, and its small twin."""

from __future__ import annotations

from dataclasses import replace

from mvd.config.data import DataConfig
from mvd.config.losses import LossConfig
from mvd.config.model import ModelConfig
from mvd.config.optimisation import EpochSchedule, OptimizerConfig
from mvd.config.recipes.small import small_twin
from mvd.config.run import RunConfig

CAJ_ERASED = (0.4914, 0.4822, 0.4465)
"""The value of an erased rectangle in CAJ's and MSCMNet's codes, after normalisation."""

MVD_STRONG = RunConfig(
    data=DataConfig(height=384, width=144, train_on="train+validation"),
    model=ModelConfig(trunk=3, descriptor_flip=True),
    losses=LossConfig(contrastive_weight=1.0),
    optimizer=OptimizerConfig(kind="sgd", lr=0.1, encoder_lr_scale=0.1, decay="all", ema=0.999),
    schedule=EpochSchedule(epochs=150, warmup_epochs=10.0, milestones=(21, 81)),
)
"""Three branches with VSD, VCD and VML on a shared trunk, with the changes that helped on rendered people; for a GPU.

Sources of the numbers:

- augmentation, batches and the other losses are those of "mvd";
- the supervised contrastive loss beside the hetero-centre triplets: Khosla et al., NeurIPS 2020, with their temperature
  of 0.1; of all changes it helps the small twin most;
- the first three stages of the encoders are shared (MGN, Wang et al., ACM MM 2018, shares two and the first block of
  the third): a step needs a quarter less arithmetic (38 % less for a ResNet-18 with stride 2 in the last stage), and
  weights and activations a fifth less memory;
- flip at test: CAJ, DEEN and MSCMNet; the average of the weights, 0.999: ours;
- 384 × 144, SGD at 0.1, a tenth of it for the encoder, weight decay 5e-4 on all parameters, warm-up of 10 epochs,
  drops after 20 and 80: DEEN; 150 epochs: MSCMNet.

Omitted, since the small twin was worse with them at an equal budget (docs/LOG.md): four streams; strips; and, tried
together, non-local blocks, grey pictures, coloured erasing and the quadruple-centre loss on features before the neck.
Omitted, since five seeds showed no gain (docs/benchmark.md): generalised-mean pooling.

Encoders should be pre-trained on ImageNet. A step needs 9.8 GB in bf16 on an H100, 11 as estimated; 20 GB are estimated
in float32. The recipe has not been trained at this size; docs/benchmark.md has the results of its small twin.
"""

_TWIN = small_twin(MVD_STRONG)

MVD_STRONG_SMALL = replace(_TWIN, augment=replace(_TWIN.augment, erase=0.0, pad=0))
"""The small twin of `MVD_STRONG`, from random weights on a CPU (`small_twin`): the same parts and losses, the demo's
network, pictures, batch and optimizer.

Augmentation is flips and channel exchange alone: in a short training, random erasing and crops cost more than they give
(docs/benchmark.md, Augmentation).
"""
