"""The Train page's form: settings, estimate, link, data preview, learning-rate test."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.common import machine
from alexnet_demo.common.access import Outcome
from alexnet_demo.common.files import write_json
from alexnet_demo.common.text import duration, percent
from alexnet_demo.jobs import actions, lr_tests
from alexnet_demo.jobs.lr_tests import LrTest
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import recipes
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.ui.train import cost, details, form_state, measurement
from alexnet_demo.ui.train.data_preview import augmentation
from alexnet_demo.ui.widgets import run_link
from alexnet_demo.ui.widgets.markdown import plain
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run

page = partial(open_page, "pages/1_Train.py")


def query(at: AppTest, name: str) -> str:
    """A parameter of the address, which is a list if the page has written it."""
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


def open_tab(at: AppTest, tab: str) -> AppTest:
    """Open a tab of the form's details."""
    at.session_state[details.OPEN], at.session_state[details.TAB] = True, tab
    return at.run()


def form_values(at: AppTest) -> dict[str, Any]:
    """The form's value of every setting."""
    return {name: at.session_state[form_state.key(name)] for name in SETTINGS}


@pytest.mark.parametrize(("gpu", "recipe"), [(False, "quick"), (True, "article")])
def test_the_form_starts_with_a_recipe_that_fits_the_machine(
    runs_dir, measured, monkeypatch, gpu, recipe
):
    monkeypatch.setattr(machine, "has_gpu", lambda: gpu)
    at = page()
    assert form_values(at) == TrainConfig.from_recipe(recipe).to_json()
    assert ("*Article* is the original" in page_text(at)) is not gpu
    assert not at.button(key="start").disabled
    assert not at.dataframe and not at.query_params


def test_on_a_cluster_the_form_starts_with_the_articles_recipe(runs_dir, measured, monkeypatch):
    monkeypatch.setenv("ALEXNET_DEMO_RAY", "http://127.0.0.1:9")
    assert form_state.default_recipe() == "article"


def test_a_link_without_a_recipe_means_the_articles_on_every_machine(runs_dir, measured):
    assert form_values(page(epochs="3")) == TrainConfig(epochs=3).to_json()
    at = page(recipe="article")
    assert form_values(at) == TrainConfig().to_json()
    assert query(at, "recipe") == "article"  # not the initial state here


def test_the_first_screen_has_three_numbers_the_cost_and_start(runs_dir, measured):
    at = page()
    assert [field.key for field in at.main.number_input][:3] == [
        f"form {name}" for name in ("epochs", "train_samples", "width")
    ]
    keys = [button.key for button in at.main.button]
    assert keys[0] == "start"
    assert [e.label for e in at.main.expander] == ["Settings and details", "Pinned images"]
    for cost_of in ("in total", "per epoch", "of memory", "on disk"):
        assert cost_of in page_text(at)


def test_a_long_estimate_on_a_cpu_comes_with_a_shorter_run(runs_dir, measured):
    at = page(recipe="article")
    # 10 × (469 × (128 × 0.05 + 0.1) + 10,000 × 0.02) s
    assert "**9 h 01 min** in total, **54 min 08 s** per epoch" in page_text(at)
    for width in ("1.0", "0.5"):
        narrower = page(recipe="article", epochs="100", width=width)
        assert "No GPU was found" in page_text(narrower)
    assert at.button(key="use quick").label.startswith("Use Quick look")
    promised = at.button(key="use quick").label.rpartition("about ")[2]
    at.button(key="use quick").click().run()
    quick = TrainConfig.from_recipe("quick")
    assert form_values(at) == quick.to_json()
    assert f"**{promised}** in total" in page_text(at), "another estimate than was offered"


def test_what_is_chosen_is_never_recommended(runs_dir, measured):
    for recipe in recipes.RECIPES:
        at = page(recipe=recipe, epochs="100")
        total = cost.seconds(TrainConfig(**form_values(at)))
        offers = {str(b.key): b.label for b in at.main.button if str(b.key).startswith("use ")}
        for key, label in offers.items():
            if not key.endswith("instead"):
                assert recipes.RECIPES[recipe].title not in label
                promised = label.rpartition("about ")[2]
                changed = page(recipe=recipe, epochs="100").button(key=key).click().run()
                expected = cost.seconds(TrainConfig(**form_values(changed)))
                assert total and expected and expected < total
                assert promised == duration(expected)


def test_an_invalid_value_disables_start_and_names_the_range(runs_dir, measured):
    at = open_tab(page(), "Settings")
    at.number_input(key="form batch_size").set_value(0).run()
    assert "Batch size" in at.error[0].value and "4,096" in at.error[0].value
    assert at.button(key="start").disabled
    at.number_input(key="form batch_size").set_value(64).run()
    assert not at.error
    assert not at.button(key="start").disabled


def test_every_invalid_value_has_its_own_error(runs_dir, measured):
    at = open_tab(page(), "Settings")
    at.number_input(key="form batch_size").set_value(0)
    at.number_input(key="form dropout").set_value(1.5)
    at.number_input(key="form momentum").set_value(0)
    at.text_input(key="form grow").set_value("a quarter").run()
    names = ("Batch size", "Nesterov", "Dropout", "Growth")
    assert all(e.value.startswith(name) for e, name in zip(at.error, names, strict=True))
    for tab in ("Learning rate", "Training data", "Code"):
        assert not open_tab(at, tab).exception


def test_an_invalid_momentum_is_one_error():
    values = {**TrainConfig.from_recipe("fast").to_json(), "momentum": 2.0}
    (error,) = form_state.errors(values)
    assert "Momentum" in error and "0.999" in error


def test_the_form_has_a_field_for_every_setting(runs_dir, measured, monkeypatch):
    gpus = {"cuda:0": "A GPU (80 GB)", "cuda:1": "A GPU (80 GB)"}
    kinds = ("number_input", "checkbox", "selectbox", "text_input", "segmented_control")

    def shown() -> set[str]:
        at = open_tab(page(), "Settings")
        return {str(e.key).removeprefix("form ") for kind in kinds for e in getattr(at, kind)}

    settings = set(TrainConfig().to_json()) - {"lr_scale"}  # only for a paused run
    assert settings - shown() == {"devices", "sync_batchnorm"}
    monkeypatch.setattr(measurement, "DEVICES", gpus)
    assert not settings - shown()


def test_a_run_of_hours_needs_a_confirmation(runs_dir, measured):
    at = page(recipe="article")
    assert at.button(key="start").label == "Start anyway"
    assert "This takes about **9 h 01 min**" in page_text(at)
    at.button(key="use fast instead").click().run()
    assert form_values(at) == TrainConfig.from_recipe("fast").to_json()
    at.button(key="use quick").click().run()
    assert at.button(key="start").label == "Start training"


def test_no_selection_leaves_the_recipe_and_the_settings_as_they_were(runs_dir, measured):
    at = page(recipe="fast", epochs="7")
    at.button_group(key=form_state.key("recipe")).set_value(None).run()
    assert not at.exception
    assert form_values(at) == TrainConfig.from_recipe("fast", epochs=7).to_json()


def test_start_passes_the_forms_settings_and_shows_a_refusal(runs_dir, measured, monkeypatch):
    started: list[TrainConfig] = []

    def refuse(settings: TrainConfig, _seconds: float | None, **_: Any) -> Outcome:
        started.append(settings)
        return Outcome(False, "The device is busy.")

    monkeypatch.setattr(actions, "start", refuse)
    at = page(recipe="quick")
    open_tab(at, "Settings")
    at.number_input(key="form epochs").set_value(2)
    at.number_input(key="form seed").set_value(5)
    at.button(key="start").click().run()
    assert started == [TrainConfig.from_recipe("quick", epochs=2, seed=5)]
    assert plain("The device is busy.") in page_text(at)


def test_a_link_fills_the_form_and_the_address_follows(runs_dir, measured):
    at = page(recipe="fast", epochs="3", width="0.25", nesterov="false", seed="7", grow="")
    fast = TrainConfig.from_recipe("fast", epochs=3, width=0.25, nesterov=False, seed=7, grow="")
    assert form_values(at) == fast.to_json()
    at.number_input(key="form epochs").set_value(4).run()  # the recipe's value
    assert "epochs" not in at.query_params
    assert (query(at, "seed"), query(at, "recipe")) == ("7", "fast")
    at.segmented_control(key="form recipe").set_value("best").run()
    assert query(at, "recipe") == "best" and "width" not in at.query_params
    assert form_values(at) == TrainConfig.from_recipe("best", seed=7).to_json()


def test_a_link_ignores_invalid_types_and_reports_values_out_of_range(runs_dir, measured):
    at = page(
        recipe="miracle", epochs="0", lr="nan", batch_size="1e3", momentum="9" * 5000, norm="maybe",
        schedule="zigzag", device="cuda:9", lr_scale="5", grow="[here](http://example.com)",
    )  # fmt: skip
    assert form_values(at) | {"epochs": 10, "grow": ""} == TrainConfig().to_json()
    epochs, growth = (error.value for error in at.error)
    assert "Epochs" in epochs and "1,000" in epochs
    assert "not '" + plain("[here](http://example.com)") in growth
    assert at.button(key="start").disabled


@pytest.mark.parametrize("recipe", recipes.RECIPES)
def test_settings_survive_the_round_trip_through_a_link(recipe):
    odd = {"lr": 0.0123456789, "norm": True, "flip": False, "grow": "0.5:0.5", "patience": 3}
    for changes in ({}, odd):
        values = TrainConfig.from_recipe(recipe, **changes).to_json()
        link = form_state.to_link(values)
        assert bool(link) == (recipe != form_state.default_recipe() or bool(changes))
        read = form_state.from_link(link or {"recipe": recipe})
        assert read == {name: values[name] for name in read}
        assert set(values) - set(read) == set(run_link.MACHINE)
    initial = TrainConfig.from_recipe(form_state.default_recipe())
    assert form_state.to_link(initial.to_json()) == {}


def test_an_unknown_run_in_the_link_shows_the_form(runs_dir, measured):
    for run in ("../../etc", "a" * 5_000, "\0", "=1", ""):
        assert page(run=run, recipe=run).button(key="start")


def test_values_stay_while_their_fields_are_hidden(runs_dir, measured):
    at = open_tab(page(), "Settings")
    at.number_input(key="form momentum").set_value(0.5)
    at.checkbox(key="form norm").check().run()
    changed = TrainConfig.from_recipe("quick", momentum=0.5, norm=True)
    for tab in ("Code", "Terms", "Settings"):
        assert form_values(open_tab(at, tab)) == changed.to_json()
        assert form_values(at.run()) == changed.to_json()
    at.session_state[details.OPEN] = False
    for _ in range(2):
        assert form_values(at.run()) == changed.to_json()
    assert query(at, "momentum") == "0.5"
    assert open_tab(at, "Settings").number_input(key="form momentum").value == 0.5


def test_selecting_a_recipe_fills_the_form(runs_dir, measured):
    at = page()
    for recipe in ("fast", "quick"):
        at.segmented_control(key="form recipe").set_value(recipe).run()
        assert form_values(at) == TrainConfig.from_recipe(recipe).to_json()


def test_a_recipe_shows_the_accuracy_of_recorded_runs(runs_dir, measured, recorded_dir):
    assert "Recorded run" not in page_text(page(recipe="quick"))
    run = canned_run(recorded_dir, "quick-here", [0.5, 0.81, 0.8], "finished")
    actions.label(run, "Quick look, recorded", "")
    lines = [json.loads(line) for line in run.events.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["time"] = 60 * number
    run.events.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    at = page(recipe="quick")
    # One event a minute: start, then two per epoch, so epoch 2 ends at minute 4.
    accuracy = f"{percent(0.81)} of 2,000 validation images"
    expected = f"Recorded run: {accuracy} after 4 min 00 s on Some CPU in fp32 (3 epochs)."
    assert plain(expected) in page_text(at)
    # One that held out no images trained on more of them.
    fast = TrainConfig.from_recipe("fast", validation=0)
    canned_run(recorded_dir, "fast-here", [0.9, 0.9, 0.9, 0.9], "finished", settings=fast)
    assert "90.0% of 10,000 test images" in page_text(page(recipe="fast"))
    assert plain("(60,000 training images)") in page_text(page(recipe="fast"))
    # A narrower network does not count.
    write_json(run.directory / "config.json", {**run.config.to_json(), "width": 0.0625})
    assert "Recorded run" not in page_text(page(recipe="quick"))
    assert list_runs() == [] and not at.dataframe


def sheet(at: AppTest) -> str:
    """The preview as HTML; empty while it is closed."""
    return next((e.proto.body for e in at.get("html") if 'class="sheet"' in e.proto.body), "")


def test_the_data_preview_is_generated_once_its_tab_is_open(runs_dir, measured):
    at = page(recipe="article")
    assert not sheet(at)
    open_tab(at, "Training data")  # torch is imported here
    assert "40 of 40 unchanged<" in sheet(at)
    assert sheet(at).count("<img") == 40
    assert open_tab(at, "Settings").number_input(key="form drawings").value == 0
    at.number_input(key="form drawings").set_value(0.5)
    at.number_input(key="form shift").set_value(2).run()
    open_tab(at, "Training data")
    assert "20 of 40 as line drawings" in sheet(at)
    assert "20 of 40 shifted by up to 2 of 28 pixels<" in sheet(at)
    before = sheet(at)
    at.button(key="other pictures").click().run()
    assert sheet(at).count("<img") == 40
    assert sheet(at) != before
    open_tab(at, "Settings").number_input(key="form photos").set_value(0.6).run()
    open_tab(at, "Training data")
    assert not sheet(at) and len(at.error) == 1, "no preview of invalid settings"
    assert not at.exception


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (TrainConfig(), "unchanged"),
        (
            TrainConfig.from_recipe("best", shift=3),
            "each mirrored with probability ½, shifted by up to 3 of 28 pixels, partly erased",
        ),
    ],
)
def test_augmentation_in_words(settings, expected):
    assert augmentation(settings) == expected


def test_the_suggested_learning_rate_goes_into_the_form(runs_dir, measured, monkeypatch):
    trials = [{"lr": 10.0 ** (n / 9 - 3), "loss": 2.0, "smoothed": 2.1} for n in range(20)]
    requests: list[TrainConfig] = []

    def find(settings: TrainConfig, **_: Any) -> Outcome:
        requests.append(settings)
        return Outcome(True, "Started.", "aa")

    monkeypatch.setattr(lr_tests, "start_lr_test", find)
    monkeypatch.setattr(lr_tests, "read_lr_test", lambda _: LrTest(trials, 0.03, False, ""))
    at = open_tab(page(recipe="quick"), "Learning rate")
    at.button(key="find lr").click().run()
    assert requests == [TrainConfig.from_recipe("quick")]
    assert at.button(key="use lr").label == "Use 0.03"
    at.button(key="use lr").click().run()
    assert form_values(at)["lr"] == 0.03
    monkeypatch.setattr(
        lr_tests, "read_lr_test", lambda _: LrTest([], None, False, "The loss diverged.")
    )
    assert at.run().error[0].value == "The loss diverged."


def test_cancel_stops_the_learning_rate_test(runs_dir, measured, monkeypatch):
    stopped: list[str] = []
    running = LrTest([], None, True, "")
    monkeypatch.setattr(lr_tests, "running_lr_test", lambda: None if stopped else "aa")
    monkeypatch.setattr(lr_tests, "read_lr_test", lambda _: None if stopped else running)
    monkeypatch.setattr(lr_tests, "stop_lr_test", lambda test_id, *, role: stopped.append(test_id))
    at = page()
    assert at.session_state[details.OPEN] and at.session_state[details.TAB] == "Learning rate"
    at.button(key="stop lr").click().run()
    assert stopped == ["aa"] and not at.exception
    assert at.button(key="find lr")


def test_a_refused_learning_rate_test_shows_the_reason(runs_dir, measured, monkeypatch):
    monkeypatch.setattr(
        lr_tests, "start_lr_test", lambda *_, **__: Outcome(False, "The device is busy.")
    )
    at = open_tab(page(), "Learning rate")
    at.button(key="find lr").click().run()
    assert at.error[0].value == "The device is busy."
