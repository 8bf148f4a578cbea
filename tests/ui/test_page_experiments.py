"""The Experiments page: one lesson at a time, with its state in the address."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.data.fashion_mnist import read_split
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings import paths
from alexnet_demo.ui.components.canvas import DRAWING
from alexnet_demo.ui.experiments import convolution
from alexnet_demo.ui.widgets.navigation import EXPERIMENTS
from tests.support.pages import open_page

pytestmark = pytest.mark.usefixtures("runs_dir")


def sent(at: AppTest) -> dict[str, Any]:
    """What the browser gets for the lesson on convolution."""
    (data,) = (
        json.loads(c.proto.json) for c in at.get("bidi_component") if "kernel" in c.proto.json
    )
    return data


def image(at: AppTest) -> np.ndarray:
    return np.frombuffer(base64.b64decode(sent(at)["image"]), np.uint8).reshape(28, 28)


def test_a_lesson_imports_no_torch() -> None:
    code = (
        "import sys, alexnet_demo.ui.experiments.lessons, alexnet_demo.ui.experiments.convolution;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT).returncode == 0


def test_the_address_holds_image_kernel_and_sizes() -> None:
    query = {"kernel": "1,0,-1,0", "size": "2", "stride": "3", "padding": "1", "side": "14"}
    at = open_page(EXPERIMENTS, lesson="Convolution", sample="7", **query)
    assert sent(at)["settings"] == query
    assert sent(at)["filters"] == []
    np.testing.assert_array_equal(image(at), read_split(train=False)[0][7])
    assert not [error.value for error in at.error]


def test_settings_of_the_browser_go_into_the_address() -> None:
    at = open_page(EXPERIMENTS, lesson="Convolution")
    settings = {"kernel": "Blur", "size": 5, "stride": 2, "padding": 0, "side": 28}
    at.session_state["convolution"] = {"settings": settings}
    convolution_settings = {name: str(value) for name, value in settings.items()}
    with pytest.MonkeyPatch.context() as patch:
        stored: dict[str, str] = {}
        patch.setattr(convolution.query_params, "put", stored.__setitem__)
        patch.setattr(convolution, "component_state", lambda key, name: settings)
        convolution._store()
    assert stored == convolution_settings


@pytest.mark.parametrize("sent_by_browser", [None, "text", 3, [1], {"kernel": "x" * 9_000}])
def test_a_browser_can_send_anything(sent_by_browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, str] = {}
    monkeypatch.setattr(convolution.query_params, "put", stored.__setitem__)
    monkeypatch.setattr(convolution, "component_state", lambda key, name: sent_by_browser)
    convolution._store()
    assert all(len(value) <= 2_000 for value in stored.values())


def test_a_drawing_is_light_on_black() -> None:
    at = open_page(EXPERIMENTS, lesson="Convolution", image=convolution.DRAWING)
    assert not image(at).any()
    line = {"tool": "pen", "width": 20, "points": [[20, 128], [236, 128]]}
    at.session_state[DRAWING] = [line]
    pixels = image(at.run())
    assert pixels[14, 14] > 200 and not pixels[:10].any()


def test_filters_are_those_of_the_included_model(
    tiny_model: AlexNet, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    assert sent(open_page(EXPERIMENTS, lesson="Convolution"))["conv1"] is False
    (tmp_path / paths.SHIPPED_WEIGHTS).symlink_to(tiny_weights)
    at = open_page(EXPERIMENTS, lesson="Convolution", kernel=f"{convolution.CONV1}.2")
    conv1: Any = tiny_model.net.conv1
    assert sorted(each["number"] for each in sent(at)["filters"]) == list(range(6))
    for each in sent(at)["filters"]:
        expected = conv1.weight[each["number"]].detach().flatten().numpy()
        assert each["weights"] == pytest.approx(expected)
        assert each["bias"] == pytest.approx(float(conv1.bias[each["number"]]))
