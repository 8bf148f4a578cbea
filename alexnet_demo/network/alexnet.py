"""The network of the article "AlexNet: The Breakthrough CNN", module for module."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from alexnet_demo.settings.article import IMAGE_SIZE, PIXEL_MEAN, PIXEL_STD
from alexnet_demo.settings.schedule import channels

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
_seeding = Lock()  # PyTorch's initialization draws from one generator for all threads


class AlexNet(nn.Module):
    """AlexNet for small grayscale images: 1×224×224 → 10 logits, 46,764,746 parameters.

    Five convolutions and three fully connected layers in one `nn.Sequential`, in the article's
    order and with PyTorch's default initialization. Knows nothing of training or devices.

    Args:
        num_classes: number of logits.
        in_channels: 1 for grayscale, 3 for RGB.
        width: multiplies the channels of every convolution and the units of fc6 and fc7.
        image_size: side of the square input in pixels; determines fc6's number of inputs.
        norm: batch normalization after every convolution, for training only: `fuse_batchnorm`
            turns it into the article's network with the same function.
        activation: a name in `ACTIVATIONS`; the article's is ReLU. The layers are named after it.

    Raises:
        ValueError: when a count is below 1, the image is too small for the three pools, or the
            activation is unknown.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        width: float = 1.0,
        image_size: int = IMAGE_SIZE,
        norm: bool = False,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        if num_classes < 1 or in_channels < 1 or width <= 0:
            raise ValueError("Classes, input channels and width must be positive.")
        if activation not in ACTIVATIONS:
            raise ValueError(f"Activation must be one of {', '.join(ACTIVATIONS)}.")
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
        if activation != "relu":
            self.net = nn.Sequential(_replace_relu(self.net, activation))
        if norm:
            self.net = nn.Sequential(_add_batchnorm(self.net))
        self.activation = activation
        self.num_classes, self.in_channels = num_classes, in_channels
        self.width, self.image_size, self.norm = width, image_size, norm

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, in_channels, image_size, image_size) to logits (N, num_classes)."""
        return self.net(x)

    @torch.no_grad()
    def initialize_he(self) -> None:
        """He initialization: keeps the signal's variance from layer to layer; biases are 0.

        After He et al., "Delving Deep into Rectifiers" (2015), with PyTorch's gain for another
        activation than ReLU. conv1 also standardizes its inputs
        from [0, 1] to mean 0 and variance 1; without padding its weights can do that. fc8 begins
        small, so that the first losses are.
        """
        layers = [m for m in self.net if isinstance(m, nn.Conv2d | nn.Linear)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity=self.activation)  # type: ignore[arg-type]
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        first, last = layers[0], layers[-1]
        first.weight /= PIXEL_STD
        first.bias = nn.Parameter(-PIXEL_MEAN * first.weight.sum(dim=(1, 2, 3)))
        nn.init.normal_(last.weight, std=0.01)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that build this network again; ``norm`` and ``activation`` if set."""
        names = ["num_classes", "in_channels", "width", "image_size"]
        names += ["norm"] * self.norm + ["activation"] * (self.activation != "relu")
        return {name: getattr(self, name) for name in names}


def seeded(seed: int, he: bool = False, **arguments: Any) -> AlexNet:
    """A network with the same random weights for the same arguments, in evaluation mode.

    Several threads may call it.

    Args:
        he: He initialization instead of PyTorch's default.
        arguments: of `AlexNet`.
    """
    with _seeding, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AlexNet(**arguments)
        if he:
            model.initialize_he()
    return model.eval()


def _replace_relu(net: nn.Sequential, activation: str) -> OrderedDict[str, nn.Module]:
    """The layers, with another activation in place of each ReLU, such as ``tanh1`` of ``relu1``."""
    return OrderedDict(
        (name.replace("relu", activation), ACTIVATIONS[activation]())
        if isinstance(layer, nn.ReLU)
        else (name, layer)
        for name, layer in net.named_children()
    )


def _add_batchnorm(net: nn.Sequential) -> OrderedDict[str, nn.Module]:
    """The layers, with batch normalization after each convolution.

    After Ioffe and Szegedy, "Batch Normalization" (2015).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in net.named_children():
        layers[name] = layer
        if isinstance(layer, nn.Conv2d):
            layers[f"norm{name[-1]}"] = nn.BatchNorm2d(layer.out_channels)
    return layers


@torch.no_grad()
def fuse_batchnorm(model: AlexNet) -> AlexNet:
    """Fold batch normalization into the convolutions: the article's network, the same logits.

    In evaluation it is a scale and a shift per channel, which a convolution's weights can include.

    Returns:
        A network in evaluation mode on the model's device; the model itself if it has none.
    """
    if not model.norm:
        return model
    with torch.device("meta"):
        plain = AlexNet(**{**model.settings, "norm": False})
    layers = dict(model.net.named_children())
    state = {name: t for name, t in model.state_dict().items() if ".norm" not in name}
    training = model.training
    model.eval()
    for name, layer in layers.items():
        norm = layers.get(f"norm{name[-1]}")
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm):
            fused = fuse_conv_bn_eval(layer, norm)
            state |= {f"net.{name}.{key}": value for key, value in fused.state_dict().items()}
    model.train(training)
    plain.load_state_dict(state, assign=True)
    return plain.eval()


@torch.no_grad()
def unfuse_batchnorm(model: AlexNet, x: Tensor) -> AlexNet:
    """Add batch normalization that changes nothing yet, to train a finished network further.

    It scales and shifts each channel back to the mean and variance that it has for ``x``. Filters
    get the length that He initialization gives them: with batch normalization it has no effect on
    the outputs, but on how far a step turns them.

    Args:
        x: typical inputs (N, C, H, W), on the model's device.

    Returns:
        A network in training mode, on the model's device; the model itself if it has the layers.
    """
    if model.norm:
        return model
    model.eval()
    normed = AlexNet(**{**model.settings, "norm": True}).to(x.device)
    state = normed.state_dict() | model.state_dict()
    for name, layer in model.net.named_children():
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            scale = 2**0.5 / layer.weight.square().sum((1, 2, 3)).sqrt().clamp(min=1e-12)
            variance, mean = torch.var_mean(x, (0, 2, 3))
            norm = normed.get_submodule(f"net.norm{name[-1]}")
            assert isinstance(norm, nn.BatchNorm2d) and layer.bias is not None
            state |= {
                f"net.{name}.weight": layer.weight * scale[:, None, None, None],
                f"net.{name}.bias": layer.bias * scale,
                f"net.norm{name[-1]}.running_mean": mean * scale,
                f"net.norm{name[-1]}.running_var": variance * scale.square(),
                f"net.norm{name[-1]}.weight": (variance + norm.eps / scale.square()).sqrt(),
                f"net.norm{name[-1]}.bias": mean,
            }
    normed.load_state_dict(state)
    return normed.train()


def feature_side(image_size: int) -> int:
    """Side of pool5's square feature map for a square input, both in pixels.

    Applies ⌊(side + 2·padding − kernel)/stride⌋ + 1 for conv1 and the three pools; the other
    convolutions keep the side.

    Raises:
        ValueError: when nothing is left for the fully connected layers.
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
