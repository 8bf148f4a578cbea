"""The Experiments page: one lesson at a time, with its state in the address."""

from __future__ import annotations

import base64
import json
import re
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
from alexnet_demo.ui.experiments import convolution, step_phases, step_session
from alexnet_demo.ui.widgets.navigation import EXPERIMENTS
from tests.support.pages import open_page, page_text

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


def test_another_lesson_has_an_address_of_its_own() -> None:
    query = {"kernel": "Blur", "size": "5", "sample": "7"}
    at = open_page(EXPERIMENTS, lesson="Convolution", tour="3", **query)
    assert at.query_params.get("sample") == "7"
    at.segmented_control(key="lesson").set_value("One step").run()
    assert set(at.query_params) == {"lesson", "tour", "lr"}
    at.segmented_control(key="lesson").set_value("Convolution").run()
    assert not at.exception
    assert {name: at.query_params.get(name) for name in query} == query
    assert set(at.query_params) == {"lesson", "tour", *query}


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


# ------------------------------------------------------------------ one step


def open_step(**query: str) -> AppTest:
    return open_page(EXPERIMENTS, lesson="One step", **query)


def press(at: AppTest, label: str) -> AppTest:
    at = next(button for button in at.button if button.label == label).click().run()
    assert not at.exception
    return at


def session(at: AppTest) -> Any:
    return at.session_state["one step"]


def test_phases_follow_one_another_and_the_last_one_takes_the_step() -> None:
    at = open_step()
    for phase in step_phases.PHASES:
        assert at.session_state["phase"] == phase
        assert len(session(at).losses) == 1
        at = press(at, "Next phase")
    assert at.session_state["phase"] == "Forward"
    assert len(session(at).losses) == 2


def test_the_update_on_the_page_is_the_step_that_is_taken() -> None:
    at = open_step(phase="Update", weight="fc7", lr="0.1")
    text = page_text(at)
    (shown,) = re.findall(r"weight of fc7 at unit (\d+), input (\d+):", text)
    before, rate, gradient, after = re.findall(r"<b>\(?(-?[\d.]+)\)?</b>", text)
    assert float(after) == pytest.approx(float(before) - float(rate) * float(gradient), abs=2e-6)
    slope, exact = re.findall(r"is \*\*(-?\d+\.\d+)\*\*; the gradient is (-?\d+\.\d+)", text)[0]
    assert float(slope) == pytest.approx(float(exact), rel=0.05)
    at = press(at, "Whole step")
    weight = session(at).model.net.fc7.weight[tuple(map(int, shown))]
    assert float(weight) == pytest.approx(float(after), abs=1e-6)


def test_another_initialization_begins_again() -> None:
    at = press(open_step(), "Whole step")
    he = session(at).losses
    at = open_step(start=step_session.DEFAULT)
    assert len(he) == 2 and len(session(at).losses) == 1
    assert session(at).losses[0] != he[0]
    assert len(session(press(at, "Reset")).losses) == 1


def test_steps_that_are_far_too_long_end_the_lesson_until_it_is_reset() -> None:
    at = open_step(lr="1")
    while np.isfinite(session(at).losses[-1]):
        assert len(session(at).losses) < 10
        at = press(at, "Whole step")
    for phase in step_phases.PHASES:
        at.session_state["phase"] = phase
        assert not at.run().exception
    assert "no longer a number" in page_text(at)
    disabled = {button.label: button.disabled for button in at.button}
    assert disabled["Next phase"] and disabled["Whole step"] and not disabled["Reset"]
    assert session(press(at, "Reset")).losses == [pytest.approx(2.4, abs=0.5)]


@pytest.mark.parametrize(
    ("after", "word"),
    [(2.2, "falls"), (1.0, "falls"), (2.4, "rises"), (2.3, "stays"), (float("inf"), "no longer")],
)
def test_the_verdict_follows_from_the_numbers(after: float, word: str) -> None:
    text = step_phases.verdict(2.3, after, -0.1, 0.3)
    assert word in text
    assert ("nearly right" in text) == (after == 2.2)
