"""The network, layer by layer: to scale, in numbers, and with other settings."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui.architecture import alexnet_variants, explore, layer_table, onnx_button
from alexnet_demo.ui.frame.page import page

page(
    "Architecture",
    "Five convolutions turn a picture into ever smaller, ever deeper feature maps; three fully "
    "connected layers turn those into a decision.",
)
choice, beside_numbers = explore.choose()
try:
    with st.spinner("Measuring the network… The first time this loads PyTorch."):
        summary = explore.measure(choice)
except ValueError as error:
    beside_numbers.error(str(error))
    st.error(str(error), icon=":material/error:")
    st.stop()

layer_table.totals(summary)
explore.explore(summary, trained=choice == explore.DEMO)
explore.shares(summary)
layer_table.table(summary)
if choice == explore.DEMO:
    onnx_button.network_as_onnx()
    layer_table.slip(summary)
alexnet_variants.show()
