"""Widgets of the Architecture page. Torch is imported only once a network is measured."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alexnet_demo import charts
from alexnet_demo.config import ARTICLE_PRINTED_PARAMETERS, IMAGE_SIZE, LIMITS
from alexnet_demo.ui import garments, inside

if TYPE_CHECKING:
    from alexnet_demo.summary import Layer, Shape, Summary

_FRONTEND = Path(__file__).parent / "frontend"
# What the article's text prints for its first fully connected layer, FC#1.
ARTICLE_PRINTED_FC1 = 27_140_096
FIRST_CHOICE = "conv1"


@dataclass(frozen=True)
class Choice:
    """The network that the reader asks for."""

    in_channels: int = 1
    classes: int = 10
    width: float = 1.0
    image_size: int = IMAGE_SIZE


DEMO = Choice()
PRESETS = {
    "This demo": DEMO,
    "ImageNet, 3×224×224, 1000 classes": Choice(in_channels=3, classes=1000),
}
_KEYS = ("arch_channels", "arch_classes", "arch_width", "arch_side")


# ---------------------------------------------------------------------- choosing


def choose() -> tuple[Choice, DeltaGenerator]:
    """The presets, and behind a button the four numbers that make a network.

    Returns:
        The choice, and a place beside the numbers to say what is wrong with it.
    """
    for key, value in zip(_KEYS, astuple(Choice()), strict=True):
        st.session_state.setdefault(key, value)
    _name_choice()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Network",
            list(PRESETS),
            key="arch_preset",
            on_change=_take_preset,
            label_visibility="collapsed",
        )
        # Of a fixed width, lest a message widen it and move what the reader has in hand.
        with st.popover("Adjust", icon=":material/tune:"), st.container(width=272):
            _numbers()
            beside = st.container()
    return _chosen(), beside


def _chosen() -> Choice:
    return Choice(*(st.session_state[key] for key in _KEYS))


def _name_choice() -> None:
    """Let the presets' switch say which of them the numbers amount to, if any."""
    names = {choice: name for name, choice in PRESETS.items()}
    st.session_state["arch_preset"] = names.get(_chosen())


def _take_preset() -> None:
    preset = PRESETS.get(st.session_state["arch_preset"] or "")
    if preset:
        for key, value in zip(_KEYS, astuple(preset), strict=True):
            st.session_state[key] = value


def _numbers() -> None:
    channels, classes, width, side = _KEYS
    limit = LIMITS["width"]
    st.number_input(
        "Input channels", 1, 64, key=channels, help="1 for grey pictures, 3 for colour."
    )
    st.number_input("Classes", 1, 21_841, key=classes, help="What the network tells apart.")
    st.number_input(
        "Width",
        *(limit.low, limit.high),
        key=width,
        step=0.25,
        help="Multiplies the channels of every convolution and the units of fc6 and fc7.",
    )
    st.number_input(
        "Picture side in pixels",
        *(16, 1024),
        key=side,
        step=16,
        help="Pictures are square. The three pools need at least 67 pixels.",
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def measure(choice: Choice) -> Summary:
    """Layer records of the chosen network.

    Raises:
        ValueError: when the network cannot be built; the message says why.
    """
    import torch

    from alexnet_demo.model import AlexNet
    from alexnet_demo.summary import summarize

    # Shapes need no values: on the meta device even a wide network takes no memory.
    with torch.device("meta"):
        model = AlexNet(choice.classes, choice.in_channels, choice.width, choice.image_size)
    return summarize(model)


# ---------------------------------------------------------------------- diagram


@st.cache_resource
def _diagram() -> Any:
    return st.components.v2.component(
        "alexnet_diagram",
        html='<div class="diagram"></div>'
        '<p class="more" hidden>Swipe or scroll sideways: it goes on to the right →</p>',
        css=(_FRONTEND / "diagram.css").read_text(encoding="utf-8"),
        js=(_FRONTEND / "diagram.js").read_text(encoding="utf-8"),
    )


def _drawing(summary: Summary) -> str:
    garments_by_class = garments.one_of_each()
    boot = garments_by_class.get("Ankle boot")
    return charts.block_diagram(summary, "" if boot is None else garments.picture_url(boot))


@st.fragment
def explore(summary: Summary, *, trained: bool) -> None:
    """The block diagram, and below it the chosen layer in its own numbers.

    Args:
        trained: whether trained networks have these layers, to look inside them.
    """
    state = st.session_state.get("arch_diagram") or {}
    chosen = _known(state.get("layer"), summary) or FIRST_CHOICE
    result = _diagram()(
        data={"svg": _drawing(summary), "layer": chosen},
        default={"layer": chosen},
        key="arch_diagram",
        on_layer_change=lambda: None,
    )
    st.caption(
        "To scale: height and depth are a feature map's sides in pixels, width is its number of "
        f"channels, {charts.CHANNELS_PER_UNIT} to a pixel. The fully connected layers stand "
        "upright. Choose a block by click or arrow key."
    )
    with st.container(border=True, key="arch-layer"):
        name = _known(result.layer, summary) or chosen
        if name == "input":
            _explain_input(summary.input_shape)
        else:
            layer = summary[name]
            view = inside.choose(layer) if trained else inside.NUMBERS
            if view == inside.NUMBERS:
                _explain(layer, summary)
            else:
                inside.show(view, layer)


def _known(sent: object, summary: Summary) -> str | None:
    """The chosen block's name; a browser can send anything."""
    names = ["input", *(layer.name for layer in summary.layers)]
    return sent if isinstance(sent, str) and sent in names else None


def _explain_input(shape: Shape) -> None:
    channels, height, width = shape
    words = "one grey value" if channels == 1 else f"{channels} values"
    st.markdown(f"**input** · {height}×{width} pixels with {words} each")
    st.markdown(
        "A Fashion-MNIST picture has 28×28 pixels. It is enlarged so that AlexNet's large first "
        "filters and its three pools have something to work on."
    )


def _explain(layer: Layer, summary: Summary) -> None:
    st.markdown(f"**{layer.name}** · {_in_words(layer)}")
    output, params, work = (c.container(gap="xsmall") for c in st.columns(3))
    output.metric("Output", _shape(layer.output_shape))
    if layer.size_formula:
        output.markdown(f"`{layer.size_formula}`")
    params.metric(_of_all("Parameters", layer.params, summary.total_params), f"{layer.params:,}")
    work.metric(_of_all("Multiply-accumulates", layer.macs, summary.total_macs), f"{layer.macs:,}")
    if layer.params:
        params.markdown(f"`{layer.params_formula}`")
        work.markdown(f"`{layer.macs_formula}`")
    sees = f"{layer.receptive_field}×{layer.receptive_field}"
    with st.container(horizontal=True, vertical_alignment="center"):
        batch = st.number_input(
            "Batch size", 1, LIMITS["batch_size"].high, 128, key="arch_batch", width=140
        )
        st.markdown(
            f"One unit sees {sees} pixels of the picture. The output of one picture takes "
            f"{_bytes(layer.activation_bytes)}, of a batch of {batch} "
            f"{_bytes(layer.activation_bytes * int(batch))}."
        )


def _of_all(label: str, part: int, whole: int) -> str:
    return f"{label} · {charts.rounded_percent(100 * part / whole)} of all" if part else label


def _bytes(count: int) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    if count >= 100_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.1f} kB" if count >= 1000 else f"{count} bytes"


def _in_words(layer: Layer) -> str:
    """What the layer does, in one line."""
    units = layer.output_shape[0]
    if layer.kind == "conv":
        return f"{units} filters of {layer.kernel}×{layer.kernel}, moved by {layer.stride}"
    if layer.kind == "pool":
        window = f"{layer.kernel}×{layer.kernel}"
        return f"keeps the largest value of each {window} window, moved by {layer.stride}"
    return f"each of {units:,} units weighs all {layer.input_shape[0]:,} inputs"


def _shape(shape: Shape) -> str:
    return "×".join(map(str, shape))


# ------------------------------------------------------------------------ shares


def shares(summary: Summary) -> None:
    """Parameters beside work, with the sentence that the figure is there for."""
    st.subheader("Where the parameters sit, and where the work is done", anchor=False)
    held, done = summary.share("fc", "params"), summary.share("conv", "macs")
    st.markdown(
        f"The fully connected layers hold **{held:.0%}** of the parameters; the convolutions do "
        f"**{done:.0%}** of the work. A filter is small, but it is used at every position.".replace(
            "%", " %"
        )
    )
    st.plotly_chart(
        charts.parameters_beside_macs(summary),
        config={"displayModeBar": False},
        key="arch_shares",
    )


# ------------------------------------------------------------------------- table


def totals(summary: Summary) -> None:
    """The two numbers that the whole network comes to."""
    st.markdown(
        f"**{summary.total_params:,}** parameters · **{summary.total_macs:,}** "
        "multiply-accumulates (MACs) a picture",
        help="Parameters are the numbers that training changes. A multiply-accumulate multiplies "
        "two numbers and adds the product to a sum: nearly all of a network's work is of that "
        "kind.",
    )


def table(summary: Summary) -> None:
    """Every layer with its numbers, the totals and how they were checked."""
    st.subheader("Every layer", anchor=False)
    records = rows(summary)
    st.dataframe(
        {column: [row[column] for row in records] for column in records[0]},
        hide_index=True,
        height="content",
        column_config={
            "Parameters": st.column_config.NumberColumn(format="localized"),
            "Parameters %": st.column_config.NumberColumn(format="%.2f"),
            "MACs": st.column_config.NumberColumn(
                format="localized", help="Multiply-accumulates for one picture"
            ),
            "MACs %": st.column_config.NumberColumn(format="%.2f"),
            "Parameter formula": st.column_config.TextColumn(width=290),
        },
    )
    with st.container(horizontal=True):
        for kind, text, mime in (
            ("CSV", to_csv(records), "text/csv"),
            ("JSON", json.dumps(summary.to_json(), indent=1), "application/json"),
            ("Markdown", to_markdown(records), "text/markdown"),
        ):
            ending = "md" if kind == "Markdown" else kind.lower()
            st.download_button(
                f"Table as {kind}",
                text,
                file_name=f"alexnet-layers.{ending}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
            )
    _sums(summary)


def rows(summary: Summary) -> list[dict[str, Any]]:
    """One record a layer, its keys the column heads; shares in percent."""
    return [
        {
            "Layer": layer.name,
            "Type": layer.type,
            "Kernel": _text(f"{layer.kernel}×{layer.kernel}" if layer.kernel else None),
            "Stride": _text(layer.stride),
            "Padding": _text(layer.padding),
            "Input": _shape(layer.input_shape),
            "Output": _shape(layer.output_shape),
            "Parameters": layer.params,
            "Parameters %": 100 * layer.params / summary.total_params,
            "MACs": layer.macs,
            "MACs %": 100 * layer.macs / summary.total_macs,
            "Parameter formula": layer.params_formula,
        }
        for layer in summary.layers
    ]


def _text(value: object) -> str:
    """An empty cell where a layer has no window; Streamlit would write None."""
    return "" if value is None else str(value)


def to_csv(records: list[dict[str, Any]]) -> bytes:
    """UTF-8 with a byte order mark, without which Excel misreads ``×``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode("utf-8-sig")


def to_markdown(records: list[dict[str, Any]]) -> str:
    """The table for a README or a notebook; shares with two digits."""
    lines = [list(records[0]), ["---"] * len(records[0])]
    for row in records:
        lines.append([f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("*", "\\*")


def _sums(summary: Summary) -> None:
    terms = " + ".join(f"{layer.params:,}" for layer in summary.layers if layer.params)
    st.markdown(f"Parameters: {terms} = **{summary.total_params:,}**.")
    if summary.checked:
        st.markdown(
            ":material/check_circle: Checked: the network's own list of parameters holds as many "
            "values, and PyTorch's operation counter found as many multiply-accumulates."
        )
    else:
        st.warning(
            f"The sums disagree with what PyTorch counts: {summary.counted_params:,} parameters "
            f"and {summary.counted_macs:,} multiply-accumulates."
        )


def slip(summary: Summary) -> None:
    """Why the article's printed total is not this network's."""
    fc1 = summary["fc6"]
    st.info(
        f"**The article prints {ARTICLE_PRINTED_PARAMETERS:,}; the network it lists has "
        f"{summary.total_params:,}.** Its line for the first fully connected layer, FC#1, says "
        f"{ARTICLE_PRINTED_FC1:,}, but {fc1.params_formula.replace('*', '·')}. That is "
        f"{ARTICLE_PRINTED_FC1 - fc1.params:,} too many, and explains the whole difference.",
        icon=":material/edit_note:",
    )
