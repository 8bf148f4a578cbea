"""Settings, limits and recipes."""

from __future__ import annotations

import json
import math

import pytest

from alexnet_demo.config import LIMITS, RECIPES, ConfigError, TrainConfig


def test_the_article_recipe_is_the_article():
    config = TrainConfig.from_recipe("article")
    assert (config.lr, config.batch_size, config.epochs, config.momentum) == (0.1, 128, 10, 0.0)
    assert (config.width, config.train_samples, config.test_samples) == (1.0, 60_000, 10_000)
    assert config.steps_per_epoch == 469  # 60,000 / 128, the last batch smaller


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("side", ["low", "high"])
def test_values_beyond_a_limit_are_refused_with_the_range(name: str, side: str):
    limit = LIMITS[name]
    kind = type(getattr(TrainConfig(), name))
    edge = getattr(limit, side)
    assert getattr(TrainConfig(**{name: kind(edge)}), name) == edge
    beyond = edge - 1 if side == "low" else edge + 1
    with pytest.raises(ConfigError, match=rf"{limit.label} must be between .* and .*, not"):
        TrainConfig(**{name: kind(beyond)})


def test_nan_and_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="Learning rate"):
        TrainConfig(lr=math.nan)
    with pytest.raises(ConfigError, match="Unknown recipe 'none': choose article"):
        TrainConfig.from_recipe("none")
    with pytest.raises(ConfigError, match="Unknown precision 'fp8'"):
        TrainConfig(precision="fp8")


def test_json_round_trip_ignores_fields_of_other_versions():
    config = TrainConfig.from_recipe("quick", seed=3)
    record = json.loads(json.dumps(config.to_json()))
    assert TrainConfig.from_json({**record, "from_the_future": 1}) == config
    del record["momentum"]
    assert TrainConfig.from_json(record).momentum == 0.0


@pytest.mark.parametrize("recipe", RECIPES)
def test_command_repeats_the_settings(recipe: str):
    from alexnet_demo.__main__ import build_parser, settings_of

    config = TrainConfig.from_recipe(recipe, lr=0.05, seed=7, width=0.5, device="cpu", epochs=3)
    assert settings_of(build_parser().parse_args(config.command())) == config
