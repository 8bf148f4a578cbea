"""All layers and their numbers: totals, shares, a table to download, and its check."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import streamlit as st

from alexnet_demo.common.text import dimensions, percent
from alexnet_demo.figures import architecture
from alexnet_demo.settings.article import ARTICLE_PRINTED_FC1, ARTICLE_PRINTED_PARAMETERS
from alexnet_demo.ui.components.plot import live_plot

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Summary


def show_totals(summary: Summary) -> None:
    """The parameters and MACs of the whole network."""
    st.markdown(
        f"**{summary.total_params:,}** parameters · **{summary.total_macs:,}** "
        "multiply-accumulates (MACs) per image",
        help="Parameters are the numbers that training changes. A multiply-accumulate multiplies "
        "two numbers and adds the product to a sum: nearly all of a network's work.",
    )


def show_shares(summary: Summary) -> None:
    """Each layer's share of the parameters and of the MACs."""
    st.subheader("Where the parameters are, and where the work is done", anchor=False)
    parameters, work = summary.share("fc", "params"), summary.share("conv", "macs")
    st.markdown(
        f"The fully connected layers hold **{percent(parameters, 0)}** of the parameters; the "
        f"convolutions do **{percent(work, 0)}** of the work. A filter is small, but it is applied "
        "at every position."
    )
    live_plot(
        architecture.params_and_macs(summary),
        "Each layer's share of the parameters and of the multiply-accumulates",
        "shares",
        zoom=False,
    )


def show_table(summary: Summary) -> None:
    """Every layer in a table, downloads of it, and how the totals were checked."""
    st.subheader("All layers", anchor=False)
    records = rows(summary)
    number = st.column_config.NumberColumn
    st.dataframe(
        records,
        hide_index=True,
        height="content",
        column_config={
            "Parameters": number(format="localized"),
            "Parameters %": number(format="%.2f"),
            "MACs": number(format="localized", help="Multiply-accumulates per image"),
            "MACs %": number(format="%.2f"),
            "Parameter formula": st.column_config.TextColumn(width=290),
        },
    )
    with st.container(horizontal=True):
        for name, suffix, text, mime in (
            ("CSV", "csv", to_csv(records), "text/csv"),
            ("JSON", "json", json.dumps(summary.to_json(), indent=1), "application/json"),
            ("Markdown", "md", to_markdown(records), "text/markdown"),
        ):
            st.download_button(
                f"Table as {name}",
                text,
                file_name=f"alexnet-layers.{suffix}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
            )
    terms = " + ".join(f"{layer.params:,}" for layer in summary.layers if layer.params)
    st.markdown(f"Parameters: {terms} = **{summary.total_params:,}**.")
    if summary.consistent:
        st.markdown(
            ":material/check_circle: Checked: these totals equal the number of values in the "
            "model's parameters and the count of PyTorch's FLOP counter."
        )
    else:
        st.warning(
            f"The totals differ from PyTorch's own counts: {summary.counted_params:,} parameters "
            f"and {summary.counted_macs:,} multiply-accumulates."
        )


def rows(summary: Summary) -> list[dict[str, Any]]:
    """One record per layer, by column head; shares in percent."""

    def text(value: object) -> str:  # Streamlit would show None as a word
        return "" if value is None else str(value)

    return [
        {
            "Layer": layer.name,
            "Type": layer.type,
            "Kernel": text(layer.kernel and f"{layer.kernel}×{layer.kernel}"),
            "Stride": text(layer.stride),
            "Padding": text(layer.padding),
            "Input": dimensions(layer.input_shape),
            "Output": dimensions(layer.output_shape),
            "Parameters": layer.params,
            "Parameters %": 100 * layer.params / summary.total_params,
            "MACs": layer.macs,
            "MACs %": 100 * layer.macs / summary.total_macs,
            "Parameter formula": layer.params_formula,
        }
        for layer in summary.layers
    ]


def to_csv(records: list[dict[str, Any]]) -> bytes:
    """UTF-8 with a byte order mark, without which Excel misreads ``×``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode("utf-8-sig")


def to_markdown(records: list[dict[str, Any]]) -> str:
    """The table in Markdown, shares with two decimals."""
    lines = [list(records[0]), ["---"] * len(records[0])]
    for row in records:
        lines.append([f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("*", "\\*")


def show_article_error(summary: Summary) -> None:
    """Why the article's printed total is not this network's."""
    fc1 = summary["fc6"]
    st.info(
        f"**The article prints {ARTICLE_PRINTED_PARAMETERS:,} parameters; the network it lists has "
        f"{summary.total_params:,}.** For the first fully connected layer, FC#1, it prints "
        f"{ARTICLE_PRINTED_FC1:,}, but {fc1.params_formula.replace('*', '·')}. That is "
        f"{ARTICLE_PRINTED_FC1 - fc1.params:,} too many, which is the whole difference.",
        icon=":material/edit_note:",
    )
