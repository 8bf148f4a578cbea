"""Parameters and MACs by layer, and histograms of tensors: records → Plotly figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from alexnet_demo.common.text import short_percent
from alexnet_demo.figures.theme import KIND_COLORS, OUTLINE_COLOR, TRAIN_COLOR, style

if TYPE_CHECKING:  # both import torch, which this module must not
    from alexnet_demo.network.activations import TensorStats
    from alexnet_demo.network.summary import Summary


def params_and_macs(summary: Summary) -> go.Figure:
    """Each layer's share of the parameters, on the left, and of the MACs, on the right."""
    layers = [layer for layer in summary.layers if layer.params]
    names = [layer.name for layer in layers]
    colors = [KIND_COLORS[layer.kind] for layer in layers]
    figure = go.Figure()
    for what, total, sign in (
        ("parameters", summary.total_params, -1),
        ("MACs", summary.total_macs, 1),
    ):
        counts = [layer.params if sign < 0 else layer.macs for layer in layers]
        shares = [100 * count / total for count in counts]
        figure.add_bar(
            name=what,
            orientation="h",
            y=names,
            x=[sign * share for share in shares],
            marker={"color": colors},
            text=[short_percent(share / 100) for share in shares],
            textposition="outside",
            cliponaxis=False,
            customdata=counts,
            hovertemplate=f"%{{y}}: %{{customdata:,}} {what} (%{{text}})<extra></extra>",
        )
    # Both halves are equally wide, with room for the labels at the ends of the bars.
    reach = 1.3 * max(abs(x) for bar in figure.data for x in bar.x)
    style(figure, height=40 * len(layers) + 80)
    # Room above the titles for the toolbar, which phones always show.
    figure.update_layout(barmode="relative", showlegend=False, bargap=0.35, margin_t=48)
    figure.update_xaxes(range=[-reach, reach], visible=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.add_vline(x=0, line_color=OUTLINE_COLOR, line_width=1)
    for x, title in ((-reach / 2, "Parameters"), (reach / 2, "MACs")):
        figure.add_annotation(
            x=x, y=1.0, yref="paper", yanchor="bottom", text=f"<b>{title}</b>", showarrow=False
        )
    return figure


def histogram(spread: TensorStats) -> go.Figure:
    """A histogram with a square-root scale, on which rare values are visible."""
    figure = go.Figure()
    figure.add_bar(
        x=(spread.edges[:-1] + spread.edges[1:]) / 2,
        y=spread.counts**0.5,
        customdata=spread.counts,
        marker={"color": TRAIN_COLOR},
        hovertemplate="%{customdata:,} values around %{x:.3g}<extra></extra>",
    )
    style(figure, height=180)
    figure.update_layout(showlegend=False, bargap=0)
    figure.update_yaxes(showticklabels=False, title="count (square-root scale)")
    return figure
