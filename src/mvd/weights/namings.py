"""Naming schemes of weights: ours, those of both MVD releases, AGW's, and those of single ResNets.

    ours                              MindSpore release                         PyTorch release
    visible.encoder.conv1.weight      rgb_backbone.visible.conv1.weight         RGB_backbone.base.conv1.weight
    visible.encoder.bn1.running_var   rgb_backbone.visible.bn1.moving_variance  RGB_backbone.base.bn1.running_var
    visible.encoder.attention2.gamma  (none)                                    RGB_backbone.cam_256._cam_module.gamma
    visible.neck.norm.weight          rgb_backbone.visible.bottleneck.gamma     RGB_backbone.bottleneck.weight
    visible.neck.classifier.weight    rgb_backbone.visible.classifier.weight    RGB_backbone.classifier.0.weight
    visible.bottleneck.layers.0.bias  rgb_bottleneck.bottleneck.model.0.bias    RGB_Bottleneck.bottleneck.model.0.bias
    visible.bottleneck.classifier.4…  rgb_bottleneck.classifier.4…              RGB_Bottleneck.classifier.4…

A single ResNet has the names of torchvision, timm and our encoder, or those of MindSpore's model zoo: `bn1.gamma`,
`layer1.0.down_sample_layer.0.weight`, `end_point.weight`. MindCV's `down_sample.0` and the `conv_down_sample`,
`bn_down_sample` of MindSpore's detectors are read, but not written.

AGW's networks (and DDAG's, and others derived from their code) have three ResNets, of which the stems of two and the
stages of the third are used: `visible_module.visible.conv1`, `thermal_module.thermal.conv1`, `base_resnet.base.layer1`;
non-local blocks are `NL_2.0` …. They are read, but not written. Any naming is also recognised under the prefix of a
wrapper, such as `module.`, `backbone.` or `model.encoder.`.
"""

from __future__ import annotations

from dataclasses import dataclass

_RESNET_PARTS = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
_RESNET_SECTIONS = tuple((part, part) for part in _RESNET_PARTS)
_CAM = {2: "cam_256", 3: "cam_512", 4: "cam_1024"}


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The naming scheme of a framework or a release.

    Attributes:
        title: the framework or release.
        marks: names that a file of this naming contains all of, and a file of another naming does not.
        sections: pairs of prefixes, ours and theirs; the first match is used.
        mindspore: whether names have MindSpore's suffixes.
        whole: whether it names a whole network, not only an encoder.
        prefix: common prefix of all names in the file, such as "module.".
    """

    title: str
    marks: frozenset[str]
    sections: tuple[tuple[str, str], ...]
    mindspore: bool = False
    whole: bool = False
    prefix: str = ""


def _branch(
    ours: str, backbone: str, bottleneck: str, *, encoder: str, classifier: str = "classifier"
) -> tuple[tuple[str, str], ...]:
    """List the pairs of prefixes of a branch, ours and a release's."""
    return (
        (f"{ours}.neck.norm.", f"{backbone}.bottleneck."),
        (f"{ours}.neck.classifier.", f"{backbone}.{classifier}."),
        (f"{ours}.bottleneck.layers.", f"{bottleneck}.bottleneck.model."),
        (f"{ours}.bottleneck.classifier.", f"{bottleneck}.classifier."),
        *((f"{ours}.encoder.{part}", f"{encoder}.{part}") for part in _RESNET_PARTS),
    )


OURS = Naming(
    title="mvd",
    marks=frozenset({"shared.neck.classifier.weight"}),
    sections=tuple((f"{branch}.", f"{branch}.") for branch in ("visible", "infrared", "shared")),
    whole=True,
)
MINDSPORE_RELEASE = Naming(
    title="MVD's MindSpore release",
    marks=frozenset({"shared_backbone.base.conv1.weight", "shared_backbone.base.bn1.gamma"}),
    sections=tuple(
        section
        for ours, backbone, bottleneck in (
            ("visible", "rgb_backbone.visible", "rgb_bottleneck"),
            ("infrared", "ir_backbone.thermal", "ir_bottleneck"),
            ("shared", "shared_backbone.base", "shared_bottleneck"),
        )
        for section in _branch(ours, backbone, bottleneck, encoder=backbone)
    ),
    mindspore=True,
    whole=True,
)
PYTORCH_RELEASE = Naming(
    title="MVD's PyTorch release",
    marks=frozenset({"shared_backbone.base.conv1.weight", "shared_backbone.base.bn1.weight"}),
    sections=tuple(
        section
        for ours, theirs in (("visible", "RGB"), ("infrared", "IR"), ("shared", "shared"))
        for section in (
            *_branch(
                ours,
                f"{theirs}_backbone",
                f"{theirs}_Bottleneck",
                encoder=f"{theirs}_backbone.base",
                classifier="classifier.0",
            ),
            *((f"{ours}.encoder.attention{k}.", f"{theirs}_backbone.{cam}._cam_module.") for k, cam in _CAM.items()),
        )
    ),
    whole=True,
)
AGW = Naming(
    title="AGW",
    marks=frozenset(
        {
            "visible_module.visible.conv1.weight",
            "thermal_module.thermal.conv1.weight",
            "base_resnet.base.layer1.0.conv1.weight",
        }
    ),
    sections=(
        *((f"{part}.", f"visible_module.visible.{part}.") for part in ("conv1", "bn1")),
        *((f"infrared_stem.{part}.", f"thermal_module.thermal.{part}.") for part in ("conv1", "bn1")),
        # After the last two blocks of ResNet-50's stage 2, and the last three of its stage 3.
        *(
            (f"layer{stage}.{first + number}.non_local.{ours}.", f"NL_{stage}.{number}.{theirs}.")
            for stage, first, count in ((2, 2, 2), (3, 3, 3))
            for number in range(count)
            for ours, theirs in (("theta", "theta"), ("phi", "phi"), ("g", "g"), ("out", "W.0"), ("norm", "W.1"))
        ),
        *((f"layer{stage}.", f"base_resnet.base.layer{stage}.") for stage in (1, 2, 3, 4)),
    ),
)
RESNET = Naming(
    title="a ResNet of torchvision or timm",
    marks=frozenset({"conv1.weight", "bn1.weight"}),
    sections=(*_RESNET_SECTIONS, ("fc.", "fc.")),
)
MINDSPORE_RESNET = Naming(
    title="a ResNet of MindSpore",
    marks=frozenset({"conv1.weight", "bn1.gamma"}),
    sections=(*_RESNET_SECTIONS, ("fc.", "end_point."), ("fc.", "classifier.")),
    mindspore=True,
)
NAMINGS = (OURS, MINDSPORE_RELEASE, PYTORCH_RELEASE, AGW, RESNET, MINDSPORE_RESNET)
