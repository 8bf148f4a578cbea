"""The curves of an experiment: a mean and a band over the seeds, by images seen."""

from __future__ import annotations

from alexnet_demo.figures.twin_runs import bands, twin_curves
from alexnet_demo.runs.twin_runs import EPOCH, TwinRun
from alexnet_demo.settings.experiments import EXPERIMENTS

DATA = EXPERIMENTS["data"]


def run(variant: str, seed: int, accuracies: list[float], images: int) -> TwinRun:
    epochs = [dict.fromkeys(EPOCH, accuracy) for accuracy in accuracies]
    return TwinRun(variant, seed, epochs, images)


RUNS = [
    run("500", 0, [0.2, 0.4], 500),
    run("500", 1, [0.4, 0.8], 500),
    run("5,000", 0, [0.5], 5000),
    run("20,000", 0, [], 20_000),
]


def test_bands_hold_the_range_and_the_mean_over_the_seeds() -> None:
    curves = bands(DATA, RUNS, "test_accuracy")
    assert list(curves) == list(DATA.variants)
    (first, second) = curves["500"]
    assert first[:2] == (500, 0.2) and second[0] == 1000
    assert abs(second[2] - 0.6) < 1e-9 and second[3] == 0.8
    assert curves["5,000"] == [(5000, 0.5, 0.5, 0.5)] and curves["20,000"] == []


def test_a_seed_that_stopped_early_leaves_the_others() -> None:
    curves = bands(DATA, [RUNS[0], run("500", 1, [0.3], 500)], "test_loss")
    assert [low for _, low, _, _ in curves["500"]] == [0.2, 0.4]


def test_each_variant_has_a_test_and_a_training_curve_in_one_color() -> None:
    figure = twin_curves(DATA, RUNS, "accuracy")
    lines = [trace for trace in figure.data if trace.name]
    assert len(lines) == 2 * len(DATA.variants)
    colors = {trace.name.rpartition(",")[0]: trace.line.color for trace in lines}
    assert len(set(colors.values())) == len(DATA.variants)
    assert [trace.fill for trace in figure.data if not trace.name] == ["toself"]  # of several seeds


def test_without_runs_the_figure_is_empty_but_has_its_axes() -> None:
    figure = twin_curves(DATA, [], "loss")
    assert not any(trace.x for trace in figure.data) and figure.layout.xaxis.range[1] > 10_000
