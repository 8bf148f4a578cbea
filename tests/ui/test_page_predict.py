"""The Predict page: sources, preprocessing and its controls, predictions, and the model picker."""

from __future__ import annotations

import base64
import csv
import html
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from markupsafe import escape
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.access import Outcome
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.images.strokes import parse, render
from alexnet_demo.inference.batcher import BUSY, MAX_REQUEST, MicroBatcher
from alexnet_demo.inference.classifier import Classifier, Prediction
from alexnet_demo.jobs import actions
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings import config, paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.predict import classify, probes
from alexnet_demo.ui.predict.preparation import draw_frame
from alexnet_demo.ui.widgets import prediction_view
from tests.support.pages import load_page, open_page, page_text
from tests.support.runs import canned_run

PAGE = "pages/3_Predict.py"
STROKE = {"tool": "pen", "width": 8, "points": [[60, 60], [200, 60], [200, 200], [60, 60]]}
PERCENT = 'class="percent"'  # one for each bar


@pytest.fixture
def weights_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path) -> Path:
    """An empty folder for the included model, and no runs."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(paths, "WEIGHTS_DIR", folder)
    return folder


@pytest.fixture
def app(weights_dir: Path, tiny_weights: Path) -> AppTest:
    """The page with an included model, not run yet."""
    (weights_dir / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    return load_page(PAGE)


@pytest.fixture
def drawing(app: AppTest) -> AppTest:
    """The page with a drawing on it."""
    app.session_state["drawing"] = [STROKE]
    return app.run()


def image_file(color: str = "navy") -> bytes:
    image = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(image).rectangle((20, 20, 80, 80), fill=color)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def select_source(app: AppTest, name: str) -> None:
    app.run()
    app.segmented_control(key="source").set_value(name).run()
    assert not app.exception


def upload(app: AppTest, *files: bytes, names: tuple[str, ...] = ("0.png", "1.png")) -> None:
    select_source(app, "Upload")
    named = [(name, data, "image/png") for name, data in zip(names, files, strict=False)]
    app.file_uploader(key="pictures").set_value(named).run()
    assert not app.exception


def decisions(app: AppTest) -> str:
    """The line that lists the preprocessing decisions."""
    (line,) = (e.value for e in app.markdown if e.value.startswith("Treated as"))
    return line.replace("\u00a0", " ")


def warnings(app: AppTest) -> list[str]:
    return [warning.value for warning in app.warning]


# ------------------------------------------------------------------ drawing


def test_a_drawing_gets_bars_and_is_kept_outside_the_widget(app: AppTest) -> None:
    app.run()
    assert not app.exception and PERCENT not in page_text(app)
    app.session_state["canvas"] = {"strokes": [STROKE]}
    app.run()
    assert not app.exception
    assert page_text(app).count(PERCENT) == prediction_view.TOP
    assert decisions(app).startswith("Treated as a drawing")
    assert app.session_state["drawing"] == [STROKE]
    app.toggle(key="all classes").set_value(True).run()
    assert page_text(app).count(PERCENT) == len(CLASSES)


def test_what_is_no_clothing_gets_no_percentages_unless_asked_for(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prediction, "clothing", False)
    app.session_state["drawing"] = [STROKE]
    app.run()
    shown = page_text(app)
    assert "This doesn't look like clothing" in html.unescape(shown)
    assert "The closest class is" in shown and PERCENT not in shown
    app.toggle(key="all classes").set_value(True).run()
    assert page_text(app).count(PERCENT) == len(CLASSES)


@pytest.mark.parametrize("count", [1, 2])
def test_a_busy_server_offers_to_try_again(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(classify, "BATCHER", MicroBatcher(max_queued=0))
        upload(app, *[image_file(), image_file("black")][:count])
        assert BUSY in warnings(app)
        assert PERCENT not in page_text(app) and not app.dataframe
    app.button(key="ask again").click().run()
    assert BUSY not in warnings(app)
    assert len(app.dataframe[0].value) == 2 if count == 2 else PERCENT in page_text(app)


@pytest.mark.parametrize("forged", ["nonsense", [{"tool": "pen"}], [1, 2], {"a": 1}])
def test_forged_strokes_show_one_error(app: AppTest, forged: object) -> None:
    app.run()
    app.session_state["canvas"] = {"strokes": forged}
    app.run()
    assert not app.exception and len(app.error) == 1


def test_any_file_can_be_uploaded_and_is_named_by_its_content(app: AppTest) -> None:
    upload(app, b"%PDF-1.7 and more", names=("shirt.jpg",))
    assert len(app.error) == 1 and "PDF" in app.error[0].value
    upload(app, b"%PDF-1.7 and more", image_file(), names=("scan.pdf", "shirt.png"))
    assert len(app.error) == 1 and "PDF" in app.error[0].value
    assert len(app.dataframe[0].value) == 1


# ------------------------------------------------------------------ preprocessing


def test_every_step_is_shown_before_and_after(drawing: AppTest) -> None:
    (cards,) = re.findall(r'<div class="steps".*', page_text(drawing), re.DOTALL)
    steps = prepare(render(parse([STROKE])), Choices("sketch")).steps
    for step in steps:
        assert f"<b>{escape(step.name)}</b><span>{escape(step.explanation)}" in cards
        assert f'alt="{escape(step.name)}: {escape(step.explanation)}"' in cards
    assert cards.count('alt="Before"') == len(steps) - 1, "nothing comes before the first"


def test_decisions_are_listed(drawing: AppTest) -> None:
    app = drawing
    assert decisions(app) == "Treated as a drawing · dark ink on light · cropped to 58% × 58%"
    upload(app, image_file())
    assert decisions(app) == (
        "Treated as a photo · dark on light · plain background removed · cropped to 61% × 61%"
    )
    select_source(app, "Samples")
    assert decisions(app) == "Treated as a dataset image · light on dark · not cropped"
    assert "you chose" not in page_text(app), "nothing was chosen"


def test_in_the_dark_theme_the_steps_show_light_ink_on_dark_as_drawn(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.session_state["drawing"] = [STROKE]
    light = page_text(app.run())
    monkeypatch.setattr(type(st.context), "theme", SimpleNamespace(type="dark"))
    dark = page_text(app.run())
    assert decisions(app) == "Treated as a drawing · light ink on dark · cropped to 58% × 58%"
    assert original(light).getpixel((1, 1)) == 255 and original(dark).getpixel((1, 1)) == 0
    assert light.count(PERCENT) == dark.count(PERCENT) == prediction_view.TOP


def original(page: str) -> Image.Image:
    """The first image of the steps, in gray."""
    found = re.search(r'class="step".*?base64,([^"]*)"', page, re.DOTALL)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("L")


def test_every_decision_can_be_overridden_and_reset(app: AppTest) -> None:
    upload(app, image_file())
    automatic = decisions(app)
    app.selectbox(key="polarity").set_value("keep").run()
    assert "light on dark (your choice)" in decisions(app)
    app.selectbox(key="ground").set_value("keep").run()
    assert decisions(app).endswith("background kept (your choice) · not cropped")
    app.selectbox(key="kind").set_value("dataset").run()
    assert decisions(app).startswith("Treated as a dataset image (your choice)")
    assert app.selectbox(key="ground").disabled, "only photos lose their background"
    app.button(key="reset").click().run()
    assert not app.exception
    assert decisions(app) == automatic
    assert not [button for button in app.button if button.key == "reset"]


def test_a_choice_that_leaves_nothing_can_be_reset(drawing: AppTest) -> None:
    drawing.selectbox(key="polarity").set_value("keep").run()
    assert len(drawing.error) == 1 and not drawing.exception
    drawing.button(key="reset").click().run()
    assert not drawing.error
    assert decisions(drawing).startswith("Treated as a drawing · dark ink on light")


def test_a_manual_crop_starts_from_the_automatic_one(app: AppTest) -> None:
    upload(app, image_file())
    app.selectbox(key="crop").set_value("hand").run()
    assert app.slider(key="across").value == (20, 81)
    assert decisions(app).endswith("cropped to 61% × 61% within your frame")
    app.slider(key="across").set_value((0, 50)).run()
    assert decisions(app).endswith("cropped to 30% × 61% within your frame")
    app.slider(key="across").set_value((100, 100)).run()
    assert not app.exception, "an empty range is widened"
    upload(app, image_file("red"))
    assert app.selectbox(key="crop").value == "auto", "a new image starts with automatic choices"


def test_the_frame_is_drawn_around_the_crop() -> None:
    gray = np.asarray(draw_frame(Image.new("L", (100, 50)), (0.2, 0.4, 0.6, 1.0)).convert("L"))
    rows, columns = np.nonzero(gray)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (20, 20, 59, 49)
    assert not gray[22:48, 22:58].any()


def test_a_crop_thinner_than_a_pixel_has_a_frame() -> None:
    image = Image.new("L", (500, 500))
    for box in ((0.5, 0.0, 0.501, 1.0), (0.0, 0.3, 1.0, 0.301), (0.999, 0.999, 1.0, 1.0)):
        assert np.asarray(draw_frame(image, box)).any()


def test_several_views_are_shown_and_averaged(app: AppTest) -> None:
    upload(app, image_file())
    assert "View 1" not in page_text(app)
    app.selectbox(key="ground").set_value("cluttered").run()
    text = page_text(app)
    assert "average of 2 views" in text
    assert 'alt="View 1"' in text and 'alt="View 2"' in text


def test_each_change_is_classified_once(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def predict(self: Classifier, images: list[PreparedImage]) -> list[Prediction]:
        calls.append(images)
        return real(self, images)

    real = Classifier.predict
    monkeypatch.setattr(Classifier, "predict", predict)
    app.session_state["drawing"] = [STROKE]
    app.run()
    app.toggle(key="all classes").set_value(True).run()
    app.run()
    assert len(calls) == 1
    app.selectbox(key="kind").set_value("photo").run()
    assert len(calls) == 2
    app.session_state["canvas"] = {"strokes": [STROKE, STROKE | {"width": 20}]}
    app.run()
    assert len(calls) == 3


# ------------------------------------------------------------------ files, samples


def test_one_upload_gets_bars_and_an_empty_file_an_error(app: AppTest) -> None:
    upload(app, image_file())
    assert decisions(app).startswith("Treated as a photo")
    upload(app, b"")
    assert len(app.error) == 1 and PERCENT not in page_text(app)


def test_several_uploads_make_a_table_and_unusable_ones_are_named(app: AppTest) -> None:
    files = image_file(), b"junk", image_file("red")
    upload(app, *files, names=("one.png", "bro*ken*.png", "two.png"))
    table = app.dataframe[0].value
    assert table["File"].tolist() == ["one.png", "two.png"]
    assert set(table["Prediction"]) <= set(CLASSES)
    assert table["Image"].str.startswith("data:image/").all()
    assert len(app.error) == 1 and app.error[0].value.startswith(r"bro\*ken\*.png: ")


def test_samples_show_the_true_class(app: AppTest) -> None:
    select_source(app, "Samples")
    assert "labeled as an ankle boot" in page_text(app) or "Correct" in page_text(app)
    app.number_input(key="sample").set_value(1).run()
    assert app.session_state["sample"] == 1
    app.selectbox(key="sample class").set_value("Bag").run()
    assert not app.exception
    assert "Correct" in page_text(app) or "labeled as a bag" in page_text(app)


def test_an_image_can_be_pinned_and_unpinned(app: AppTest) -> None:
    select_source(app, "Samples")
    app.number_input(key="sample").set_value(4321).run()
    app.button(key="pin picture").click().run()
    assert not app.exception and len(app.toast) == 1
    assert app.button(key="pin picture").label == "Unpin"
    assert not app.run().toast
    app.button(key="pin picture").click().run()
    assert app.button(key="pin picture").label == "Pin"


def test_what_pins_are_for_is_said_until_one_was_used(app: AppTest) -> None:
    select_source(app, "Samples")
    assert "Training replay* on Train" in page_text(app)
    app.button(key="pin picture").click().run()
    assert "Training replay* on Train" not in page_text(app)
    assert "Training replay* on Train" in app.button(key="pin picture").help


@pytest.mark.parametrize(
    ("link", "source", "number"),
    [
        ({"source": "Samples", "sample": "17"}, "Samples", 17),
        ({"source": "Samples", "sample": "10000"}, "Samples", 0),
        ({"source": "Samples", "sample": "x"}, "Samples", 0),
        ({"source": "Elsewhere", "sample": "-1"}, "Draw", None),
    ],
)
def test_a_link_opens_a_source_and_a_sample(
    app: AppTest, link: dict[str, str], source: str, number: int | None
) -> None:
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert app.segmented_control(key="source").value == source
    if number is not None:
        assert app.number_input(key="sample").value == number
        select_source(app, "Draw")
        select_source(app, "Samples")
        assert app.number_input(key="sample").value == number, "kept while it was hidden"


# ------------------------------------------------------------------ probes


def plots(app: AppTest) -> list[str]:
    """The plots of the page as JSON."""
    names = ("push probabilities", "morph probabilities")
    components = [c.proto for c in app.get("bidi_component")]
    return [p.json for p in components if any(name in p.id for name in names)]


def select_probe(app: AppTest, name: str) -> None:
    app.segmented_control(key="probe").set_value(name).run()
    assert not app.exception


def test_no_probe_without_an_image(app: AppTest) -> None:
    app.run()
    assert "Probe the network" not in [heading.value for heading in app.subheader]


def test_a_link_opens_a_probe(app: AppTest) -> None:
    app.query_params["source"], app.query_params["probe"] = "Samples", "Small push"
    app.run()
    assert not app.exception
    assert app.segmented_control(key="probe").value == "Small push"
    assert len(plots(app)) == 1


def test_evidence_is_shown_for_a_drawing(drawing: AppTest) -> None:
    select_probe(drawing, "Evidence")
    assert "Evidence for each class" in page_text(drawing)
    drawing.toggle(key="cover parts").set_value(True).run()
    assert not drawing.exception
    assert "What covering a part costs" in page_text(drawing)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The images whose class probabilities are computed for probes, from now on."""
    st.cache_data.clear()
    images: list[np.ndarray] = []
    real = Classifier.probabilities

    def probabilities(self: Classifier, pixels: np.ndarray) -> np.ndarray:
        images.append(pixels)
        return real(self, pixels)

    monkeypatch.setattr(Classifier, "probabilities", probabilities)
    return images


def test_parts_of_an_image_can_be_covered_by_hand(app: AppTest, batches: list[np.ndarray]) -> None:
    app.query_params["source"], app.query_params["probe"] = "Samples", "Cover"
    app.run()
    assert not app.exception
    assert page_text(app).count("Without covering:") == 1
    (key,) = (c.proto.id for c in app.get("bidi_component") if "cover " in c.proto.id)
    name = re.search("cover [0-9a-f]{16}", key)
    assert name
    app.session_state[name[0]] = {"strokes": [STROKE | {"width": 60}]}
    app.run()
    assert not app.exception
    assert app.session_state[f"{name[0]} strokes"] == [STROKE | {"width": 60}]
    assert "drawing" not in app.session_state
    pixels, covered = batches[-1]
    changed = covered != pixels
    assert changed.any() and not covered[changed].any()
    assert covered[27, :].tolist() == pixels[27, :].tolist(), "the stroke is above"
    app.session_state[name[0]] = {"strokes": "forged"}
    app.run()
    assert not app.exception and len(app.error) == 1


def test_a_push_is_computed_once_for_all_sizes(drawing: AppTest, batches: list[np.ndarray]) -> None:
    batches.clear()  # those of loading the model
    select_probe(drawing, "Small push")
    assert sum(map(len, batches)) == 1 + probes.MAX_PUSH + 1
    assert all(len(batch) <= MAX_REQUEST for batch in batches)
    first = plots(drawing)
    for size in (0, probes.MAX_PUSH):
        drawing.slider(key="push size").set_value(size).run()
        assert not drawing.exception
    assert sum(map(len, batches)) == 1 + probes.MAX_PUSH + 1
    assert plots(drawing) != first
    drawing.segmented_control(key="push direction").set_value(probes.RANDOM).run()
    assert not drawing.exception
    assert sum(map(len, batches)) == 1 + 2 * (probes.MAX_PUSH + 1)


def test_a_shirt_morphs_into_a_t_shirt_by_default(app: AppTest) -> None:
    app.query_params["source"], app.query_params["sample"] = "Samples", str(probes.SHIRT)
    app.query_params["probe"] = "Morph"
    app.run()
    assert not app.exception
    labels = load_split(train=False).labels
    assert CLASSES[labels[probes.SHIRT]] == "Shirt"
    assert CLASSES[labels[probes.T_SHIRT]] == "T-shirt/top"
    assert app.number_input(key="into").value == probes.T_SHIRT
    assert app.query_params["into"] == str(probes.T_SHIRT)
    (figure,) = plots(app)
    for share in (0, 100):
        app.slider(key="morph share").set_value(share).run()
        assert not app.exception
    assert plots(app) != [figure]
    app.selectbox(key="into class").set_value("Bag").run()
    assert not app.exception
    assert CLASSES[labels[int(app.number_input(key="into").value or 0)]] == "Bag"
    assert app.number_input(key="sample").value == probes.SHIRT


def test_a_busy_server_computes_no_probe(drawing: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_data.clear()
    monkeypatch.setattr(probes, "BATCHER", MicroBatcher(max_queued=0))
    select_probe(drawing, "Small push")
    assert BUSY in warnings(drawing) and not plots(drawing)


# ------------------------------------------------------------------ models


def test_without_a_model_one_click_starts_a_run(
    weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = []

    def start(settings: config.TrainConfig, **_: object) -> Outcome:
        recipes.append(settings.recipe)
        return Outcome(False, "Another run is active.")

    monkeypatch.setattr(actions, "start", start)
    app = open_page(PAGE)
    assert "No model yet" in app.subheader[0].value
    app.button[0].click().run()
    assert recipes == ["quick"]
    assert warnings(app) == ["Another run is active."]


def test_a_model_can_be_selected_and_linked(
    app: AppTest, runs_dir: Path, tiny_weights: Path
) -> None:
    run = canned_run(runs_dir, "20260101-120000-article", weights=tiny_weights).id
    app.run()
    assert app.selectbox(key="model picker").value == "shipped"
    app.selectbox(key="model picker").set_value(f"{run}/last").run()
    assert app.session_state["model"] == f"{run}/last"
    app.query_params["model"] = run
    app.run()
    assert app.selectbox(key="model picker").value == f"{run}/best"
    app.session_state["model"] = "gone/best"
    app.run()
    assert app.selectbox(key="model picker").value == "shipped"
    assert not app.exception


def test_the_most_accurate_run_is_the_default_not_the_newest(
    weights_dir: Path, runs_dir: Path, tiny_weights: Path
) -> None:
    best = canned_run(runs_dir, "20260101-120000-quick", (0.858, 0.84), weights=tiny_weights).id
    canned_run(runs_dir, "20260102-120000-quick", (0.1,), weights=tiny_weights)
    canned_run(runs_dir, "20260103-120000-quick", weights=tiny_weights)
    app = open_page(PAGE)
    picker = app.selectbox(key="model picker")
    assert picker.value == f"{best}/best"
    assert [label.partition(" · ")[2] for label in picker.options] == [
        *("best · 85.8% of 2,000 validation images", "best · 10.0% of 2,000 validation images"),
        *("best · not evaluated", "last · 84.0% of 2,000 validation images"),
        *("last · 10.0% of 2,000 validation images", "last · not evaluated"),
    ]


@pytest.mark.parametrize(
    ("info", "warned"),
    [
        ({"test_accuracy": 0.8}, False),
        ({"test_accuracy": 0.1}, True),
        ({"validation_accuracy": 0.8}, False),
        ({"validation_accuracy": 0.1}, True),
        ({"best_accuracy": -1.0, "epoch": 0}, True),
        ({"best_accuracy": -1.0, "epoch": 3}, False),  # widened and not yet tested
        ({}, False),
    ],
)
def test_a_model_near_chance_is_warned_about(
    app: AppTest, weights_dir: Path, tiny_model: AlexNet, info: dict[str, float], warned: bool
) -> None:
    checkpoint.save_weights(weights_dir / paths.SHIPPED_WEIGHTS, tiny_model, info)
    app.run()
    assert not app.exception
    assert ["chance (10%)" in text for text in warnings(app)] == [True] * warned


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"validation_accuracy": 0.8}, "validation accuracy 80.0%"),
        ({"test_accuracy": 0.8}, "test accuracy 80.0%"),
        ({"test_accuracy": 0.8, "config": {"validation": 0}}, "test accuracy 80.0%"),
        # As 0.5 wrote it for a run with validation images
        ({"test_accuracy": 0.8, "config": {"validation": 3000}}, "validation accuracy 80.0%"),
    ],
)
def test_a_models_accuracy_says_on_which_images(
    app: AppTest, weights_dir: Path, tiny_model: AlexNet, info: dict[str, Any], expected: str
) -> None:
    checkpoint.save_weights(weights_dir / paths.SHIPPED_WEIGHTS, tiny_model, info)
    app.run()
    (line,) = [c.value for c in app.caption if c.value.startswith("AlexNet, width")]
    *_, accuracy, backend = line.split(" · ")
    assert accuracy == expected and backend.startswith("runs in PyTorch")


def test_a_damaged_checkpoint_shows_one_error(app: AppTest, weights_dir: Path) -> None:
    (weights_dir / paths.SHIPPED_WEIGHTS).write_bytes(b"\x80\x04pickled")
    app.run()
    assert not app.exception and len(app.error) == 1
    assert "safetensors" in app.error[0].value


def test_uploaded_weights_are_checked_then_used(app: AppTest, tiny_weights: Path) -> None:
    app.run()
    kind = "application/octet-stream"
    app.file_uploader(key="weights file").set_value([("x.safetensors", b"no", kind)]).run()
    assert len(app.error) == 1 and app.error[0].value.startswith("x.safetensors ")
    assert app.selectbox(key="model picker").value == "shipped"
    good = ("mine.safetensors", tiny_weights.read_bytes(), kind)
    app.file_uploader(key="weights file").set_value([good]).run()
    assert not app.exception and not app.error
    assert app.selectbox(key="model picker").value == "uploaded"


# ------------------------------------------------------------------ small parts


@pytest.mark.parametrize(
    ("top", "clothing", "sentence"),
    [
        ({"Sneaker": 0.93, "Sandal": 0.05}, True, "This is a sneaker (93.0%)"),
        ({"Trouser": 0.93, "Dress": 0.05}, True, "These are trousers (93.0%)"),
        ({"Ankle boot": 0.99996}, True, "This is an ankle boot (>99.9%)"),
        (
            {"Sneaker": 0.48, "Ankle boot": 0.31},
            True,
            "Not sure. Best guess: a sneaker (48.0%) or an ankle boot (31.0%)",
        ),
        ({"Bag": 0.58, "Coat": 0.09}, True, "Not sure. Best guess: a bag (58.0%)"),
        ({"Bag": 0.93, "Coat": 0.05}, False, " This doesn't look like clothing"),
    ],
)
def test_a_prediction_in_words(
    top: dict[str, float], clothing: bool, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prediction, "clothing", clothing)
    others = [(name, 0.0) for name in CLASSES if name not in top]
    prediction = Prediction((*top.items(), *others), "photo", 1.0)
    assert " ".join(classify.in_words(prediction)) == sentence


def test_csv_cannot_carry_a_formula() -> None:
    uniform = tuple((name, 0.1) for name in CLASSES)
    names = ["=1+1.png", "+a", "-a", "@a", "\t=a", " =a", "plain, name.png"]
    text = classify.as_csv([(name, Prediction(uniform, "photo", 1.0)) for name in names])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["file"] for row in rows] == [f"'{name}" for name in names[:-1]] + [names[-1]]
    assert rows[0]["clothing"] == "True"
    assert rows[0]["Ankle boot"] == "0.100000" and rows[0]["label"] == CLASSES[0]
