"""Reports: well-formed, self-contained, true to the records, and safe from injected HTML."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from alexnet_demo.common.files import sha256
from alexnet_demo.common.text import percent
from alexnet_demo.data import fashion_mnist
from alexnet_demo.export import report
from alexnet_demo.inference import predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.jobs import actions
from alexnet_demo.runs import pins
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import LayerState, PinPrediction, Snapshot
from alexnet_demo.runs.store import prepare, recorded_runs, resolved_config
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY, ARTICLE_TRAIN_ACCURACY, CLASSES
from alexnet_demo.settings.config import TrainConfig
from tests.support.runs import canned_run

HOSTILE = """</style><script>x()</script><img src="http://evil.example/x.png"> & "q" {{ 7*7 }}"""


def parsed(html: str) -> ElementTree.Element:
    """The page as XML, which allows no tag left open and no stray character."""
    doctype, _, rest = html.partition("\n")
    assert doctype == "<!doctype html>"
    return ElementTree.fromstring(rest)


def text(html: str) -> str:
    """What is read on the page, spaces evened out."""
    body = parsed(html).find("body")
    assert body is not None
    return " ".join(" ".join(body.itertext()).split())


def loaded(html: str) -> list[str]:
    """Every address that a browser would fetch."""
    tree = parsed(html)
    found = [e.attrib[name] for e in tree.iter() for name in ("src", "href") if name in e.attrib]
    return found + re.findall(r"url\(([^)]*)\)|@import\s+(\S+)", html)


def answers(seed: int = 0) -> Results:
    """Made-up answers for the test set's first 500 pictures, right about nine times in ten."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 10, 500)
    scores = chance.normal(size=(500, 10)).astype(np.float32)
    scores[np.arange(500), labels] += 3.0
    shares = np.exp(scores)
    return Results(shares / shares.sum(1, keepdims=True), labels)


@pytest.fixture
def run(runs_dir: Path) -> Run:
    return canned_run(runs_dir, "20260101-000000-quick-aa", [0.5, 0.81, 0.7], "finished")


def layer(name: str, dead: float | None, ratio: float | None = 0.001) -> LayerState:
    return LayerState(name, 0.5, 1.25, 0.6, dead, 12.0, 0.03, ratio)


def watch(run: Run, pin: Pin) -> None:
    """As if the run had been watched at three moments."""
    pins.write(run.pins, [pin])
    writer = EventWriter(run.snapshots)
    heat = np.linspace(0, 255, 144).reshape(12, 12).astype(np.uint8)
    counts = tuple(tuple(90 if i == j else i for j in range(10)) for i in range(10))
    for step, p, dead in ((0, 0.1, 0.0), (5, 0.3, 0.61), (10, 0.9, 0.0)):
        rest = (1 - p) / 9
        seen = PinPrediction(tuple(p if i == 6 else rest for i in range(10)), heat)
        moment = Snapshot(
            *(step, step / 5, 1.0, np.zeros((4, 11, 11), np.uint8), 0.5),
            {pin.id: seen},
            (layer("conv1", dead), layer("fc8", None)),
            None if step == 0 else 0.8,
            None if step == 0 else counts,
        )
        writer.write("moment", **moment.to_json())
    writer.close()


def shirt(name: str = "My shirt") -> Pin:
    return Pin(name, np.full((28, 28), 200, np.uint8), 6)


def test_it_is_well_formed_and_self_contained(run: Run):
    watch(run, shirt())
    html = report.render(run, answers())
    assert loaded(html)
    assert all(address.startswith("data:image/") for address in loaded(html))
    tree = parsed(html)
    assert not [e for e in tree.iter() if e.tag in ("script", "link", "iframe", "object", "base")]
    assert not [name for e in tree.iter() for name in e.attrib if name.startswith("on")]
    policy = [e.attrib["content"] for e in tree.iter("meta") if "http-equiv" in e.attrib]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_its_numbers_match_the_records(run: Run):
    found = answers()
    page_text = text(report.render(run, found))
    for epoch in run.history.epochs:
        assert f"{epoch['epoch']} {epoch['train_loss']:.4f}" in page_text
        assert percent(epoch["test_accuracy"], 2) in page_text
    assert f"{percent(0.81, 2)} best accuracy on 2,000 validation images, epoch 2" in page_text
    assert f"{percent(0.80, 2)} its accuracy on 2,000 test images" in page_text
    on_all = f"accuracy on {len(found.labels):,} test images"
    assert f"{percent(found.accuracy, 2)} {on_all}" in page_text
    assert f"{int((~found.correct).sum())} mistakes" in page_text
    assert f"{percent(found.calibration_error(), 2)} calibration error" in page_text
    shirts = predictions.class_scores(found.confusion)[6]
    assert shirts.precision is not None and shirts.recall is not None and shirts.f1 is not None
    figures = " ".join(percent(s) for s in (shirts.precision, shirts.recall, shirts.f1))
    assert f"Shirt {figures} {shirts.samples}" in page_text


def test_the_confusion_matrix_has_the_counts(run: Run):
    found = answers()
    tree = parsed(report.render(run, found))
    (table,) = [t for t in tree.iter("table") if t.attrib.get("class") == "confusion"]
    rows = [[int(td.text or "") for td in tr.iter("td")] for tr in table.iter("tr")][1:]
    np.testing.assert_array_equal(rows, found.confusion)
    kinds = [[td.attrib["class"] for td in tr.iter("td")] for tr in table.iter("tr")][1:]
    assert all((kind == "hit") == (i == j) for i, r in enumerate(kinds) for j, kind in enumerate(r))


def test_the_most_confident_mistakes_are_shown_with_their_images(run: Run):
    found = answers()
    html = report.render(run, found)
    first = int(found.mistakes()[0])
    shown = [e for e in parsed(html).iter("figure") if f"no. {first}" in "".join(e.itertext())]
    (figure,) = shown
    page_text = " ".join(" ".join(figure.itertext()).split())
    guess, truth = CLASSES[found.predicted[first]], CLASSES[found.labels[first]]
    confidence = percent(float(found.confidence[first]))
    assert page_text == f"{guess}, {confidence} labeled {truth} no. {first}"
    image = figure.find("img")
    assert image is not None
    pictures, _ = fashion_mnist.read_split(train=False)
    np.testing.assert_array_equal(decoded(image.attrib["src"]), pictures[first])


def decoded(url: str) -> np.ndarray:
    """The pixels of a picture that stands in its address."""
    import base64
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_the_curves_show_the_run_and_the_article(run: Run):
    accuracy, loss = (report._curve(run, run.history, name) for name in ("accuracy", "loss"))
    lines = {line.name: line for line in accuracy.lines}
    assert list(lines[run.config.eval_set].points) == [(1, 0.5), (2, 0.81), (3, 0.7)]
    published = lines["the article, 10,000 test images"].points
    assert list(published) == list(enumerate(ARTICLE_TEST_ACCURACY[:3], 1))
    published = lines["the article, 60,000 training images"].points
    assert list(published) == list(enumerate(ARTICLE_TRAIN_ACCURACY[:3], 1))
    assert [y for _, y in loss.lines[2].points] == pytest.approx([0.5, 0.19, 0.3])
    assert accuracy.y[0] <= 0.5 and accuracy.y[1] >= 0.82


def test_changed_settings_and_the_command_are_shown(run: Run):
    page_text = text(report.render(run, None))
    assert "Setting This run Recipe Epochs 3 4 Machine" in page_text
    words = " ".join(["python -m alexnet_demo", *resolved_config(run).command()])
    assert words in page_text
    assert "--device cpu --precision fp32" in words


@pytest.mark.parametrize("found", [None, answers()], ids=["no answers", "answers"])
def test_user_input_is_escaped(run: Run, found: Results | None):
    assert actions.label(run, HOSTILE, HOSTILE).done
    watch(run, shirt(HOSTILE[:40]))
    run = Run(run.directory)
    html = report.render(run, found)
    assert "<script" not in html
    assert "49" not in unescape(html).split("<body>")[1].split("</h1>")[0]
    assert text(html).count(run.name) >= 1
    assert all(address.startswith("data:") for address in loaded(html))
    heading = parsed(html).find("body/header/h1")
    assert heading is not None and heading.text == run.name


def test_pins_and_warnings_match_the_snapshots(run: Run):
    watch(run, shirt())
    html = report.render(run, None)
    page_text = text(html)
    assert "Probability of Shirt" in page_text
    assert "untrained" in page_text and "after epoch 2" in page_text
    assert "90%" in page_text
    assert re.search(r"after epoch 1: [^.]*61%", page_text)
    assert "Last snapshot, after epoch 2" in page_text
    # Without weights the counts are of the best epoch that was watched.
    assert re.search(r"epoch 2, on 1,305 validation images", page_text)
    (pin,) = [e for e in parsed(html).iter("div") if e.attrib.get("class") == "moments"]
    assert len(list(pin.iter("img"))) == 3
    marks = [e.attrib["class"] for e in pin.iter("span")]
    assert marks == ["wrong", "right", "right"]


def test_a_run_without_warnings_says_so(run: Run):
    writer = EventWriter(run.snapshots)
    filters = np.zeros((4, 11, 11), np.uint8)
    writer.write(
        "moment", **Snapshot(5, 1.0, 1.0, filters, 0.5, {}, (layer("conv1", 0),)).to_json()
    )
    writer.close()
    page_text = text(report.render(run, None))
    assert "No warnings in 1 snapshot." in page_text


def test_a_run_without_events_has_a_report(runs_dir: Path):
    directory = runs_dir / "20260101-000000-quick-aa"
    prepare(directory, TrainConfig.from_recipe("quick"))
    page_text = text(report.render(Run(directory), None))
    assert "No epoch finished yet." in page_text
    assert "interrupted" in page_text
    assert "Weights unavailable" in page_text


def test_damaged_settings_are_tolerated(run: Run):
    (run.directory / "config.json").write_text("{")
    assert "Recipe Quick look" in text(report.render(Run(run.directory), None))
    run.events.write_text("no event\n")  # where they could be read from instead
    assert "Recipe Article" in text(report.render(Run(run.directory), None))


@pytest.mark.parametrize("recorded", recorded_runs(), ids=lambda run: run.id)
def test_recorded_runs_have_a_report(recorded: Run):
    html = report.render(recorded, None)
    page_text = text(html)
    best: Any = recorded.history.best
    assert recorded.name in page_text
    assert f"{percent(best['test_accuracy'], 2)} best" in page_text
    assert len(html) < 1_500_000


def test_the_test_set_is_predicted_once_and_cached(
    run: Run, tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
):
    from alexnet_demo.inference import full_pass
    from alexnet_demo.inference.classifier import Classifier

    head = full_pass.load_split(train=False).head(300)
    monkeypatch.setattr(full_pass, "load_split", lambda train: head)
    run.best.write_bytes(tiny_weights.read_bytes())
    out = tmp_path / "new folder" / "report.html"
    done = report.write(run, out, "cpu")
    assert done["bytes"] == out.stat().st_size
    assert done["run"] == run.id
    kept = predictions.load(sha256(run.best))
    assert kept is not None
    direct = Classifier.load(tiny_weights).probabilities(head.images.numpy())
    np.testing.assert_allclose(kept.probabilities, direct, atol=2e-2)
    assert percent(kept.accuracy, 2) in text(out.read_text(encoding="utf-8"))
    monkeypatch.setattr(full_pass, "predict_test_set", None)  # not asked again
    assert report.test_results(run, "cpu") is not None


def test_a_report_without_the_test_set_has_no_images(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fashion_mnist, "RAW", Path("nowhere"))
    html = report.render(run, answers())
    assert "labeled" in text(html)
    assert not loaded(html)


def test_notes_keep_their_lines_and_the_split_is_named(runs_dir: Path):
    article = TrainConfig(epochs=1)
    run = canned_run(runs_dir, "20260101-000000-a-aa", [0.5], "finished", settings=article)
    actions.label(run, "", "first\nsecond")
    html = report.render(Run(run.directory), None)
    assert "first\nsecond" in html
    assert "best accuracy on 10,000 test images, epoch 1" in text(html)
    assert "alidation images" not in text(html)


@pytest.mark.browser
def test_it_opens_offline_without_errors(run: Run, tmp_path: Path, page: Any):
    watch(run, shirt(HOSTILE[:40]))
    actions.label(run, HOSTILE, HOSTILE)
    file = tmp_path / "report.html"
    file.write_text(report.render(Run(run.directory), answers()), encoding="utf-8")
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(file.as_uri())
    page.get_by_role("heading", name="Epochs").wait_for()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    images = page.locator("img")
    assert images.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0)")
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    wide, shown = page.evaluate(widths)
    assert wide <= shown
    # Between the margins of an A4 sheet.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1017})
    wide, shown = page.evaluate(widths)
    assert wide <= shown
