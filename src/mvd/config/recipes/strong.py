"""`MVD_STRONG`: MVD with what lifts a ResNet-50 in later work, and its small twin."""

from __future__ import annotations

from mvd.config.data import AugmentConfig, DataConfig, SamplingConfig
from mvd.config.losses import LossConfig
from mvd.config.model import ModelConfig
from mvd.config.optimisation import EpochSchedule, OptimizerConfig
from mvd.config.recipes.small import small_twin
from mvd.config.run import RunConfig

CAJ_ERASED = (0.4914, 0.4822, 0.4465)
"""The value of an erased rectangle in CAJ's and MSCMNet's codes, after normalisation."""

MVD_STRONG = RunConfig(
    data=DataConfig(height=384, width=144, train_on="train+validation"),
    sampling=SamplingConfig(identities=6, pictures=4),
    augment=AugmentConfig(exchange=0.0, grey=0.5, erase_value=CAJ_ERASED, streams=4),
    model=ModelConfig(non_local=True, pooling="gem", metric_neck="before", descriptor_flip=True),
    losses=LossConfig(metric="quadruple", margin=0.7, unit_features=False),
    optimizer=OptimizerConfig(kind="sgd", lr=0.1, encoder_lr_scale=0.1, decay="all", ema=0.999),
    schedule=EpochSchedule(epochs=150, warmup_epochs=10.0, milestones=(21, 81)),
)
"""Three branches with VSD, VCD and VML, on top of what the strong ResNet-50 codes have in common; for a GPU.

Where each number comes from:

- four streams (colour or grey with probability 0.5; one channel; infrared; infrared brighter or darker), the erased
  value, the quadruple-centre loss with margin 0.7 on features before the BN neck, 6 identities × 4 pictures: MSCMNet,
  whose ablation has 76.3 / 71.8 on SYSU-MM01 with these and the identity loss alone;
- 384 × 144, SGD at 0.1, a tenth of it for the encoder, weight decay 5e-4 on all parameters, warm-up of 10 epochs,
  drops after 20 and 80: DEEN; 150 epochs: MSCMNet;
- non-local blocks and the generalised mean with p = 3: AGW, CAJ, DEEN and MSCMNet;
- flip at test: CAJ, DEEN and MSCMNet;
- last stride 1, label smoothing 0.1, VSD 2, VCD 2, weights of the branches: MVD's released codes; VML 1 as in "mvd";
- the average of the weights, 0.999: ours.

Encoders should start from ImageNet. A step is estimated at 28 GB in bf16, and at 10 GB with activations recomputed. It
has not been trained at this size here; docs/benchmark.md has what was measured of its small twin.
"""

MVD_STRONG_SMALL = small_twin(MVD_STRONG)
"""The small twin of `MVD_STRONG`, from random weights on a CPU (`small_twin`): the same parts and losses, the demo's
network, pictures, batch and optimizer. docs/benchmark.md has its figures beside those of other small twins.
"""
