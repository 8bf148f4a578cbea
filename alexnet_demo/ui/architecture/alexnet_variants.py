"""Three networks called AlexNet side by side, and the parameter count of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.text import dimensions
from alexnet_demo.settings.papers import ALEXNET
from alexnet_demo.ui.architecture.network_config import PRESETS, measure

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer, Summary


@st.cache_resource(show_spinner=False)
def summaries() -> dict[str, Summary]:
    """The three networks' measured layers, by the network's name."""
    import torch
    from torchvision.models import alexnet

    from alexnet_demo.network.summary import summarize

    demo, article = map(measure, PRESETS.values())
    with torch.device("meta"):  # shapes need no values
        vision = summarize(alexnet(), (3, 224, 224))
    return {"This demo": demo, "The article, for ImageNet": article, "torchvision": vision}


def _with_parameters(summary: Summary) -> list[Layer]:
    return [layer for layer in summary.layers if layer.params]


def table() -> dict[str, list[str]]:
    """A column of layer names, then a column per network; the totals come last."""
    columns = {"Layer": [*(name for name, _, _ in ALEXNET.layers), "parameters", "MACs per image"]}
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
        text = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
        st.markdown(
            text.format(
                article_more=as_sum(difference(article, demo)),
                torchvision_more=as_sum(difference(vision, article)),
                paper=ALEXNET.parameters,
                article=article.total_params,
            )
        )
