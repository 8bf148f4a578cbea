from __future__ import annotations

import csv
import io
import re
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.access import Outcome
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.images.strokes import parse, render
from alexnet_demo.inference.batcher import BUSY, MicroBatcher
from alexnet_demo.inference.classifier import Classifier, Prediction
from alexnet_demo.jobs import actions
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.settings import config, paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.predict import classify
from alexnet_demo.ui.predict.preparation import framed
from alexnet_demo.ui.widgets import prediction_view
from alexnet_demo.ui.widgets.markdown import plain
from tests.support.pages import load_page, page_text

PAGE = "pages/3_Predict.py"
STROKE = {"tool": "pen", "width": 8, "points": [[60, 60], [200, 60], [200, 200], [60, 60]]}


@pytest.fixture
def weights_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path) -> Path:
    """An empty folder of shipped weights, and no runs."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(paths, "WEIGHTS_DIR", folder)
    return folder


@pytest.fixture
def app(weights_dir: Path, tiny_weights: Path) -> AppTest:
    """The page with a shipped network, not run yet."""
    (weights_dir / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    return load_page(PAGE)


def picture(color: str = "navy") -> bytes:
    image = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(image).rectangle((20, 20, 80, 80), fill=color)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def uploaded(app: AppTest, *files: bytes) -> None:
    """Show the page with these files uploaded."""
    app.run()
    app.segmented_control(key="source").set_value("Upload").run()
    named = [(f"{number}.png", data, "image/png") for number, data in enumerate(files)]
    app.file_uploader(key="pictures").set_value(named).run()
    assert not app.exception


def sample(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("Samples").run()
    assert not app.exception


def decisions(app: AppTest) -> str:
    """The line that says what was decided about the picture."""
    (line,) = (e.value for e in app.markdown if e.value.startswith("Taken for"))
    return line.replace("\u00a0", " ")


def warnings(app: AppTest) -> list[str]:
    return [warning.value for warning in app.warning]


def make_run(
    runs: Path,
    weights: Path,
    name: str = "20260101-120000-article",
    accuracies: tuple[float, ...] = (),
) -> str:
    folder = runs / name / "checkpoints"
    folder.mkdir(parents=True)
    (runs / name / "config.json").write_text("{}")
    writer = EventWriter(runs / name / "events.jsonl")
    for number, accuracy in enumerate(accuracies, 1):
        numbers = {**dict.fromkeys(NUMBERS["epoch"], 1.0), "epoch": number}
        writer.write("epoch", **{**numbers, "test_accuracy": accuracy})
    writer.close()
    for which in ("best", "last"):
        (folder / f"{which}.safetensors").write_bytes(weights.read_bytes())
    return name


# ------------------------------------------------------------------ drawing


def test_a_blank_canvas_waits_and_a_drawing_gets_its_bars(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert "first stroke" in page_text(app) and 'class="percent"' not in page_text(app)
    app.session_state["canvas"] = {"strokes": [STROKE]}
    app.run()
    assert not app.exception
    text = page_text(app)
    assert text.count('class="percent"') == prediction_view.TOP
    assert "Taken for a drawing" in text
    app.toggle(key="all classes").set_value(True).run()
    assert page_text(app).count('class="percent"') == len(CLASSES)


def test_the_drawing_is_kept_outside_the_widget(app: AppTest) -> None:
    app.run()
    app.session_state["canvas"] = {"strokes": [STROKE]}
    app.run()
    assert app.session_state["drawing"] == [STROKE]


def test_who_comes_at_a_busy_moment_may_try_again(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = MicroBatcher(waiting=0)
    with monkeypatch.context() as patched:
        patched.setattr(classify, "BATCHER", full)
        app.session_state["drawing"] = [STROKE]
        app.run()
        assert not app.exception
        assert BUSY in warnings(app)
        assert 'class="percent"' not in page_text(app)
    app.button(key="ask again").click().run()
    assert (
        BUSY not in warnings(app) and page_text(app).count('class="percent"') == prediction_view.TOP
    )


def test_many_files_at_a_busy_moment_may_be_tried_again(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(classify, "BATCHER", MicroBatcher(waiting=0))
        uploaded(app, picture(), picture("black"))
        assert BUSY in warnings(app) and not app.dataframe
    app.button(key="ask again").click().run()
    assert BUSY not in warnings(app) and len(app.dataframe[0].value) == 2


@pytest.mark.parametrize("forged", ["nonsense", [{"tool": "pen"}], [1, 2], {"a": 1}])
def test_forged_strokes_show_one_sentence(app: AppTest, forged: object) -> None:
    app.run()
    app.session_state["canvas"] = {"strokes": forged}
    app.run()
    assert not app.exception
    assert [error.value for error in app.error] == [
        "The drawing could not be read: clear it and draw again."
    ]


# ------------------------------------------------------------------ what the network sees


def test_every_step_is_shown_before_and_after(app: AppTest) -> None:
    app.session_state["drawing"] = [STROKE]
    app.run()
    (cards,) = re.findall(r'<div class="steps".*', page_text(app))
    found = prepare(render(parse([STROKE])), Choices("sketch"))
    for step in found.steps:
        assert f"<b>{escape(step.name)}</b><span>{escape(step.explanation)}" in cards
        assert f'alt="{escape(step.name)}: {escape(step.explanation)}"' in cards
    assert cards.count('alt="Before"') == len(found.steps) - 1, "the first has no before"


def test_decisions_stand_in_words(app: AppTest) -> None:
    app.session_state["drawing"] = [STROKE]
    app.run()
    assert decisions(app) == "Taken for a drawing · dark ink on light · cropped to 58% × 58%"
    uploaded(app, picture())
    assert decisions(app) == (
        "Taken for a photo · dark on light · plain background taken off · cropped to 61% × 61%"
    )
    sample(app)
    assert decisions(app) == "Taken for a data-set picture · light on dark · not cropped"


def test_every_decision_can_be_overridden_and_left_to_the_program_again(app: AppTest) -> None:
    uploaded(app, picture())
    automatic = decisions(app)
    app.selectbox(key="polarity").set_value("keep").run()
    assert "light on dark (your choice)" in decisions(app)
    app.selectbox(key="ground").set_value("keep").run()
    assert decisions(app).endswith("background left (your choice) · not cropped")
    app.selectbox(key="kind").set_value("dataset").run()
    assert decisions(app).startswith("Taken for a data-set picture (your choice)")
    assert app.selectbox(key="ground").disabled, "only photos lose their background"
    app.button(key="reset").click().run()
    assert not app.exception
    assert decisions(app) == automatic
    assert not [button for button in app.button if button.key == "reset"]


def test_a_choice_that_leaves_nothing_can_be_taken_back(app: AppTest) -> None:
    app.session_state["drawing"] = [STROKE]
    app.run()
    app.selectbox(key="polarity").set_value("keep").run()
    assert len(app.error) == 1 and not app.exception
    app.button(key="reset").click().run()
    assert not app.error
    assert decisions(app).startswith("Taken for a drawing · dark ink on light")


def test_a_frame_by_hand_begins_where_the_automatic_one_lay(app: AppTest) -> None:
    uploaded(app, picture())
    app.selectbox(key="crop").set_value("hand").run()
    assert app.slider(key="across").value == (20, 81)
    assert decisions(app).endswith("cropped to 61% × 61% within your frame")
    app.slider(key="across").set_value((0, 50)).run()
    assert decisions(app).endswith("cropped to 30% × 61% within your frame")
    app.slider(key="across").set_value((100, 100)).run()
    assert not app.exception, "an empty frame is still a frame"
    uploaded(app, picture("red"))
    assert app.selectbox(key="crop").value == "auto", "a new picture begins automatically"


def test_the_frame_is_drawn_around_the_part_that_is_used() -> None:
    grey = np.asarray(framed(Image.new("L", (100, 50)), (0.2, 0.4, 0.6, 1.0)).convert("L"))
    rows, columns = np.nonzero(grey)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (20, 20, 59, 49)
    assert not grey[22:48, 22:58].any()


def test_a_thing_thinner_than_a_pixel_has_a_frame_too() -> None:
    image = Image.new("L", (500, 500))
    for box in ((0.5, 0.0, 0.501, 1.0), (0.0, 0.3, 1.0, 0.301), (0.999, 0.999, 1.0, 1.0)):
        assert np.asarray(framed(image, box)).any()


def test_several_views_are_shown_and_said_to_be_averaged(app: AppTest) -> None:
    uploaded(app, picture())
    assert "views" not in page_text(app)
    app.selectbox(key="ground").set_value("cluttered").run()
    text = page_text(app)
    assert "average of 2 views" in text and "its answers are averaged" in text
    assert 'alt="View 1"' in text and 'alt="View 2"' in text


def test_each_change_is_prepared_and_asked_about_once(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def predict(self: Classifier, pictures: list[PreparedImage]) -> list[Prediction]:
        asked.append(pictures)
        return real(self, pictures)

    real = Classifier.predict
    monkeypatch.setattr(Classifier, "predict", predict)
    app.session_state["drawing"] = [STROKE]
    app.run()
    app.toggle(key="all classes").set_value(True).run()
    app.run()
    assert len(asked) == 1
    app.selectbox(key="kind").set_value("photo").run()
    assert len(asked) == 2
    app.session_state["canvas"] = {"strokes": [STROKE, STROKE | {"width": 20}]}
    app.run()
    assert len(asked) == 3


# ------------------------------------------------------------------ files, samples


def test_one_upload_gets_bars_and_a_broken_one_a_sentence(app: AppTest) -> None:
    uploaded(app, picture())
    assert "Taken for a photo" in page_text(app)
    app.file_uploader(key="pictures").set_value([("bag.png", b"", "image/png")]).run()
    assert [error.value for error in app.error] == ["The file is empty."]
    assert "What the network sees" not in [heading.value for heading in app.subheader]
    assert not app.exception


def test_many_uploads_make_a_table_and_bad_ones_are_named(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("Upload").run()
    files = [
        ("one.png", picture(), "image/png"),
        ("bro*ken*.png", b"junk", "image/png"),
        ("two.png", picture("red"), "image/png"),
    ]
    app.file_uploader(key="pictures").set_value(files).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["File"].tolist() == ["one.png", "two.png"]
    assert set(table["Label"]) <= set(CLASSES)
    assert table["Picture"].str.startswith("data:image/").all()
    assert len(app.error) == 1 and app.error[0].value.startswith(r"bro\*ken\*.png: ")


def test_samples_show_the_true_class(app: AppTest) -> None:
    sample(app)
    assert "it is an Ankle boot" in page_text(app) or "Right" in page_text(app)
    app.number_input(key="sample").set_value(1).run()
    assert app.session_state["sample"] == 1
    app.selectbox(key="sample class").set_value("Bag").run()
    assert not app.exception
    assert "Right" in page_text(app) or "it is a Bag" in page_text(app)


def test_a_picture_is_pinned_and_taken_off_again_and_it_is_said(app: AppTest) -> None:
    sample(app)
    app.number_input(key="sample").set_value(4321).run()
    app.button(key="pin picture").click().run()
    assert not app.exception
    assert len(app.toast) == 1 and "pinned" in app.toast[0].value
    button = app.button(key="pin picture")
    assert button.label == "Unpin"
    assert not app.run().toast
    app.button(key="pin picture").click().run()
    assert app.button(key="pin picture").label == "Pin"


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
        app.segmented_control(key="source").set_value("Draw").run()
        app.segmented_control(key="source").set_value("Samples").run()
        assert app.number_input(key="sample").value == number  # as it was left


# ------------------------------------------------------------------ models


def test_without_a_model_one_click_starts_a_training(
    weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def start(settings: config.TrainConfig, **_: object) -> Outcome:
        started.append(settings.recipe)
        return Outcome(False, "Another training is running.")

    monkeypatch.setattr(actions, "start", start)
    app = load_page(PAGE).run()
    assert not app.exception and "No model yet" in app.subheader[0].value
    app.button[0].click().run()
    assert started == ["quick"]
    assert app.warning[0].value == "Another training is running."


def test_runs_can_be_chosen_and_preset(app: AppTest, runs_dir: Path, tiny_weights: Path) -> None:
    run = make_run(runs_dir, tiny_weights)
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


def test_the_best_network_is_asked_not_the_newest(
    weights_dir: Path, runs_dir: Path, tiny_weights: Path
) -> None:
    good = make_run(runs_dir, tiny_weights, "20260101-120000-quick", (0.858, 0.84))
    make_run(runs_dir, tiny_weights, "20260102-120000-quick", (0.1,))
    make_run(runs_dir, tiny_weights, "20260103-120000-quick")
    app = load_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="model picker").value == f"{good}/best"
    assert [label.partition(" · ")[2] for label in app.selectbox(key="model picker").options] == [
        *("best · 85.8%", "best · 10.0%", "best · untested"),
        *("last · 84.0%", "last · 10.0%", "last · untested"),
    ]


@pytest.mark.parametrize(
    ("info", "learned"),
    [
        ({"test_accuracy": 0.8}, True),
        ({"test_accuracy": 0.1}, False),
        ({"best_accuracy": -1.0, "epoch": 0}, False),
        ({"best_accuracy": -1.0, "epoch": 3}, True),  # widened, and not tested since
        ({}, True),
    ],
)
def test_a_network_near_chance_is_called_so(
    app: AppTest, weights_dir: Path, tiny_model: AlexNet, info: dict[str, float], learned: bool
) -> None:
    checkpoint.save_weights(weights_dir / paths.SHIPPED_WEIGHTS, tiny_model, info)
    app.run()
    assert not app.exception
    assert ["above chance" in text for text in warnings(app)] == ([] if learned else [True])


def test_a_damaged_checkpoint_is_refused_in_one_sentence(app: AppTest, weights_dir: Path) -> None:
    (weights_dir / paths.SHIPPED_WEIGHTS).write_bytes(b"\x80\x04pickled")
    app.run()
    assert not app.exception and len(app.error) == 1
    assert "not a readable safetensors file" in app.error[0].value


def test_uploaded_weights_are_checked_then_used(app: AppTest, tiny_weights: Path) -> None:
    app.run()
    kind = "application/octet-stream"
    app.file_uploader(key="weights file").set_value([("x.safetensors", b"no", kind)]).run()
    refusal = r"x.safetensors is not a readable safetensors file"
    assert len(app.error) == 1 and app.error[0].value.startswith(refusal)
    assert app.selectbox(key="model picker").value == "shipped"
    good = ("mine.safetensors", tiny_weights.read_bytes(), kind)
    app.file_uploader(key="weights file").set_value([good]).run()
    assert not app.exception and not app.error
    assert app.selectbox(key="model picker").value == "uploaded"


# ------------------------------------------------------------------ small parts


@pytest.mark.parametrize(
    ("likeliest", "clothing", "words"),
    [
        ({"Sneaker": 0.93, "Sandal": 0.05}, True, "This is a Sneaker (93%)"),
        ({"Ankle boot": 0.999}, True, "This is an Ankle boot (> 99%)"),
        (
            {"Sneaker": 0.48, "Ankle boot": 0.31},
            True,
            "Not sure: perhaps a Sneaker (48%) or an Ankle boot (31%)",
        ),
        ({"Bag": 0.58, "Coat": 0.09}, True, "Not sure: perhaps a Bag (58%)"),
        (
            {"Bag": 0.93, "Coat": 0.05},
            False,
            "This may not be clothing. If it is, it is perhaps a Bag (93%)",
        ),
    ],
)
def test_the_answer_is_a_sentence(
    likeliest: dict[str, float], clothing: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prediction, "clothing", clothing)
    others = [(name, 0.0) for name in CLASSES if name not in likeliest]
    answer = Prediction((*likeliest.items(), *others), "photo", 1.0)
    assert " ".join(classify.in_words(answer)).replace("\u00a0", " ") == words


def test_csv_cannot_carry_a_formula() -> None:
    even = tuple((name, 0.1) for name in CLASSES)
    names = ["=1+1.png", "+a", "-a", "@a", "\t=a", " =a", "plain, name.png"]
    text = classify.as_csv([(name, Prediction(even, "photo", 1.0)) for name in names])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["file"] for row in rows] == [f"'{name}" for name in names[:-1]] + [names[-1]]
    assert rows[0]["clothing"] == "True"
    assert rows[0]["Ankle boot"] == "0.100000" and rows[0]["label"] == CLASSES[0]


def test_markdown_in_a_name_is_shown_as_it_is() -> None:
    assert plain("**a**_b_[x](y).png") == r"\*\*a\*\*\_b\_\[x\]\(y\).png"
