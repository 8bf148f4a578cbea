"""The selected model as an ONNX file to download."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import streamlit as st

from alexnet_demo.common.text import memory, percent
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

_EXPORTED = "onnx of"  # session state: id of the model whose file is offered


@st.cache_resource(max_entries=2, show_spinner="Exporting and checking the model…", show_time=True)
def _export(
    digest: str, _classifier: Classifier
) -> tuple[TemporaryDirectory[str], Path, dict[str, Any]]:
    """Returns the folder, deleted once it leaves the cache; the file in it; and its report."""
    from alexnet_demo.export import onnx

    folder = TemporaryDirectory(prefix="alexnet-")
    path = Path(folder.name) / "alexnet.onnx"
    temperature = _classifier.confidence.temperature
    return folder, path, onnx.write_checked(_classifier.model, path, _classifier.info, temperature)


@st.fragment
def show() -> None:
    """Export the selected model on a click, then offer the file.

    Visitors of a read-only server get no button: each download holds the whole file in memory.
    """
    if not (model_loading.options() and access.can_control()):
        return
    option = model_loading.selected()
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Model as ONNX",
            icon=":material/deployed_code:",
            help=f"For other programs and languages: {plain(option.label)}.",
            key="make onnx",
        ):
            st.session_state[_EXPORTED] = option.id
        if st.session_state.get(_EXPORTED) != option.id:
            return
        try:
            classifier = model_loading.load(option)
            _, path, report = _export(classifier.digest, classifier)
        except (ValueError, RuntimeError, OSError) as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        st.download_button(
            f"Save {memory(report['bytes'])}",
            path.read_bytes,
            file_name="alexnet-fashion-mnist.onnx",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            key="save onnx",
        )
    st.caption(
        f"Checked in ONNX Runtime: the same prediction for {percent(report['same_labels'], 0)} of "
        f"{report['pictures']} test images, and probabilities within "
        f"{max(report['greatest_difference'], 1e-6):.6f}. The file's metadata describes its input "
        "and output."
    )
