"""Short explanations of what a layer does, with that layer's own numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer, Shape


@dataclass(frozen=True)
class Entry:
    """A question and its answer in Markdown, with the names in `answer` in braces."""

    question: str
    answer: str


CONVOLUTION = Entry(
    "What is a convolution?",
    """
A filter is a window of weights, here {kernel}×{kernel} for {channels}. At each position of the
input, the values under the window are multiplied by the weights, and the products and a bias are
added up: that is one value of the output. The weights are the same at every position.

So a filter detects its pattern wherever it occurs, and a few weights cover the whole map: {name}
applies each of its {units} filters at {positions} positions.
""",
)
STRIDE = Entry(
    "What does the stride do?",
    """
The stride is how far the window moves from one position to the next. {name} has a stride of
{stride}, so its output's side is about its input's divided by {stride}: `{formula}`. The brackets
⌊ ⌋ mean rounding down: rows and columns left over at the far edge are not used.

A larger stride gives a smaller map and less work for all later layers. The windows still overlap
here, since they are {kernel} wide.
""",
)
PADDING = Entry(
    "Why padding?",
    """
Without padding, a {kernel}×{kernel} window could not be centered on the values at the edge, and
the map would lose {trim} rows and columns in every such layer. So the input is surrounded by
zeros, {padding} on each side, and the output is as large as the input: `{formula}`.

The price is that units at the edge see zeros that are not part of the image.
""",
)
RELU = Entry(
    "Why a ReLU after it?",
    """
A ReLU keeps positive values and replaces negative ones by 0: max(0, x). Without a nonlinearity,
any number of layers could do no more than a single one; the kink at 0 is what makes depth useful.

Earlier activation functions, sigmoid and tanh, saturate at both ends, where almost no gradient
passes. A ReLU's slope is 1 for every positive input. In the 2012 paper, a small network with ReLUs
reached 25% training error on CIFAR-10 in a sixth of the epochs that it took with tanh.
""",
)
POOLING = Entry(
    "What is max pooling for?",
    """
Max pooling keeps the largest value of each {kernel}×{kernel} window, in each channel separately:
the pattern was detected somewhere in here. The exact position no longer counts, so a shift by a
pixel or two changes little. The map shrinks, and with it the work of later layers. There are no
parameters to learn.

The windows overlap: they are {kernel} wide and {stride} apart. The 2012 paper found that this
lowered its top-1 error by 0.4 points compared with windows that do not overlap.
""",
)
RECEPTIVE_FIELD = Entry(
    "What is a receptive field?",
    """
The part of the image that can affect one unit: in {name} at most {field}×{field} of the
{side}×{side} pixels. A window covers units that each see part of the image themselves, so the
field grows from layer to layer, and the faster the more strides precede it. Small fields are
enough for edges and textures, larger ones for sleeves and soles.

Not all of it counts equally: pixels in the middle reach the unit along more paths than those near
the border.
""",
)
FULLY_CONNECTED = Entry(
    "What is a fully connected layer?",
    """
Every unit is connected to all {inputs} inputs. There are no windows and no positions: what the
convolutions detected anywhere in the image is combined.

The price is parameters. Every pair of an input and a unit has a weight of its own:
`{params_formula}`.
""",
)
DROPOUT = Entry(
    "Why dropout, and why only here?",
    """
In training, each unit is set to 0 with a probability of 0.5, drawn anew for every image, and the
remaining ones are doubled to compensate. No unit can rely on a particular other one, so each must
be useful by itself. For predictions, all units are active.

Dropout is applied where most of the parameters are, and where the network could therefore memorize
images. A convolution has few weights, and each must work at every position of a map.
""",
)
SOFTMAX = Entry(
    "What do softmax and temperature do?",
    """
The last layer gives each class a logit, a number of any size. Softmax turns the logits into
probabilities, which are positive and sum to 1:

$$p_i = \\frac{{e^{{z_i/T}}}}{{\\sum_j e^{{z_j/T}}}}$$

T is the temperature, 1 in training. Networks tend to be overconfident; a T above 1 lowers the
confidence and never changes which class comes first. T is fitted on images that were not used for
training (Guo et al., 2017).
""",
)
WORK = Entry(
    "Parameters or MACs?",
    """
Parameters are the weights and biases that training changes: they take **memory**. A
multiply-accumulate, MAC, multiplies two numbers and adds the product to a sum: MACs take
**time**. {name} has {params} parameters and needs {macs} MACs per image, since each of its weights
is used {reuse}.

That is why AlexNet has two halves: convolutions use their few weights at every position and do
nearly all of the work; fully connected layers hold nearly all of the parameters.
""",
)


def entries(layer: Layer) -> list[Entry]:
    """The entries that apply to a layer."""
    strides = [STRIDE] if layer.stride and layer.stride > 1 else []
    if layer.kind == "conv":
        padding = [PADDING] if layer.padding else []
        return [CONVOLUTION, *strides, *padding, RELU, RECEPTIVE_FIELD, WORK]
    if layer.kind == "pool":
        return [POOLING, *strides, RECEPTIVE_FIELD]
    if layer.kind == "fc":
        return [FULLY_CONNECTED, *([SOFTMAX] if layer.name == "fc8" else [RELU, DROPOUT]), WORK]
    return []


def answer(entry: Entry, layer: Layer, input_shape: Shape) -> str:
    """An entry's answer for a layer, in Markdown.

    Args:
        input_shape: (channels, height, width) of the network's input.
    """
    inputs, positions = layer.input_shape[0], prod(layer.output_shape[1:])
    return entry.answer.strip().format(
        name=layer.name,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        trim=(layer.kernel or 1) - 1,
        formula=layer.size_formula,
        inputs=f"{inputs:,}",
        channels="the one input channel" if inputs == 1 else f"each of the {inputs} input channels",
        units=f"{layer.output_shape[0]:,}",
        positions=f"{positions:,}",
        field=layer.receptive_field,
        side=input_shape[-1],
        params=f"{layer.params:,}",
        params_formula=layer.params_formula,
        macs=f"{layer.macs:,}",
        reuse="once" if positions == 1 else f"{positions:,} times",
    )


def show(layer: Layer, input_shape: Shape) -> None:
    """A row of questions; each opens its answer."""
    with st.container(horizontal=True, gap="small"):
        for entry in entries(layer):
            with st.popover(entry.question, type="tertiary"), st.container(width=360):
                st.markdown(answer(entry, layer, input_shape))
