"""Settings, their ranges, schedules, and recipes."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.settings.schedule import Stage, channels, lr_at, stages, width_at


def test_the_article_recipe_is_the_article():
    config = TrainConfig.from_recipe("article")
    assert (config.lr, config.batch_size, config.epochs, config.momentum) == (0.1, 128, 10, 0.0)
    assert (config.width, config.train_samples, config.test_samples) == (1.0, 60_000, 10_000)
    assert config.steps_per_epoch == 469  # 60,000 / 128, the last batch smaller


def test_every_recipe_but_the_articles_chooses_by_held_out_images():
    splits = {name: TrainConfig.from_recipe(name).eval_split for name in RECIPES}
    assert splits == {name: "test" if name == "article" else "validation" for name in RECIPES}
    quick = TrainConfig.from_recipe("quick")
    assert (quick.train_images, quick.eval_images, quick.test_samples) == (20_480, 2_000, 2_000)


@pytest.mark.parametrize(
    ("epoch", "best", "width", "expected"),
    [(0, 0, 1.0, False), (3, 2, 1.0, False), (4, 2, 1.0, True), (4, 2, 0.5, False)],
)
def test_early_stopping_counts_epochs_since_the_best_at_full_width(epoch, best, width, expected):
    assert TrainConfig(patience=2).stops_early(epoch, best, width) == expected
    assert not TrainConfig(patience=0).stops_early(epoch, best, width)


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.range])
@pytest.mark.parametrize("side", ["low", "high"])
def test_numbers_out_of_range_are_errors_that_give_the_range(name: str, side: str):
    setting = SETTINGS[name]
    kind, edge = type(setting.default), setting.bounds[side == "high"]
    assert getattr(TrainConfig(**{name: kind(edge)}), name) == edge
    beyond = edge - 1 if side == "low" else edge + 1
    with pytest.raises(ConfigError, match=rf"{setting.label}.*{setting.bounds[0]:,g} and .*, not"):
        TrainConfig(**{name: kind(beyond)})


def test_nan_and_unknown_choices_are_errors():
    with pytest.raises(ConfigError, match="Learning rate"):
        TrainConfig(lr=math.nan)
    with pytest.raises(ConfigError, match=r"recipe 'none'.*article"):
        TrainConfig.from_recipe("none")
    with pytest.raises(ConfigError, match="precision 'fp8'"):
        TrainConfig(precision="fp8")


def test_json_round_trip_ignores_fields_of_other_versions():
    config = TrainConfig.from_recipe("quick", seed=3, nesterov=False)
    record = json.loads(json.dumps(config.to_json()))
    assert TrainConfig.from_json({**record, "from_the_future": 1}) == config
    del record["momentum"]
    assert TrainConfig.from_json(record).momentum == 0.0


@pytest.mark.parametrize("recipe", RECIPES)
def test_command_repeats_the_settings(recipe: str):
    from alexnet_demo.cli.main import build_parser
    from alexnet_demo.cli.options import settings_of

    config = TrainConfig.from_recipe(recipe, lr=0.05, seed=7, width=0.5, device="cpu", epochs=3)
    assert settings_of(build_parser().parse_args(config.command())) == config


def test_the_linear_schedule_warms_up_then_decays_smoothly():
    config = TrainConfig(
        schedule="linear", warmup=0.2, lr=0.1, lr_scale=0.5, train_samples=1280, epochs=10
    )
    rates = [lr_at(config, step) for step in range(config.total_steps)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.05)
    assert peak == round(0.2 * config.total_steps)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.001
    assert max(abs(a - b) for a, b in pairwise(rates)) < 0.003


def test_the_articles_schedule_is_constant():
    config = TrainConfig()
    assert {lr_at(config, step) for step in (0, 100, config.total_steps - 1)} == {0.1}


def test_growth_stages_cover_every_step():
    config = TrainConfig(
        grow="0.25:0.375,0.5:0.25", epochs=4, train_samples=1280
    )  # 10 steps an epoch
    assert stages(config) == (Stage(0.25, 0, 15), Stage(0.5, 15, 25), Stage(1.0, 25, 40))
    assert [width_at(config, step) for step in (0, 14, 15, 25, 40)] == [0.25, 0.25, 0.5, 1.0, 1.0]
    assert stages(TrainConfig()) == (Stage(1.0, 0, 4690),)


@pytest.mark.parametrize(
    ("grow", "words"),
    [
        ("half", "as width:share"),
        ("0.25:x", "as width:share"),
        ("0.5:1", "less than 1"),
        ("2:0.1", "widths between 0 and 1"),
        ("0.5:0", "less than 1"),
        ("0.3:0.5", "whole multiple"),
        ("0.1:0.5,0.2:0.3", "in every layer"),
        ("0.5:0.1,0.25:0.1", "whole multiple"),
    ],
)
def test_invalid_growth_is_an_error(grow: str, words: str):
    with pytest.raises(ConfigError, match=words):
        TrainConfig(grow=grow)


def test_growth_without_relu_is_an_error():
    with pytest.raises(ConfigError, match="relu"):
        TrainConfig(grow="0.25:0.5", activation="tanh")


def test_growth_starts_no_narrower_than_the_minimum_width():
    with pytest.raises(ConfigError, match=r"0\.025, .* 0\.0625"):
        TrainConfig.from_recipe("fast", width=0.2)


def test_growth_by_any_whole_factor():
    config = TrainConfig(width=0.75, grow="0.3333333333:0.5", epochs=4)
    assert [channels(stage.width)[0] for stage in stages(config)] == [24, 72]


def test_several_devices_cannot_name_one():
    for device in ("cuda:1", "mps"):
        with pytest.raises(ConfigError, match="one GPU each"):
            TrainConfig(devices=2, device=device)


def test_validation_images_are_taken_from_the_training_images():
    assert TrainConfig(validation=5000).train_images == 55_000
    assert TrainConfig(validation=5000, train_samples=1000).train_images == 1000
    assert TrainConfig(validation=5000).eval_images == 5000
    assert TrainConfig(test_samples=100).eval_images == 100


def test_a_command_can_turn_off_what_a_recipe_turns_on():
    from alexnet_demo.cli.main import build_parser
    from alexnet_demo.cli.options import settings_of

    config = TrainConfig.from_recipe("fast", flip=False)
    assert "--no-flip" in config.command()
    assert settings_of(build_parser().parse_args(config.command())) == config


@pytest.mark.parametrize(
    "odd",
    [{"epochs": 2.5}, {"epochs": True}, {"nesterov": "yes"}, {"device": 5}, {"lr": "0.1"}],
)
def test_settings_of_the_wrong_type_are_errors(odd: dict):
    with pytest.raises(ConfigError, match=next(iter(odd))):
        TrainConfig.from_json({**TrainConfig().to_json(), **odd})
    assert TrainConfig.from_json({"lr": 1}).lr == 1


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:17"])
def test_devices(device: str):
    assert TrainConfig(device=device).device == device


@pytest.mark.parametrize(
    "device",
    ["", "x", "CPU", "x/../../victim", "cuda:", "cuda:-1", "cuda:01", "cpu\n", "a\0b", "x" * 10**6],
)
def test_other_devices_are_refused_in_a_short_sentence(device: str):
    with pytest.raises(ConfigError, match="Device must be auto, cpu") as refusal:
        TrainConfig(device=device)
    assert len(str(refusal.value)) < 120


def test_no_message_repeats_a_long_value():
    for record in ({"grow": "1" * 10**6}, {"recipe": "x" * 10**6}, {"epochs": ["x"] * 10**6}):
        with pytest.raises(ConfigError) as refusal:
            TrainConfig.from_json(record)
        assert len(str(refusal.value)) < 200
