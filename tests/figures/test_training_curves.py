"""Curves of accuracy and loss."""

from __future__ import annotations

from typing import Any

from alexnet_demo.figures.training import (
    MAX_POINTS,
    compare_runs,
    downsample,
    published_curves,
    training_curve,
)
from alexnet_demo.runs.history import NUMBERS, History
from alexnet_demo.settings.article import (
    ARTICLE_CURVES,
    ARTICLE_TEST_ACCURACY,
    ARTICLE_TRAIN_ACCURACY,
)

ARTICLE = "article, 10,000 test images"
ARTICLE_TRAINING = "article, 60,000 training images"


def history_of(count: int, best: int, pace: float = 0.0, validation: int = 0) -> History:
    """``count`` epochs, ``pace`` seconds apart."""
    history = History()
    config = {"validation": validation}
    history.add({"event": "start", "step": 0, "time": pace, "config": config})
    for i in range(1, count + 1):
        for kind in ("batch", "epoch"):
            when = {"step": i, "epoch": i, "time": i * pace}
            numbers = dict.fromkeys(NUMBERS[kind], 1.0) | when
            accuracy = 0.9 if i == best else 0.5
            history.add({"event": kind, **numbers, "test_accuracy": accuracy})
    return history


def traces(figure: Any) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def test_downsampling_keeps_the_best_and_the_last_epoch():
    history = history_of(5_003, best=1_234)
    kept = downsample(history.epochs, keep=history.best)
    assert len(kept) <= MAX_POINTS + 1
    assert history.best in kept
    assert kept[-1] is history.epochs[-1]
    figure = traces(training_curve(history, "accuracy", 5_003))
    assert max(figure["test images, per epoch"].y) == 0.9
    assert list(figure["best epoch"].x) == [1_234]


def test_the_articles_curves_are_the_reference():
    figure = traces(training_curve(history_of(2, 1), "accuracy", 10))
    assert list(figure[ARTICLE].y) == list(ARTICLE_TEST_ACCURACY)
    assert list(figure[ARTICLE_TRAINING].y) == list(ARTICLE_TRAIN_ACCURACY)
    assert figure[ARTICLE].line.dash != figure[ARTICLE_TRAINING].line.dash
    assert training_curve(History(), "loss", 3, log_scale=True).layout.yaxis.type == "log"


def test_a_comparison_has_a_line_per_run():
    runs = [("one", history_of(2, 1)), ("two", history_of(3, 2))]
    figure = traces(compare_runs(runs, "accuracy"))
    assert list(figure["two, test images"].y) == [0.5, 0.9, 0.5]
    assert set(figure) == {"one, test images", "two, test images", ARTICLE}
    assert list(traces(compare_runs(runs, "loss"))["two, test images"].y) == [1.0, 1.0, 1.0]


def test_curves_are_named_after_the_images_that_epochs_are_evaluated_on():
    validated, tested = history_of(2, 1, validation=100), history_of(2, 2)
    figure = training_curve(validated, "accuracy", 2, others=[("other", tested)])
    names = {"100 validation images, per epoch", "other, test images", ARTICLE, ARTICLE_TRAINING}
    assert names < set(traces(figure)) and "test images, per epoch" not in traces(figure)
    assert (
        "100 validation images, "
        in traces(figure)["100 validation images, per epoch"].hovertemplate
    )
    comparison = compare_runs([("a", validated), ("b", tested)], "accuracy")
    assert set(traces(comparison)) == {"a, 100 validation images", "b, test images", ARTICLE}
    assert "est" not in comparison.layout.yaxis.title.text


def test_the_x_axis_can_show_minutes():
    quick, slow = (history_of(2, 1, pace) for pace in (60, 600))
    figure = training_curve(quick, "accuracy", 2, others=[("slow", slow)], axis="minutes")
    assert list(traces(figure)["test images, per epoch"].x) == [0, 1]
    assert list(traces(figure)["slow, test images"].x) == [0, 10]
    assert not {ARTICLE, ARTICLE_TRAINING} & set(traces(figure))  # the article gives no times
    comparison = traces(compare_runs([("slow", slow)], "loss", "minutes"))
    assert list(comparison["slow, test images"].x) == [0, 10]


def test_the_published_run_alone():
    for metric, curves in ARTICLE_CURVES.items():
        figure = traces(published_curves(metric))
        assert set(figure) == {ARTICLE, ARTICLE_TRAINING}
        assert list(figure[ARTICLE].y) == list(curves["test"])
        # Dropout makes training harder: the first epochs are better on test images.
        assert (curves["training"][0] < curves["test"][0]) == (metric == "accuracy")


def test_an_empty_curve_explains_itself():
    (words,) = training_curve(History(), "accuracy", 3).layout.annotations
    assert words.text
    assert not training_curve(history_of(1, 1), "accuracy", 3).layout.annotations
