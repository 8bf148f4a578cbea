"""The network of the article "AlexNet: The Breakthrough CNN", module for module."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from alexnet_demo.config import IMAGE_SIZE, PIXEL_MEAN, PIXEL_STD, channels


class AlexNet(nn.Module):
    """AlexNet for small grey pictures: 1×224×224 → 10 logits, 46,764,746 parameters.

    Five convolutions and three fully connected layers in one `nn.Sequential`, in the article's
    order and with PyTorch's default initialisation. Nothing here knows of training or devices.

    Args:
        num_classes: number of logits.
        in_channels: 1 for grey, 3 for RGB.
        width: multiplies the channels of every convolution and the units of fc6 and fc7.
        image_size: side of the square input in pixels; it decides fc6's number of inputs.

    Raises:
        ValueError: when a count is below 1 or the image is too small for the three pools.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        width: float = 1.0,
        image_size: int = IMAGE_SIZE,
    ) -> None:
        super().__init__()
        if num_classes < 1 or in_channels < 1 or width <= 0:
            raise ValueError("Classes, input channels and width must be positive.")
        c1, c2, c3, c5, units = channels(width)
        side = feature_side(image_size)
        # The shapes in the comments are those of the article: width 1, 224×224.
        self.net = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, c1, kernel_size=11, stride=4),  # → 96×54×54
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(kernel_size=3, stride=2),  # → 96×26×26
                conv2=nn.Conv2d(c1, c2, kernel_size=5, padding=2),  # → 256×26×26
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(kernel_size=3, stride=2),  # → 256×12×12
                conv3=nn.Conv2d(c2, c3, kernel_size=3, padding=1),  # → 384×12×12
                relu3=nn.ReLU(),
                conv4=nn.Conv2d(c3, c3, kernel_size=3, padding=1),  # → 384×12×12
                relu4=nn.ReLU(),
                conv5=nn.Conv2d(c3, c5, kernel_size=3, padding=1),  # → 256×12×12
                relu5=nn.ReLU(),
                pool5=nn.MaxPool2d(kernel_size=3, stride=2),  # → 256×5×5
                flatten=nn.Flatten(),  # → 6400
                fc6=nn.Linear(c5 * side * side, units),  # → 4096
                relu6=nn.ReLU(),
                drop6=nn.Dropout(),
                fc7=nn.Linear(units, units),  # → 4096
                relu7=nn.ReLU(),
                drop7=nn.Dropout(),
                fc8=nn.Linear(units, num_classes),  # → 10
            )
        )
        self.num_classes, self.in_channels = num_classes, in_channels
        self.width, self.image_size = width, image_size

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, in_channels, image_size, image_size) to logits (N, num_classes)."""
        return self.net(x)

    @torch.no_grad()
    def initialise_for_relu(self) -> None:
        """Weights that keep the signal's variance from layer to layer; biases of zero.

        After He et al., "Delving Deep into Rectifiers" (2015). conv1 begins as if its pictures,
        which are in [0, 1], were shifted and scaled to mean 0 and variance 1: it has no padding, so
        its weights can hold both. fc8 begins small, so that the first losses are.
        """
        for module in self.net:
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        first, *_, last = (m for m in self.net if isinstance(m, (nn.Conv2d, nn.Linear)))
        first.weight /= PIXEL_STD
        first.bias = nn.Parameter(-PIXEL_MEAN * first.weight.sum(dim=(1, 2, 3)))
        nn.init.normal_(last.weight, std=0.01)

    @property
    def settings(self) -> dict[str, int | float]:
        """The arguments that build this network again."""
        return {
            "num_classes": self.num_classes,
            "in_channels": self.in_channels,
            "width": self.width,
            "image_size": self.image_size,
        }


def feature_side(image_size: int) -> int:
    """Side of pool5's square feature map for a square input, both in pixels.

    Follows the output size ⌊(side + 2·padding − kernel)/stride⌋ + 1 through conv1 and the
    three pools; the other convolutions keep the side.

    Raises:
        ValueError: when nothing would be left for the fully connected layers.
    """
    side = (image_size - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    if side < 1:
        raise ValueError(
            f"An input of {image_size}×{image_size} is too small: conv1 and the three pools "
            "need at least 67×67 pixels."
        )
    return side


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters())
