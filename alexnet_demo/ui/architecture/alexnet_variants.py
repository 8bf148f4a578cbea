"""Three networks that go by the name AlexNet, side by side, and the 2012 paper's sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.text import dimensions

if TYPE_CHECKING:
    from alexnet_demo.network.summary import Layer, Summary

# Inputs of one unit, units, of the 2012 paper's layers: conv2, conv4 and conv5 were split in two
# halves, one a graphics card, and each half saw only its own card's maps; conv1's maps are 55×55,
# so that 6×6 are left for fc6.
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
    """The three networks, measured."""
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


def table() -> dict[str, list[str]]:
    """Columns: the layer, then what each network has there; the totals last."""
    found = summaries()
    names = [name for name, _, _ in PAPER]
    columns = {"Layer": [*names, "parameters", "MACs a picture"]}
    for title, summary in found.items():
        weighted = [layer for layer in summary.layers if layer.params]
        cells = [_cell(layer) for layer in weighted]
        columns[title] = [*cells, f"{summary.total_params:,}", f"{summary.total_macs:,}"]
    return columns


def _cell(layer: Layer) -> str:
    shape = dimensions(layer.output_shape)
    if layer.kernel is None:
        return f"{shape} · {layer.params:,}"
    window = f"{layer.kernel}×{layer.kernel}"
    window += f" /{layer.stride}" if layer.stride != 1 else ""
    return f"{window} → {shape} · {layer.params:,}"


@dataclass(frozen=True)
class Difference:
    """Parameters that a network has more than another, and where."""

    convolutions: int
    fc6: int
    fc8: int

    @property
    def total(self) -> int:
        return self.convolutions + self.fc6 + self.fc8

    def __str__(self) -> str:
        """As a sum, such as ``23,232 (convolutions) + 4,056,030 (fc8) = 4,079,262``."""
        parts = {"convolutions": self.convolutions, "fc6": self.fc6, "fc8": self.fc8}
        terms = [f"{count:,} ({name})" for name, count in parts.items() if count]
        return f"{' + '.join(terms)} = {self.total:,}".replace("-", "−").replace("+ −", "− ")


def difference(network: Summary, other: Summary) -> Difference:
    """What a network has more than another with as many layers; fc7 is 4096×4096 in all of them."""

    def held(summary: Summary) -> tuple[int, int, int]:
        weighted = [layer.params for layer in summary.layers if layer.params]
        return sum(weighted[:5]), weighted[5], weighted[7]

    here, there = held(network), held(other)
    return Difference(*(a - b for a, b in zip(here, there, strict=True)))


def show() -> None:
    """The table, and the reason for each difference."""
    with st.expander("Three AlexNets compared, and why “about 60 million”", icon=_ICON):
        st.dataframe(table(), hide_index=True, height="content")
        st.caption("Window and stride → channels × height × width · parameters")
        demo, article, vision = summaries().values()
        st.markdown(
            f"""
- **The article's network for ImageNet** has three colour channels where this demo has one grey
  one, which shows in conv1, and a thousand classes instead of ten, which shows in fc8:
  {difference(article, demo)} parameters more.
- **torchvision** follows Krizhevsky's later paper, *One weird trick* (2014). It has fewer channels
  (64 and 192 in front, 256 in conv4). Its conv1 has two pixels of padding, so its maps come out at
  55×55 and leave 6×6 for fc6, not 5×5: {difference(vision, article)} parameters more.
- **“About 60 million”** is the 2012 paper's own network. It pads as torchvision does, and splits
  conv2, conv4 and conv5 in halves for two graphics cards, each half seeing only its own card's
  maps: {paper_parameters():,} parameters. The article cites that figure, but the layers it lists
  come to {article.total_params:,}.
- **None of the three keeps local response normalisation**, which the paper had behind conv1 and
  conv2 and credited with a point of accuracy; later networks (VGG, 2014) found no gain in it.
"""
        )


_ICON = ":material/compare:"
