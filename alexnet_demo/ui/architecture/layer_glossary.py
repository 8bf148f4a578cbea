"""Short explanations of what a layer does, with that layer's own numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer, Shape


@dataclass(frozen=True)
class Lesson:
    """A question and its answer in Markdown, with the fields of `_numbers` in braces."""

    question: str
    answer: str


CONVOLUTION = Lesson(
    "What is a convolution?",
    """
A filter is a window of weights, here {kernel}×{kernel} for {channels}. It is laid
on one place, every value below it is multiplied by its weight, and the products and a bias are
added up: that is one number of the output. The same weights then go to the next place, and so
over the whole map.

So a filter finds its pattern wherever it lies, and few weights do for many places: {name} uses
each of its {units} filters at {places} places.
""",
)
STRIDE = Lesson(
    "What does the stride do?",
    """
The stride is how far the window moves from one place to the next. {name} moves by {stride}, so
that the side of its output is about its input's divided by {stride}: `{formula}`. The brackets
⌊ ⌋ round down: what is left over at the far edge is not used.

A larger stride makes a smaller map, and all layers behind it have less to do. The windows still
overlap here, being {kernel} wide.
""",
)
PADDING = Lesson(
    "Why padding?",
    """
Without it, a window of {kernel}×{kernel} could not be centred on the values at the edge, and the
map would lose {trim} rows and columns in every such layer. So zeros are laid around it, {padding}
deep on each side, and the output is as large as the input: `{formula}`.

The price is that units at the edge see zeros that are no part of the picture.
""",
)
RELU = Lesson(
    "Why a ReLU behind it?",
    """
A ReLU passes on what is above 0 and makes the rest 0: max(0, x). Layers that only multiply and
add would together do no more than a single one could; the bend at 0 is what lets depth count.

The functions in use before, sigmoid and tanh, flatten out at both ends, where almost no gradient
comes through. A ReLU's slope is 1 wherever it is on. In the 2012 paper a small network with ReLUs
reached 25 % training error on CIFAR-10 in a sixth of the epochs that it took with tanh.
""",
)
POOLING = Lesson(
    "What is max-pooling for?",
    """
Of each window of {kernel}×{kernel}, in each channel by itself, the greatest value goes on: the
pattern was found, somewhere in here. Exactly where no longer counts, so a shift by a pixel or two
changes little. The map shrinks, and with it the work behind it. There is nothing to learn in it.

The windows overlap, being {kernel} wide and moved by {stride}. The 2012 paper found that this
lowered its top-1 error by 0.4 points against windows side by side.
""",
)
FIELD = Lesson(
    "What is a receptive field?",
    """
The part of the picture that can change one unit: in {name} at most {field}×{field} of the
{side}×{side} pixels. A window sees units that each see a part of the picture themselves, so the
field grows from layer to layer, and the faster the more strides lie before it. Small fields are
enough for edges and textures, larger ones for sleeves and soles.

What a unit can see is not what it heeds most: pixels in the middle reach it on more ways than
those at the rim.
""",
)
CONNECTED = Lesson(
    "What is a fully connected layer?",
    """
Every unit weighs every incoming value, all {inputs} of them. There is no window and no place any
more: what the convolutions found anywhere is put together to one judgement.

The price is in parameters. Every pair of an input and a unit has a weight of its own:
`{params_formula}`.
""",
)
DROPOUT = Lesson(
    "Why dropout, and why only here?",
    """
In training, each unit is set to 0 with a probability of one half, anew for every picture, and
those left are doubled to make up for it. No unit can count on a certain other one, so each must
be of use by itself. When the network answers, all units take part.

It stands where most parameters are, and where the network could therefore learn pictures by
heart. A convolution has few weights, and each has to serve at every place of a map.
""",
)
SOFTMAX = Lesson(
    "What do softmax and temperature do?",
    """
The last layer gives each class a logit, a number of any size. Softmax makes probabilities of
them, all above 0 and 1 in sum:

$$p_i = \\frac{{e^{{z_i/T}}}}{{\\sum_j e^{{z_j/T}}}}$$

T is the temperature, 1 in training. Networks tend to be surer of themselves than they are right;
a T above 1 makes them more modest and never changes which class comes first. Which T is fitting
is found on pictures that the training did not see (Guo et al., 2017).
""",
)
WORK = Lesson(
    "Parameters or MACs?",
    """
Parameters are the weights and biases that training changes: they take **memory**. A
multiply-accumulate, MAC, multiplies two numbers and adds the product to a sum: MACs take
**time**. {name} has {params} parameters and takes {macs} MACs a picture, for each of its weights
is used {reuse}.

This is why AlexNet falls into two: convolutions use their few weights at every place and do
nearly all of the work, fully connected layers hold nearly all of the parameters.
""",
)


def of(layer: Layer) -> list[Lesson]:
    """What there is to explain about a layer."""
    strides = [STRIDE] if layer.stride and layer.stride > 1 else []
    if layer.kind == "conv":
        return [CONVOLUTION, *strides, *([PADDING] if layer.padding else []), RELU, FIELD, WORK]
    if layer.kind == "pool":
        return [POOLING, *strides, FIELD]
    if layer.kind == "fc":
        last = layer.name == "fc8"
        return [CONNECTED, *([SOFTMAX] if last else [RELU, DROPOUT]), WORK]
    return []


def answer(lesson: Lesson, layer: Layer, picture: Shape) -> str:
    """The answer for a layer, in Markdown.

    Args:
        picture: (channels, height, width) of the network's input.
    """
    return lesson.answer.format(**_numbers(layer, picture)).strip()


def _numbers(layer: Layer, picture: Shape) -> dict[str, Any]:
    inputs, places = layer.input_shape[0], prod(layer.output_shape[1:])
    return {
        "name": layer.name,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "padding": layer.padding,
        "trim": (layer.kernel or 1) - 1,
        "formula": layer.size_formula,
        "inputs": f"{inputs:,}",
        "channels": "the one incoming channel"
        if inputs == 1
        else f"each of the {inputs:,} incoming channels",
        "units": f"{layer.output_shape[0]:,}",
        "places": f"{places:,}",
        "field": layer.receptive_field,
        "side": picture[-1],
        "params": f"{layer.params:,}",
        "params_formula": layer.params_formula,
        "macs": f"{layer.macs:,}",
        "reuse": "once" if places == 1 else f"{places:,} times",
    }


def show(layer: Layer, picture: Shape) -> None:
    """A row of questions; each opens its answer."""
    with st.container(horizontal=True, gap="small"):
        for lesson in of(layer):
            with st.popover(lesson.question, type="tertiary"), st.container(width=360):
                st.markdown(answer(lesson, layer, picture))
