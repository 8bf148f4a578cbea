"""Predictions of a network without the copies among its units."""

from __future__ import annotations

import numpy as np
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.merged import predict
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.distinct_units import closest_earlier, hidden_layers
from alexnet_demo.network.duplicates import merge_copies


@torch.no_grad()
def test_without_copies_the_predictions_stay_and_parameters_go(tiny_model: AlexNet):
    model = AlexNet(**tiny_model.settings).eval()
    model.load_state_dict(tiny_model.state_dict())
    for name in ("weight", "bias"):
        parameter = model.get_parameter(f"net.conv3.{name}")
        parameter[7] = parameter[2]
    closest = {n: closest_earlier(layer.weight) for n, layer in hidden_layers(model).items()}
    images = load_split(train=False).images[:20]
    done: list[int] = []
    merged = predict(merge_copies(model, closest, 0.99), images, done.append)
    whole = predict(merge_copies(model, closest, 2), images)
    np.testing.assert_array_equal(merged.labels, whole.labels)
    assert merged.labels.shape == (20,) and done == [16, 20]
    inputs = model.get_parameter("net.conv3.weight").shape[1]
    outputs = len(model.get_parameter("net.conv4.weight"))
    assert whole.parameters == count_parameters(model)
    assert merged.parameters == whole.parameters - 9 * inputs - 1 - 9 * outputs
