"""TODO docstring."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from alexnet_demo.common.text import memory, percent
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # it imports torch
    from alexnet_demo.inference.classifier import Classifier


@dataclass(frozen=True)
class _Made:
    """An ONNX file, which goes when nobody holds its folder any more, and how it was checked."""

    folder: tempfile.TemporaryDirectory[str]
    path: Path
    report: dict[str, Any]


@st.cache_resource(max_entries=2, show_spinner="Making the file and checking it…")
def _made(digest: str, _classifier: Classifier) -> _Made:
    from alexnet_demo.export import onnx

    folder = tempfile.TemporaryDirectory(prefix="alexnet-")
    path = Path(folder.name) / "alexnet.onnx"
    temperature = _classifier.confidence.temperature
    report = onnx.write_checked(_classifier.model, path, _classifier.info, temperature)
    return _Made(folder, path, report)


@st.fragment
def network_as_onnx() -> None:
    """The chosen trained network as an ONNX file: made and checked once that is asked for.

    Nothing for visitors of a closed server: each click holds the whole file in its memory.
    """
    if not (model_loading.options() and access.can_control()):
        return
    option = model_loading.selected()
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(
            "Network as ONNX",
            icon=":material/deployed_code:",
            help=f"The trained network for other programs and languages: {plain(option.label)}.",
            key="make onnx",
        )
        place = st.container()
    if asked:
        st.session_state["onnx of"] = option.id
    if st.session_state.get("onnx of") != option.id:
        return
    with place:
        try:
            classifier = model_loading.load(option)
            made = _made(classifier.digest, classifier)
        except (ValueError, RuntimeError, OSError) as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        report = made.report
        st.download_button(
            f"Save {memory(report['bytes'])}",
            made.path.read_bytes,
            file_name="alexnet-fashion-mnist.onnx",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            key="save onnx",
        )
    st.caption(
        f"Checked in ONNX Runtime: the same label on {percent(report['same_labels'], 0)} of "
        f"{report['pictures']} test pictures, and probabilities that differ by at most "
        f"{max(report['greatest_difference'], 1e-6):.6f}. What it takes and gives stands in its "
        "metadata."
    )
