"""The configuration of a run: everything that decides what a training run computes.

One frozen dataclass a concern, and `RunConfig` that holds them; no defaults live anywhere else. A configuration
is written into the run folder as JSON and read back whole, so a run can be continued or evaluated without its
command line. Values are checked once, when an instance is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias, get_args, get_origin

import cattrs
from cattrs.strategies import configure_tagged_union

from mvd.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pictures are trained on, and their size.

    Attributes:
        height: height in pixels to which pictures are resized.
        width: width in pixels to which pictures are resized.
        train_on: "train" leaves the validation identities to choose the best weights by; "train+validation" is
            what published figures on SYSU-MM01 are trained on, and leaves nobody to choose by: the last weights
            count.
        trial: which of RegDB's ten splits of the people, 1 to 10; other data sets have one split.
    """

    height: int = 288
    width: int = 144
    train_on: Literal["train", "train+validation"] = "train"
    trial: int = 1

    def __post_init__(self) -> None:
        _require(1 <= self.trial <= 10, "data.trial", "from 1 to 10", self.trial)
        _require(self.height >= 16, "data.height", "at least 16", self.height)
        _require(self.width >= 16, "data.width", "at least 16", self.width)


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How an identity batch is made: P identities, K visible and K infrared pictures of each.

    Attributes:
        identities: P, identities in a batch.
        pictures: K, pictures of each identity and modality; the batch holds 2·P·K.
        steps_per_epoch: batches in an epoch; 0 means as many as show each picture of the larger modality once on
            average.
    """

    identities: int = 8
    pictures: int = 4
    steps_per_epoch: int = 0

    def __post_init__(self) -> None:
        _require(
            self.identities >= 2, "sampling.identities", "at least 2 (a triplet needs a negative)", self.identities
        )
        _require(self.pictures >= 1, "sampling.pictures", "at least 1", self.pictures)
        _require(self.steps_per_epoch >= 0, "sampling.steps_per_epoch", "0 or more", self.steps_per_epoch)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes to a training picture, each drawn anew every time that it is shown.

    Attributes:
        pad: pixels of zero padding on each side, before a crop of the original size.
        flip: probability of mirroring left and right.
        exchange: probability that a visible picture shows one of its colour channels (or its grey) in all three:
            random channel exchange (Ye et al., ICCV 2021), with channel and grey equally likely.
        grey: probability that a visible picture is shown in grey, exchanged or not.
        erase: probability that a rectangle is overwritten with the data set's mean colour (random erasing, Zhong
            et al., AAAI 2020).
        erase_area: smallest and largest share of the picture that an erased rectangle covers.
    """

    pad: int = 10
    flip: float = 0.5
    exchange: float = 0.5
    grey: float = 0.0
    erase: float = 0.5
    erase_area: tuple[float, float] = (0.02, 0.4)

    def __post_init__(self) -> None:
        _require(self.pad >= 0, "augment.pad", "0 or more", self.pad)
        for name in ("flip", "exchange", "grey", "erase"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"augment.{name}", "a probability from 0 to 1", value)
        low, high = self.erase_area
        _require(0 < low <= high < 1, "augment.erase_area", "0 < smallest <= largest < 1", self.erase_area)


Descriptor: TypeAlias = Literal["observation", "representation", "both"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of the network.

    Attributes:
        arch: the encoder of each branch.
        base_width: channels of the encoder's first stage; 64 is the published ResNet.
        last_stride: stride of the encoder's last stage; 1 keeps a map twice as fine.
        padding: "pytorch" pads both sides alike; "same" is MindSpore's, which pads less before than after.
        third_norm: "mindspore" gives the last norm of each block that framework's ResNet constants.
        channel_attention: whether channels attend to each other before stages 2, 3 and 4, as in MVD's official PyTorch
            release.
        non_local: whether positions attend to each other after the last two blocks of stage 2 and the last three of
            stage 3, as in AGW.
        encoders: "mvd" is three: visible, infrared and shared; "shared" is the field's baseline: one, which every
            picture goes through once.
        stems: "specific" gives each modality a first stage of its own where there is one shared encoder, as in AGW;
            such a network needs to know the modality of each picture, also in test.
        shared_first: which the shared encoder of "mvd" sees first, the pictures as they are or the grey ones. Only
            running statistics depend on it.
        pooling: "average", or "gem" for the generalised mean.
        gem_p: order of the generalised mean, from 1, the average, to 10; the larger, the nearer to the maximum.
        neck_bias: whether the bias of the BN neck is trained.
        metric_neck: the side of the BN neck from which the metric loss takes observations; "before" is the field's
            baseline.
        bottleneck: whether branches have information bottlenecks, and so representations.
        bottleneck_widths: widths of the information bottleneck's two hidden layers.
        z_dim: width of the representation z.
        classifier_width: hidden width of the representation's classifier.
        dropout: probability of dropping a hidden unit of that classifier.
        grey_weights: weights of red, green and blue in the picture that the infrared passes see. They need not
            add up to 1: MindSpore's release has 0.1440 for blue.
        descriptor: what describes a picture in test, of each pass.
        descriptor_neck: the side of the BN neck from which descriptors take observations.
        descriptor_norm: whether each part of a descriptor is divided by its L2 norm before they are joined, or the
            whole after.
    """

    arch: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    base_width: int = 64
    last_stride: Literal[1, 2] = 1
    padding: Literal["pytorch", "same"] = "pytorch"
    third_norm: Literal["standard", "mindspore"] = "standard"
    channel_attention: bool = False
    non_local: bool = False
    encoders: Literal["mvd", "shared"] = "mvd"
    stems: Literal["shared", "specific"] = "shared"
    shared_first: Literal["colour", "grey"] = "colour"
    pooling: Literal["average", "gem"] = "average"
    gem_p: float = 3.0
    neck_bias: bool = False
    metric_neck: Literal["before", "after"] = "after"
    bottleneck: bool = True
    bottleneck_widths: tuple[int, int] = (1000, 500)
    z_dim: int = 512
    classifier_width: int = 256
    dropout: float = 0.5
    grey_weights: tuple[float, float, float] = (0.2989, 0.5870, 0.1140)
    descriptor: Descriptor = "observation"
    descriptor_neck: Literal["before", "after"] = "after"
    descriptor_norm: Literal["each", "whole"] = "each"

    def __post_init__(self) -> None:
        widths = (self.base_width, *self.bottleneck_widths, self.z_dim, self.classifier_width)
        _require(min(widths) >= 1, "model widths", "at least 1", widths)
        _require(0 <= self.dropout < 1, "model.dropout", "from 0 to below 1", self.dropout)
        # Of higher powers float32 does not hold the large ones.
        _require(1 <= self.gem_p <= 10, "model.gem_p", "from 1 to 10", self.gem_p)
        _require(
            self.stems == "shared" or self.encoders == "shared",
            "model.stems",
            '"shared", or model.encoders "shared" too: MVD has whole encoders for each modality',
            self.stems,
        )
        _require(
            self.bottleneck or self.descriptor == "observation",
            "model.descriptor",
            '"observation", or model.bottleneck: without one there are no representations',
            self.descriptor,
        )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is minimised: a weighted sum of named terms; a weight of 0 leaves a term out.

    Attributes:
        identity_weight: weight of the identity loss (cross-entropy).
        metric_weight: weight of the metric loss.
        vsd_weight: weight of variational self-distillation.
        vcd_weight: weight of variational cross-distillation.
        vml_weight: weight of variational mutual learning.
        cml_weight: weight of conventional mutual learning, the Sinkhorn distance between the classes that the two
            specific branches see; the PyTorch release has 8.
        metric: "triplet" is the batch-hard triplet loss, "centre" the hetero-centre triplet loss, "wrt" AGW's weighted
            triplet loss (no margin), "rank" the PyTorch release's rank loss.
        margin: margin of the triplet and the hetero-centre triplet loss, in Euclidean distance.
        rank_margins: margins of the rank loss within a modality and across, in Euclidean distance.
        rank_alphas: distances that the rank loss wants between two people, within a modality and across; pictures of
            one person shall be nearer than this less the margin.
        rank_temperature: how much more the nearest negatives count in the rank loss; 0 weighs them alike.
        unit_features: whether the metric loss sees features divided by their L2 norm, which is what ranking compares
            and what the PyTorch release does; the MindSpore release leaves them as they are.
        label_smoothing: share of the target that is spread over all classes.
        distillation: "paper" computes vsd and vcd as the paper defines them, "released" as the PyTorch release does,
            which draws the representations towards equal probabilities.
        temperature: divides the logits in the distillation terms; not in the released vcd.
        cml_eps: how much the Sinkhorn distance blurs the matching of pictures.
        cml_iterations: the most iterations of the Sinkhorn distance.
        specific: weight of the two modality-specific branches within the identity and metric losses.
        shared: weight of the two shared passes within the identity and metric losses.
    """

    identity_weight: float = 1.0
    metric_weight: float = 1.0
    vsd_weight: float = 2.0
    vcd_weight: float = 2.0
    vml_weight: float = 1.0
    cml_weight: float = 0.0
    metric: Literal["triplet", "centre", "wrt", "rank"] = "centre"
    margin: float = 0.3
    rank_margins: tuple[float, float] = (0.9, 1.0)
    rank_alphas: tuple[float, float] = (2.2, 2.0)
    rank_temperature: float = 1.0
    unit_features: bool = True
    label_smoothing: float = 0.1
    distillation: Literal["paper", "released"] = "paper"
    temperature: float = 1.0
    cml_eps: float = 0.01
    cml_iterations: int = 100
    specific: float = 0.5
    shared: float = 0.25

    def __post_init__(self) -> None:
        for name in ("identity", "metric", "vsd", "vcd", "vml", "cml"):
            weight = getattr(self, f"{name}_weight")
            _require(weight >= 0, f"losses.{name}_weight", "0 or more", weight)
        _require(self.margin >= 0, "losses.margin", "0 or more", self.margin)
        _require(min(self.rank_margins) >= 0, "losses.rank_margins", "0 or more", self.rank_margins)
        _require(min(self.rank_alphas) > 0, "losses.rank_alphas", "above 0", self.rank_alphas)
        _require(self.rank_temperature >= 0, "losses.rank_temperature", "0 or more", self.rank_temperature)
        _require(0 <= self.label_smoothing < 1, "losses.label_smoothing", "from 0 to below 1", self.label_smoothing)
        _require(self.temperature > 0, "losses.temperature", "above 0", self.temperature)
        _require(self.cml_eps >= 0.005, "losses.cml_eps", "at least 0.005", self.cml_eps)
        _require(self.cml_iterations >= 1, "losses.cml_iterations", "at least 1", self.cml_iterations)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How the weights are updated.

    Attributes:
        kind: "adam" (weight decay added to the gradient), "adamw" (decoupled) or "sgd" (Nesterov momentum 0.9).
        lr: peak learning rate.
        encoder_lr_scale: factor on the learning rate of the encoders, which may start from pre-trained weights.
        weight_decay: L2 coefficient.
        decay: "matrices" spares norms and biases, as is good practice; "all" spares nothing, as the released codes do.
        clip_norm: largest L2 norm of the gradient; 0 does not clip.
    """

    kind: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 3.5e-4
    encoder_lr_scale: float = 1.0
    weight_decay: float = 5e-4
    decay: Literal["matrices", "all"] = "matrices"
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        _require(self.lr > 0, "optimizer.lr", "above 0", self.lr)
        _require(self.encoder_lr_scale >= 0, "optimizer.encoder_lr_scale", "0 or more", self.encoder_lr_scale)
        _require(self.weight_decay >= 0, "optimizer.weight_decay", "0 or more", self.weight_decay)
        _require(self.clip_norm >= 0, "optimizer.clip_norm", "0 or more", self.clip_norm)


@dataclass(frozen=True, kw_only=True)
class CosineSchedule:
    """Linear warm-up, then half a cosine down to `final` times the peak.

    Attributes:
        epochs: epochs in all.
        warmup_epochs: epochs over which the rate rises from `warmup_start` times the peak.
        warmup_start: factor at the first step.
        final: factor at the last step.
    """

    epochs: int = 60
    warmup_epochs: float = 5.0
    warmup_start: float = 0.01
    final: float = 0.001

    def __post_init__(self) -> None:
        _require_warmup(self)
        _require(0 <= self.final <= 1, "schedule.final", "a factor from 0 to 1", self.final)


@dataclass(frozen=True, kw_only=True)
class StepSchedule:
    """Linear warm-up, then the peak rate multiplied by `gamma` at each milestone.

    Attributes:
        epochs: epochs in all.
        warmup_epochs: epochs over which the rate rises from `warmup_start` times the peak.
        warmup_start: factor at the first step.
        milestones: epochs (from 0) at whose beginning the rate drops.
        gamma: factor of each drop.
    """

    epochs: int = 80
    warmup_epochs: float = 10.0
    warmup_start: float = 0.1
    milestones: tuple[int, ...] = (20, 50)
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _require_warmup(self)
        _require_drops(self)


@dataclass(frozen=True, kw_only=True)
class EpochSchedule:
    """Both releases' kind: constant within an epoch, linear warm-up, then multiplied by `gamma` at each milestone.

    Epochs count from 1 here, and the warm-up's first epoch is one notch above its start. The values are those of the
    MindSpore release, which ends at 1e-13 times the peak; the PyTorch release has 600 epochs, a warm-up of 10 from
    0.01 and one milestone, 210.

    Attributes:
        epochs: epochs in all.
        warmup_epochs: the epoch that reaches the peak rate; the epochs before it lie on a line from `warmup_start`.
        warmup_start: factor that the line starts from, in an epoch 0 that nobody trains.
        milestones: epochs (from 1) at whose beginning the rate drops.
        gamma: factor of each drop.
    """

    epochs: int = 80
    warmup_epochs: float = 5.0
    warmup_start: float = 0.0
    milestones: tuple[int, ...] = tuple(range(15, 28))
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _require_warmup(self)
        _require_drops(self)


Schedule: TypeAlias = CosineSchedule | StepSchedule | EpochSchedule


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """On what and how a run is computed; changes speed and rounding, not the method.

    Attributes:
        device: "cpu"; "cuda", "cuda:1"; "mps"; "npu", "npu:1" (Ascend, with torch_npu); or any other device of PyTorch.
            "auto" takes the first that is there: CUDA, Ascend, Apple's MPS, the CPU.
        precision: "fp32" is float32 throughout; "tf32" lets a CUDA device multiply and convolve with TF32's 10 bits of
            mantissa; "bf16" is autocast to bfloat16. Parameters are float32 in all of them.
        deterministic: use only algorithms whose result is the same each time, and end with an error where there is
            none. On the CPU, runs repeat bit by bit without it.
        channels_last: keep activations channels-last, which convolutions prefer.
        compile: turn the network into a graph before training (`torch.compile`): minutes at the start, faster steps
            after.
        recompute: keep little of what the encoders compute and compute it again for the gradient: much less memory, a
            third more arithmetic, the same result.
        accumulate: parts in which a batch goes through the network, for want of memory; divides the identities of a
            batch, or of a process's share of it. Losses see the whole batch all the same; batch norm sees a part at a
            time, and the pictures pass twice.
        log_every: steps between log lines.
        validate_every: epochs between validations; a checkpoint is written at each, and after the last epoch.
        checkpoint_minutes: minutes after which a checkpoint is written in between, so that no more than their work is
            lost if the run is killed; 0 writes one after every step.
        embed_batch: pictures in a batch when descriptors are computed.
        workers: threads that decode pictures; 0 means one for each core.
    """

    device: str = "auto"
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    deterministic: bool = False
    channels_last: bool = True
    compile: bool = False
    recompute: bool = False
    accumulate: int = 1
    log_every: int = 10
    validate_every: int = 5
    checkpoint_minutes: float = 10.0
    embed_batch: int = 64
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("accumulate", "log_every", "validate_every", "embed_batch"):
            value = getattr(self, name)
            _require(value >= 1, f"runtime.{name}", "at least 1", value)
        _require(self.checkpoint_minutes >= 0, "runtime.checkpoint_minutes", "0 or more", self.checkpoint_minutes)
        _require(self.workers >= 0, "runtime.workers", "0 or more", self.workers)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run.

    Attributes:
        seed: decides initial weights, batches, augmentation and dropout.
        backend: the framework that computes.
    """

    seed: int = 0
    backend: Literal["pytorch"] = "pytorch"
    data: DataConfig = field(default_factory=DataConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: Schedule = field(default_factory=CosineSchedule)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**32, "seed", "from 0 to 2**32 - 1", self.seed)


def to_json(config: RunConfig) -> str:
    """Write a configuration as indented JSON."""
    return json.dumps(_converter().unstructure(config, RunConfig), indent=2) + "\n"


def from_json(text: str, source: str) -> RunConfig:
    """Read a configuration that `to_json` wrote.

    Args:
        text: the JSON.
        source: where it came from, for the error message.

    Raises:
        ConfigError: it is not JSON, or a field is unknown, missing its type or out of range; the field is named.
    """
    try:
        return _converter().structure(json.loads(text), RunConfig)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConfigError(f"{source}: expected JSON, found something else ({error})") from error
    except Exception as error:  # cattrs raises groups of whatever the fields raised
        problems = "; ".join(cattrs.transform_error(error, path="config", format_exception=_explain))
        raise ConfigError(f"{source}: expected the configuration of a run, found: {problems}") from error


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    # cattrs would turn the string "0.1" or true into a number without a word.
    for wanted, accepted in ((bool, (bool,)), (int, (int,)), (float, (float, int)), (str, (str,))):
        converter.register_structure_hook(wanted, partial(_strictly, accepted))
    converter.register_structure_hook_func(_is_literal, _one_of)
    # Last, because it compiles the hooks that are registered by then into its own.
    configure_tagged_union(Schedule, converter, tag_name="kind")
    return converter


def _is_literal(wanted: Any) -> bool:
    return get_origin(wanted) is Literal


def _one_of(value: Any, wanted: Any) -> Any:
    if value not in get_args(wanted):
        raise ValueError(f"expected one of {', '.join(map(str, get_args(wanted)))}, found {value!r}")
    return value


def _explain(error: BaseException, wanted: type | None) -> str:
    known = isinstance(error, ConfigError | ValueError) and not isinstance(error, KeyError)
    return str(error) if known and str(error) else cattrs.v.format_exception(error, wanted)


def _strictly(accepted: tuple[type, ...], value: Any, wanted: type) -> Any:
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise ValueError(f"expected {wanted.__name__}, found {value!r}")
    return wanted(value)


def _require_warmup(schedule: Schedule) -> None:
    _require(schedule.epochs >= 1, "schedule.epochs", "at least 1", schedule.epochs)
    _require(schedule.warmup_epochs >= 0, "schedule.warmup_epochs", "0 or more", schedule.warmup_epochs)
    _require(0 <= schedule.warmup_start <= 1, "schedule.warmup_start", "a factor from 0 to 1", schedule.warmup_start)


def _require_drops(schedule: StepSchedule | EpochSchedule) -> None:
    milestones = schedule.milestones
    _require(list(milestones) == sorted(set(milestones)), "schedule.milestones", "ascending", milestones)
    _require(schedule.gamma > 0, "schedule.gamma", "above 0", schedule.gamma)


def _require(condition: bool, name: str, expected: str, found: object) -> None:
    if not condition:
        raise ConfigError(f"{name}: expected {expected}, found {found}")
