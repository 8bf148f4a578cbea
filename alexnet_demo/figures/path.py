"""Class probabilities along a path of images: probabilities → a Plotly figure. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from alexnet_demo.common import text
from alexnet_demo.figures import theme
from alexnet_demo.settings.article import CLASSES

MIN_PROBABILITY = 0.05  # that a class reaches somewhere on the path, or it is left out


def path_figure(
    positions: Sequence[float], probabilities: np.ndarray, selected: float, title: str
) -> go.Figure:
    """A line for each class that matters, and a vertical line at the selected image.

    Args:
        positions: of the images on the path, ascending.
        probabilities: float (images, 10).
        selected: a position.
        title: of the horizontal axis.
    """
    figure = go.Figure()
    for name, values in zip(CLASSES, probabilities.T, strict=True):
        if values.max() >= MIN_PROBABILITY:
            figure.add_scatter(
                x=list(positions),
                y=values.tolist(),
                name=name,
                mode="lines",
                line={"color": theme.CLASS_COLORS[name], "width": theme.CURVE_WIDTH},
                customdata=[text.probability(value) for value in values],
                hovertemplate="%{fullData.name}: %{customdata}<extra></extra>",
            )
    theme.style(figure, height=300).update_layout(margin_r=24)  # or the last tick has no label
    figure.add_vline(x=selected, line=theme.REFERENCE_LINE)
    figure.update_layout(showlegend=True, xaxis_title=title, yaxis_title="Class probability")
    figure.update_xaxes(range=[positions[0], positions[-1]])
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure
