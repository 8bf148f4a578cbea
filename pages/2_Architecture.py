"""The network, layer by layer: to scale, in numbers, and with other settings."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui import architecture, comparison, exports, layer_table
from alexnet_demo.ui.shell import page

page(
    "Architecture",
    "Five convolutions turn a picture into ever smaller, ever deeper feature maps; three fully "
    "connected layers turn those into a decision.",
)
choice, beside_numbers = architecture.choose()
try:
    with st.spinner("Measuring the network… The first time this loads PyTorch."):
        summary = architecture.measure(choice)
except ValueError as error:
    beside_numbers.error(str(error))
    st.error(str(error), icon=":material/error:")
    st.stop()

layer_table.totals(summary)
architecture.explore(summary, trained=choice == architecture.DEMO)
architecture.shares(summary)
layer_table.table(summary)
if choice == architecture.DEMO:
    exports.network_as_onnx()
    layer_table.slip(summary)
comparison.show()
