"""Three networks as their papers describe them: sizes to be computed, errors to be quoted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

Layer = tuple[str, int, int]
"""Name, inputs of a filter or unit, and number of filters or units; each has a bias, too."""


@dataclass(frozen=True)
class PaperNetwork:
    """A network, with the sections and tables of its paper that say so.

    Attributes:
        input: channels, height, and width.
        structure: its layers in words.
        layers: those with trained parameters.
        error: the authors' figure for one network, in percent.
        error_of: what the error is, and where the paper has it.
    """

    name: str
    year: int
    authors: str
    title: str
    url: str
    input: tuple[int, int, int]
    structure: str
    layers: tuple[Layer, ...]
    error: float
    error_of: str

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum((inputs + 1) * units for _, inputs, units in self.layers)


# Section II.B. Some of C3's filters see three of S2's six maps, some four, one all six (Table I); a
# map of S2 and S4 has one weight. The output layer's weights are fixed.
LENET = PaperNetwork(
    name="LeNet-5",
    year=1998,
    authors="LeCun, Bottou, Bengio, and Haffner",
    title="Gradient-Based Learning Applied to Document Recognition",
    url="https://doi.org/10.1109/5.726791",
    input=(1, 32, 32),
    structure="3 convolutions, 2 subsampling layers, 2 fully connected layers",
    layers=(
        ("C1", 5 * 5, 6),
        ("S2", 1, 6),
        ("C3", 3 * 5 * 5, 6),
        ("C3", 4 * 5 * 5, 9),
        ("C3", 6 * 5 * 5, 1),
        ("S4", 1, 16),
        ("C5", 16 * 5 * 5, 120),
        ("F6", 120, 84),
    ),
    error=0.95,
    error_of="of the digits in MNIST's test set (section III)",
)

# Section 3.5 and Figure 2. conv2, conv4, and conv5 were split over two GPUs, and each half saw only
# the maps of its own GPU; conv1's maps are 55×55, which leaves 6×6 for fc6.
ALEXNET = PaperNetwork(
    name="AlexNet",
    year=2012,
    authors="Krizhevsky, Sutskever, and Hinton",
    title="ImageNet Classification with Deep Convolutional Neural Networks",
    url="https://papers.nips.cc/paper_files/paper/2012/hash/"
    "c399862d3b9d6b76c8436e924a68c45b-Abstract.html",
    input=(3, 224, 224),
    structure="5 convolutions, 3 max-pooling layers, 3 fully connected layers",
    layers=(
        ("conv1", 3 * 11 * 11, 96),
        ("conv2", 48 * 5 * 5, 256),
        ("conv3", 256 * 3 * 3, 384),
        ("conv4", 192 * 3 * 3, 384),
        ("conv5", 192 * 3 * 3, 256),
        ("fc6", 256 * 6 * 6, 4096),
        ("fc7", 4096, 4096),
        ("fc8", 4096, 1000),
    ),
    error=18.2,
    error_of="top-5, of ILSVRC 2012's validation images (Table 2)",
)

# Configuration D of Table 1: 3×3 filters only, and 7×7 maps for the first fully connected layer.
_VGG_CHANNELS = (3, *(64,) * 2, *(128,) * 2, *(256,) * 3, *(512,) * 6)
VGG = PaperNetwork(
    name="VGG-16",
    year=2014,
    authors="Simonyan and Zisserman",
    title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
    url="https://arxiv.org/abs/1409.1556",
    input=(3, 224, 224),
    structure="13 convolutions, 5 max-pooling layers, 3 fully connected layers",
    layers=(
        *(("conv", 3 * 3 * inputs, filters) for inputs, filters in pairwise(_VGG_CHANNELS)),
        ("fc", 512 * 7 * 7, 4096),
        ("fc", 4096, 4096),
        ("fc", 4096, 1000),
    ),
    error=7.2,
    error_of="top-5, of ILSVRC 2012's validation images (Table 5)",
)

NETWORKS = (LENET, ALEXNET, VGG)
