"""Plotly figures that keep their zoom while data arrives, and that can be saved."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st

from alexnet_demo.common.files import write_atomically
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.ui.components.component import register

# Plotly's own style sheet must reach the plot.
_mount = register("plot", __file__, isolate_styles=False)
_UNREACHABLE = "plotly script unreachable"  # session state


class Plot:
    """A figure with its JSON, which takes long to write, so that it can be cached."""

    def __init__(self, figure: go.Figure) -> None:
        self.figure, self.json = figure, figure.to_json()


def live_plot(figure: go.Figure | Plot, alt: str, key: str, *, zoom: bool = True) -> None:
    """Show a figure, or update the one that has this key.

    Args:
        figure: with ``layout.height`` set; zoom and hidden traces are kept while its
            ``layout.uirevision`` is unchanged.
        alt: description for screen readers.
        key: unique on the page; also the name of the PNG or SVG file that can be saved.
        zoom: whether one can zoom and pan.
    """
    plot, script = figure if isinstance(figure, Plot) else Plot(figure), _plotly_script()
    if script is None or st.session_state.get(_UNREACHABLE):
        st.plotly_chart(plot.figure, key=key, width="stretch")
        return
    _mount(
        data={
            "plotly": script,
            "figure": plot.json,
            "alt": alt,
            "name": re.sub(r"\W+", "-", f"alexnet {key}"),
            "zoom": zoom,
        },
        key=key,
        height=plot.figure.layout.height,
        on_failed_change=_use_streamlit_charts,
    )


def _use_streamlit_charts() -> None:
    """Show all further figures of this session without the script, which did not load."""
    st.session_state[_UNREACHABLE] = True


@cache
def _plotly_script() -> str | None:
    """Name of Plotly's script in the folder ``static``; None if the folder is not writable.

    The script is part of the plotly package and is copied to the folder once.
    """
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    served = ROOT / "static" / f"plotly-{plotly.__version__}.min.js"
    try:
        if not served.is_file() or served.stat().st_size != source.stat().st_size:
            served.parent.mkdir(exist_ok=True)
            write_atomically(served, lambda temporary: shutil.copyfile(source, temporary))
    except OSError:
        return None
    return served.name
