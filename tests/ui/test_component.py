from __future__ import annotations

import json

import pytest
from streamlit.components.v2.bidi_component.serialization import BidiComponentSerde
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state import session_state
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import WStates

from alexnet_demo.ui.components import component


@pytest.mark.parametrize(
    "sent", ["[" * 100_000 + "]" * 100_000, '{"strokes": ' + "[" * 100_000, "", "{", '"text"']
)
def test_states_that_cannot_be_parsed_count_as_none_sent(sent: str) -> None:
    """Fails when Streamlit renames what `component` replaces."""
    assert session_state.unpack_widget_state_value is component._unpack_or_none
    states, serde = WStates(), BidiComponentSerde()
    states.set_widget_from_proto(WidgetState(id="canvas", json_value=sent))
    states.set_widget_metadata(
        WidgetMetadata(
            id="canvas",
            deserializer=serde.deserialize,
            serializer=json.dumps,
            value_type="json_value",
        )
    )
    assert states["canvas"] == {}
