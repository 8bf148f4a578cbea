"""Three networks called AlexNet side by side, and the parameter count of the 2012 paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.text import dimensions

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer, Summary

# Layer, inputs per unit, and units in the 2012 paper. conv2, conv4, and conv5 were split over two
# GPUs, and each half saw only the maps of its own GPU; conv1's maps are 55×55, which leaves 6×6
# for fc6.
PAPER = (
    ("conv1", 3 * 11 * 11, 96),
    ("conv2", 48 * 5 * 5, 256),
    ("conv3", 256 * 3 * 3, 384),
    ("conv4", 192 * 3 * 3, 384),
    ("conv5", 192 * 3 * 3, 256),
    ("fc6", 256 * 6 * 6, 4096),
    ("fc7", 4096, 4096),
    ("fc8", 4096, 1000),
)


def paper_parameters() -> int:
    """Weights and biases of the network in the 2012 paper."""
    return sum((inputs + 1) * units for _, inputs, units in PAPER)


@st.cache_resource(show_spinner=False)
def summaries() -> dict[str, Summary]:
    """The three networks' measured layers, by the network's name."""
    import torch
    from torchvision.models import alexnet

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import summarize

    with torch.device("meta"):  # shapes need no values
        return {
            "This demo": summarize(AlexNet()),
            "The article, for ImageNet": summarize(AlexNet(num_classes=1000, in_channels=3)),
            "torchvision": summarize(alexnet(), (3, 224, 224)),
        }


def _with_parameters(summary: Summary) -> list[Layer]:
    return [layer for layer in summary.layers if layer.params]


def table() -> dict[str, list[str]]:
    """A column of layer names, then a column per network; the totals come last."""
    columns = {"Layer": [*(name for name, _, _ in PAPER), "parameters", "MACs per image"]}
    for name, summary in summaries().items():
        cells = map(_cell, _with_parameters(summary))
        columns[name] = [*cells, f"{summary.total_params:,}", f"{summary.total_macs:,}"]
    return columns


def _cell(layer: Layer) -> str:
    """Such as ``11×11 /4 → 96×54×54 · 11,712``."""
    text = f"{dimensions(layer.output_shape)} · {layer.params:,}"
    if layer.kernel is None:
        return text
    stride = f" /{layer.stride}" if layer.stride != 1 else ""
    return f"{layer.kernel}×{layer.kernel}{stride} → {text}"


def difference(network: Summary, other: Summary) -> dict[str, int]:
    """How many more parameters a network has than another, by part; fc7 is the same in all."""
    pairs = zip(_with_parameters(network), _with_parameters(other), strict=True)
    layers = [a.params - b.params for a, b in pairs]
    return {"convolutions": sum(layers[:5]), "fc6": layers[5], "fc8": layers[7]}


def as_sum(parts: dict[str, int]) -> str:
    """Such as ``23,232 (convolutions) + 4,056,030 (fc8) = 4,079,262``."""
    terms = " + ".join(f"{count:,} ({name})" for name, count in parts.items() if count)
    return f"{terms} = {sum(parts.values()):,}".replace("-", "−").replace("+ −", "− ")


def show() -> None:
    """The table, and the reasons for the differences."""
    with st.expander("Three AlexNets, and why “about 60 million”", icon=":material/compare:"):
        st.dataframe(table(), hide_index=True, height="content")
        st.caption("Window /stride → channels × height × width · parameters")
        demo, article, vision = summaries().values()
        st.markdown(
            f"""
- **The article's network for ImageNet** has three color channels instead of this demo's one gray
  channel, which affects conv1, and a thousand classes instead of ten, which affects fc8:
  {as_sum(difference(article, demo))} more parameters.
- **torchvision** follows Krizhevsky's later paper, *One weird trick* (2014). It has fewer channels
  (64 in conv1, 192 in conv2, 256 in conv4). Its conv1 is padded by two pixels, so its maps are
  55×55 and leave 6×6 for fc6 instead of 5×5: {as_sum(difference(vision, article))} more parameters.
- **“About 60 million”** is the network of the 2012 paper. It is padded as torchvision's is, and
  splits conv2, conv4, and conv5 over two GPUs, where each half sees only the maps of its own GPU:
  {paper_parameters():,} parameters. The article cites that figure, but the layers that it lists
  add up to {article.total_params:,}.
- **None of the three has the local response normalization** that the paper applied after conv1 and
  conv2 and credited with one point of accuracy; later work (VGG, 2014) found no benefit.
"""
        )
