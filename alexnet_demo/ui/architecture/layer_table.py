"""Every layer with its numbers, as a table to look at and to take away, and its sums."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import streamlit as st

from alexnet_demo.common.text import dimensions
from alexnet_demo.settings.article import ARTICLE_PRINTED_PARAMETERS

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Summary

# What the article's text prints for its first fully connected layer, FC#1.
ARTICLE_PRINTED_FC1 = 27_140_096


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
    if summary.consistent:
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
