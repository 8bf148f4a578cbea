"""Architecture: the network layer by layer, to scale, in numbers, and inside a trained model."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui.architecture import (
    alexnet_variants,
    diagram,
    layer_table,
    network_config,
    onnx_button,
)
from alexnet_demo.ui.frame.page import page

page(
    "Architecture",
    "Two convolutional layers with max pooling shrink the image to 12×12 maps, three more combine "
    "patterns in maps of that size, and three fully connected layers classify the result.",
)
config, messages = network_config.choose()
try:
    message = "Measuring the layers… (The first time, this loads PyTorch.)"
    with st.spinner(message, show_time=True):
        summary = network_config.measure(config)
except ValueError as error:
    messages.error(str(error))
    st.error(str(error), icon=":material/error:")
    st.stop()

is_demo = config == network_config.DEMO
layer_table.show_totals(summary)
diagram.show(summary, trained=is_demo)
layer_table.show_shares(summary)
layer_table.show_table(summary)
if is_demo:
    onnx_button.show()
    layer_table.show_article_error(summary)
alexnet_variants.show()
