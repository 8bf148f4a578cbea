"""Inside a trained network: a layer's weights, its outputs for a picture, and one unit's sum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw
from streamlit.delta_generator import DeltaGenerator

from alexnet_demo import charts, drawing
from alexnet_demo.config import CLASSES, IMAGE_SIZE, TEST_SAMPLES
from alexnet_demo.drawing import DrawingError
from alexnet_demo.pictures import data_url, enlarge, heated, png
from alexnet_demo.ui import canvas, models, sources
from alexnet_demo.ui.gallery import Tile, gallery
from alexnet_demo.ui.wording import percent, plain

if TYPE_CHECKING:  # all import torch
    from torch import Tensor

    from alexnet_demo.inside import ConvUnit, Spread
    from alexnet_demo.model import AlexNet
    from alexnet_demo.summary import Layer

NUMBERS = "In numbers"
NONE, UNTRAINED = "Nothing", "The same, untrained"
MOST = 24  # channels that are shown
TEST, DRAWN, OWN = "Test picture", "My drawing", "A file"


def choose(layer: Layer) -> str:
    """Let the reader choose what to see of a layer."""
    views = [NUMBERS, "Output", "One unit"]
    if layer.params:
        views.insert(1, "Weights")
    if layer.kind == "fc":
        views[-1] = "Decision" if layer.name == "fc8" else ""
    views = [view for view in views if view]
    if st.session_state.get("inside view") not in views:
        st.session_state["inside view"] = NUMBERS
    view: str | None = st.segmented_control(
        "What to see", views, key="inside view", label_visibility="collapsed", required=True
    )
    return view or NUMBERS


def show(view: str, layer: Layer) -> None:
    """A view of a layer, in the chosen network, and beside it in another one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        classifier = models.picker()
        if classifier is None:
            return
        others = {option.id: option.label for option in models.options()}
        beside = st.selectbox(
            "Beside it",
            [NONE, UNTRAINED, *others],
            format_func=lambda i: others.get(i, i),
            key="inside beside",
            width=260,
        )
        picture = _picture() if view != "Weights" else None
    if view != "Weights" and picture is None:
        return
    nets = [("", classifier.model)]
    if beside == UNTRAINED:
        nets = [("Trained", classifier.model), (UNTRAINED, _untrained(classifier.model.width))]
    elif beside in others:
        try:
            option = next(o for o in models.options() if o.id == beside)
            nets = [("Chosen", classifier.model), (option.label, models.load(option).model)]
        except ValueError as error:
            st.error(plain(str(error)), icon=":material/error:")
    places: list[DeltaGenerator] = list(st.columns(len(nets), gap="large"))
    for number, ((name, model), place) in enumerate(zip(nets, places, strict=True)):
        with place:
            if name:
                st.markdown(f"**{plain(name)}**")
            _VIEWS[view](layer, model, picture, f"{view} {layer.name} {number}")


@st.cache_resource(max_entries=4, show_spinner=False)
def _untrained(width: float) -> AlexNet:
    """A network with PyTorch's own first weights, always the same ones."""
    import torch

    from alexnet_demo.model import AlexNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AlexNet(width=width).eval()


# ------------------------------------------------------------------ the picture


def _picture() -> np.ndarray | None:
    """The reader's choice as the network sees it, uint8 (side, side); None where there is none."""
    strokes = st.session_state.get(canvas.STASH)
    kinds = [TEST, DRAWN, OWN] if strokes else [TEST, OWN]
    if st.session_state.get("inside picture") not in kinds:
        st.session_state["inside picture"] = TEST
    kind = st.selectbox("Picture", kinds, key="inside picture", width=160)
    if kind == TEST:
        number = st.number_input(
            "Number", 0, TEST_SAMPLES - 1, key="inside number", width=130, value=0
        )
        try:
            return sources.test_set().images[int(number)].numpy()
        except RuntimeError as error:  # DataError, told without importing torch for its name
            st.error(str(error), icon=":material/error:")
            return None
    if kind == DRAWN:
        try:
            return _prepared(drawing.render(drawing.parse(strokes)), "sketch")
        except DrawingError as error:
            st.error(str(error), icon=":material/error:")
            return None
    file = st.file_uploader(
        "File", sources.FORMATS, key="inside file", max_upload_size=sources.MAX_FILE_MB
    )
    if file is None or file.size > sources.MAX_FILE_MB * 2**20:
        return None
    return _prepared(file.getvalue(), "auto")


def _prepared(picture: Image.Image | bytes, kind: Any) -> np.ndarray | None:
    from alexnet_demo.preprocess import Choices, PictureError, prepare

    try:
        return prepare(picture, Choices(kind)).views[0]
    except PictureError as error:
        st.error(str(error), icon=":material/error:")
        return None


# ------------------------------------------------------------------ weights


def _weights(layer: Layer, model: AlexNet, picture: None, key: str) -> None:
    """How a layer's weights are spread, and its filters."""
    module = model.net.get_submodule(layer.name)
    weight: Tensor = module.weight.detach().float().cpu()  # type: ignore[operator]
    if weight.ndim == 4:
        channel = 0
        if weight.shape[1] > 1:
            last = weight.shape[1] - 1
            channel = st.number_input(f"Input channel, 0 to {last}", 0, last, key=f"in {key}")
        kernels = weight[:, channel].numpy()
        most = float(np.abs(kernels).max()) or 1.0
        tiles = [
            Tile(n, _signed(kernel, most), f"Filter {n}") for n, kernel in enumerate(kernels[:96])
        ]
        gallery(tiles, f"filters {key}", opens=False, small=True)
        words = "Grey is 0, white the greatest weight, black the least."
        if len(kernels) > len(tiles):
            words += f" The first {len(tiles)} of {len(kernels)} filters."
        st.caption(words)
    _spread(weight, key)


def _signed(values: np.ndarray, most: float) -> str:
    """Values from −most to most, as a picture from black over grey to white."""
    pixels = (127.5 + 127.5 * np.clip(values / most, -1, 1)).astype(np.uint8)
    return data_url(Image.fromarray(pixels), max(pixels.shape))


def _spread(values: Tensor, key: str) -> None:
    from alexnet_demo.inside import spread

    found: Spread = spread(values)
    st.plotly_chart(charts.spread_figure(found), key=f"spread {key}")
    words = f"Mean {found.mean:.3g}, standard deviation {found.std:.3g}"
    words += f", from {found.least:.3g} to {found.greatest:.3g}"
    st.caption(words + (f"; {percent(found.zeros)} are 0." if found.zeros else "."))


# ------------------------------------------------------------------ output


def _output(layer: Layer, model: AlexNet, picture: np.ndarray, key: str) -> None:
    """What a layer makes of the picture, the strongest channels first."""
    from alexnet_demo.inside import activations, strongest

    seen = activations(model, picture)
    # What goes on to the next layer: behind the ReLU where there is one.
    output = seen.get(f"relu{layer.name[-1]}", seen[layer.name]) if layer.params else None
    output = seen[layer.name] if output is None else output
    order = strongest(output)
    if output.ndim == 1:
        side = math.ceil(math.sqrt(len(output)))
        square = np.zeros(side * side, np.float32)
        square[: len(output)] = output.clamp(min=0).numpy()
        most = float(square.max()) or 1.0
        image = Image.fromarray((255 * square.reshape(side, side) / most).astype(np.uint8))
        st.image(png(enlarge(image, 320)), width=320, alt=f"The units of {layer.name}")
        st.caption(
            f"Row by row, each dot is one of {len(output):,} units, the brighter the stronger; "
            "black is 0 or less. Strongest: " + ", ".join(f"{int(n)}" for n in order[:8]) + "."
        )
    else:
        most = float(output.max()) or 1.0
        state = f"channel {key}"
        marked = st.session_state.get(state, int(order[0]))
        marked = marked if marked < len(output) else int(order[0])
        large = output[marked].clamp(min=0).numpy()
        left, right = st.columns(2)
        pixels = np.asarray(enlarge(Image.fromarray(picture), IMAGE_SIZE))
        left.image(heated(pixels, large / (large.max() or 1), IMAGE_SIZE), caption="on the picture")
        map_ = Image.fromarray((255 * large / most).clip(0, 255).astype(np.uint8))
        right.image(
            png(enlarge(map_, IMAGE_SIZE)), caption=f"channel {marked}, {len(large)}×{len(large)}"
        )
        tiles = [
            Tile(
                int(n),
                data_url(
                    Image.fromarray((255 * output[n].clamp(min=0).numpy() / most).astype(np.uint8)),
                    output.shape[-1],
                ),
                f"Channel {int(n)}",
                f"channel {int(n)}",
            )
            for n in order[:MOST]
        ]
        opened = gallery(tiles, f"maps {key}", chosen=marked)
        if opened is not None and opened != marked:
            st.session_state[state] = opened
            st.rerun()
        st.caption(
            f"The {len(tiles)} strongest of {len(output)} channels, on one scale; choose one to "
            "see it large."
        )
    _spread(output, key)


# ------------------------------------------------------------------ one unit


def _one_unit(layer: Layer, model: AlexNet, picture: np.ndarray, key: str) -> None:
    """The numbers that make one unit of a feature map."""
    from alexnet_demo.inside import activations, conv_unit, strongest

    seen = activations(model, picture)
    before = seen[list(seen)[list(seen).index(layer.name) - 1]]
    output = seen[layer.name]
    count, height, width = output.shape
    # Another picture or network begins at its own strongest place.
    about = f"about {key}"
    if st.session_state.get(about) != (id(model), hash(picture.tobytes())):
        st.session_state[about] = id(model), hash(picture.tobytes())
        first = int(strongest(output)[0])
        top, left = divmod(int(output[first].argmax()), width)
        for name, value in (("Channel", first), ("Row", top), ("Column", left)):
            st.session_state[f"{name} {key}"] = value
    with st.container(horizontal=True):
        channel, row, column = (
            int(st.number_input(name, 0, most - 1, key=f"{name} {key}"))
            for name, most in (("Channel", count), ("Row", height), ("Column", width))
        )
    (y0, y1), (x0, x1) = layer.spans[row], layer.spans[column]
    large = enlarge(Image.fromarray(picture), IMAGE_SIZE).convert("RGB")
    ImageDraw.Draw(large).rectangle((x0, y0, x1, y1), outline="#ffa90e", width=2)
    st.image(
        png(large),
        width=IMAGE_SIZE,
        caption=f"It can see {y1 - y0 + 1}×{x1 - x0 + 1} pixels of the picture",
    )
    kept = float(output[channel, row, column])
    module: Any = model.net.get_submodule(layer.name)
    if layer.kind == "pool":
        _window(module, before, channel, row, column, kept)
    else:
        _products(conv_unit(module, before, channel, row, column), key)


def _window(module: Any, before: Tensor, channel: int, row: int, column: int, value: float) -> None:
    from alexnet_demo.inside import pool_window

    window = pool_window(module, before, channel, row, column)
    st.dataframe(
        {f"column {x}": window[:, x].tolist() for x in range(window.shape[1])},
        column_config={
            f"column {x}": st.column_config.NumberColumn(format="%.3f")
            for x in range(window.shape[1])
        },
        hide_index=True,
        width="content",
    )
    st.markdown(f"The greatest of these {window.numel()} values goes on: **{value:.3f}**.")


def _products(unit: ConvUnit, key: str) -> None:
    order = unit.shares.abs().argsort(descending=True)[:3].tolist()
    for place, number in enumerate(order):
        patch, kernel, products = (
            part[number].numpy() for part in (unit.patch, unit.kernel, unit.products)
        )
        tiles = [
            Tile(0, _signed(patch, np.abs(patch).max() or 1), "what it sees", "sees"),
            Tile(1, _signed(kernel, np.abs(kernel).max() or 1), "its weights", "× weights"),
            Tile(2, _signed(products, np.abs(products).max() or 1), "the products", "= products"),
        ]
        gallery(tiles, f"unit {key} {place}", opens=False)
        name = f"input channel {number}" if len(unit.shares) > 1 else "the picture"
        st.caption(f"From {name}: the products add up to {float(unit.shares[number]):.3f}.")
    rest = float(unit.shares.sum()) - sum(float(unit.shares[n]) for n in order)
    parts = [f"{float(unit.shares[n]):.3f}" for n in order]
    if len(unit.shares) > len(order):
        parts.append(f"{rest:.3f} (the other {len(unit.shares) - len(order)} channels)")
    parts.append(f"{unit.bias:.3f} (bias)")
    st.markdown(
        f"{' + '.join(parts)} = **{unit.total:.3f}**; behind the ReLU **{max(0, unit.total):.3f}**."
    )


# ------------------------------------------------------------------ the decision


def _decision(layer: Layer, model: AlexNet, picture: np.ndarray, key: str) -> None:
    """From logits to probabilities, at the temperature that was fitted where one was."""
    from alexnet_demo.inside import activations

    logits = activations(model, picture)["fc8"]
    heat = st.slider("Temperature", 0.1, 5.0, 1.0, 0.1, key=f"temperature {key}")
    st.caption(
        "Predict and Results divide by a temperature that was fitted once, so that a confidence "
        "of 90 % is right nine times in ten; it is near 1."
    )
    shares = (logits / heat).softmax(0)
    powers = (logits / heat - (logits / heat).max()).exp()
    st.dataframe(
        [
            {
                "Class": name,
                "Logit z": float(logits[i]),
                "exp((z − max)/T)": float(powers[i]),
                "Probability": float(shares[i]),
            }
            for i, name in enumerate(CLASSES)
        ],
        column_config={
            "Logit z": st.column_config.NumberColumn(format="%.2f"),
            "exp((z − max)/T)": st.column_config.NumberColumn(format="%.4f"),
            "Probability": st.column_config.ProgressColumn(
                format="percent", min_value=0, max_value=1
            ),
        },
        hide_index=True,
    )
    st.caption(
        "Softmax: each logit is divided by the temperature T and put into the exponential; each "
        f"result divided by their sum, here {float(powers.sum()):.4f}, is a probability. A high "
        "temperature makes them alike, a low one lets the greatest take all. Which is greatest "
        "never changes."
    )


_VIEWS: dict[str, Callable[[Layer, AlexNet, Any, str], None]] = {
    "Weights": _weights,
    "Output": _output,
    "One unit": _one_unit,
    "Decision": _decision,
}
