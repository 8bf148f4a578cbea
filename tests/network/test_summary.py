"""Layer records: against the article's figures and against independent computations."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from math import prod

import pytest
import torch
from torch import nn

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.summary import Summary, format_table, summarize
from alexnet_demo.settings.article import PARAMETERS


def measured(**settings: float) -> Summary:
    with torch.device("meta"):
        return summarize(AlexNet(**settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def article() -> Summary:
    return measured()


# Name, output shape, parameters and MACs, computed by hand from the article's section 2.
GOLDEN = [
    ("conv1", (96, 54, 54), 1 * 11 * 11 * 96 + 96, 54 * 54 * 11 * 11 * 1 * 96),
    ("relu1", (96, 54, 54), 0, 0),
    ("pool1", (96, 26, 26), 0, 0),
    ("conv2", (256, 26, 26), 96 * 5 * 5 * 256 + 256, 26 * 26 * 5 * 5 * 96 * 256),
    ("relu2", (256, 26, 26), 0, 0),
    ("pool2", (256, 12, 12), 0, 0),
    ("conv3", (384, 12, 12), 256 * 3 * 3 * 384 + 384, 12 * 12 * 3 * 3 * 256 * 384),
    ("relu3", (384, 12, 12), 0, 0),
    ("conv4", (384, 12, 12), 384 * 3 * 3 * 384 + 384, 12 * 12 * 3 * 3 * 384 * 384),
    ("relu4", (384, 12, 12), 0, 0),
    ("conv5", (256, 12, 12), 384 * 3 * 3 * 256 + 256, 12 * 12 * 3 * 3 * 384 * 256),
    ("relu5", (256, 12, 12), 0, 0),
    ("pool5", (256, 5, 5), 0, 0),
    ("flatten", (6400,), 0, 0),
    ("fc6", (4096,), 256 * 5 * 5 * 4096 + 4096, 6400 * 4096),
    ("relu6", (4096,), 0, 0),
    ("drop6", (4096,), 0, 0),
    ("fc7", (4096,), 4096 * 4096 + 4096, 4096 * 4096),
    ("relu7", (4096,), 0, 0),
    ("drop7", (4096,), 0, 0),
    ("fc8", (10,), 4096 * 10 + 10, 4096 * 10),
]


def test_every_layer_is_as_computed_by_hand(article: Summary) -> None:
    rows = [(layer.name, layer.output_shape, layer.params, layer.macs) for layer in article.layers]
    assert rows == GOLDEN


def test_each_input_is_the_output_of_the_layer_before(article: Summary) -> None:
    shapes = [article.input_shape] + [layer.output_shape for layer in article.layers]
    assert [layer.input_shape for layer in article.layers] == shapes[:-1]


def test_totals_are_the_sums_of_the_golden_columns(article: Summary) -> None:
    assert article.total_params == sum(row[2] for row in GOLDEN) == PARAMETERS == 46_764_746
    assert article.total_macs == sum(row[3] for row in GOLDEN) == 938_146_176


@pytest.mark.parametrize(
    ("settings", "total"),
    [
        ({}, 46_764_746),
        ({"in_channels": 3, "num_classes": 1000}, 50_844_008),
        ({"width": 0.25, "image_size": 96}, None),
    ],
)
def test_sums_agree_with_pytorchs_own_counts(settings: dict[str, float], total: int | None) -> None:
    summary = measured(**settings)
    assert summary.consistent
    if total:
        assert summary.total_params == total


def test_a_missing_layer_is_noticed(article: Summary) -> None:
    assert not replace(article, layers=article.layers[1:]).consistent


def test_formulas_read_as_in_the_article(article: Summary) -> None:
    assert article["conv1"].params_formula == "(1 * 11 * 11 * 96) + 96 = 11,712"
    assert article["conv5"].params_formula == "(384 * 3 * 3 * 256) + 256 = 884,992"
    assert article["fc6"].params_formula == "(256 * 5 * 5 * 4096) + 4096 = 26,218,496"
    assert article["fc7"].params_formula == "(4096 * 4096) + 4096 = 16,781,312"
    assert article["fc8"].params_formula == "(4096 * 10) + 10 = 40,970"
    assert article["conv1"].size_formula == "⌊(224 − 11)/4⌋ + 1 = 54"
    assert article["conv2"].size_formula == "⌊(26 + 2·2 − 5)/1⌋ + 1 = 26"


@pytest.mark.parametrize("settings", [{}, {"in_channels": 3, "width": 0.3, "image_size": 160}])
def test_formulas_evaluate_to_their_results(settings: dict[str, float]) -> None:
    for layer in measured(**settings).layers:
        for formula in filter(None, (layer.params_formula, layer.macs_formula)):
            terms, result = formula.split(" = ")
            assert eval(terms) == int(result.replace(",", ""))
        if layer.params_formula:
            assert layer.params_formula.endswith(f" = {layer.params:,}")


def footprint(model: AlexNet, upto: str, side: int) -> list[int]:
    """Columns of the input that the middle unit after the layer ``upto`` depends on.

    By gradients: max-pools become average pools and all weights are positive, so that no pixel's
    influence is lost or canceled.
    """
    chain = nn.Sequential()
    for name, module in model.net.named_children():
        if isinstance(module, nn.MaxPool2d):
            module = nn.AvgPool2d(module.kernel_size, module.stride)
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        chain.append(module)
        if name == upto:
            break
    image = torch.ones(1, 1, side, side, requires_grad=True, dtype=torch.float64)
    output = chain.double().eval()(image)
    middle = tuple(size // 2 for size in output.shape[1:])
    output[(0, *middle)].backward()
    assert image.grad is not None
    return image.grad[0, 0].abs().sum(0).nonzero().flatten().tolist()


@pytest.mark.parametrize("name", ["conv1", "pool1", "conv2", "pool2", "conv4", "pool5", "fc6"])
def test_receptive_field_is_where_gradients_reach(name: str) -> None:
    settings = {"width": 0.0625, "image_size": 224}
    columns = footprint(AlexNet(**settings), name, 224)  # type: ignore[arg-type]
    layer = measured(**settings)[name]
    assert columns == list(range(columns[0], columns[-1] + 1))
    assert layer.receptive_field == len(columns)
    assert (columns[0], columns[-1]) in layer.spans


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "pool5", "fc7"])
def test_nested_receptive_fields_are_where_the_gradients_of_their_units_reach(name: str) -> None:
    summary = measured(width=0.0625)
    fields = summary.nested_receptive_fields(name)
    last, (first_column, last_column) = fields[-1]
    assert last == name
    columns = list(range(first_column, last_column + 1))
    assert footprint(AlexNet(width=0.0625), name, 224) == columns
    for (_, inner), (_, outer) in pairwise(fields):
        assert outer[0] <= inner[0] <= inner[1] <= outer[1]
    assert all(span in summary[layer].spans for layer, span in fields)


def test_nested_receptive_fields_include_every_window_up_to_the_layer(article: Summary) -> None:
    sizes = [
        (layer, last - first + 1)
        for layer, (first, last) in article.nested_receptive_fields("conv4")
    ]
    assert sizes == [
        *(("conv1", 11), ("pool1", 19), ("conv2", 51), ("pool2", 67)),
        *(("conv3", 99), ("conv4", 131)),
    ]


def test_receptive_fields_follow_the_textbook_recurrence(article: Summary) -> None:
    field, jump = 1, 1
    for layer in article.layers[:13]:
        if layer.kernel and layer.stride:
            field, jump = field + (layer.kernel - 1) * jump, jump * layer.stride
        assert layer.receptive_field == field
    # No stride reaches five of the 224 columns.
    assert article["fc8"].receptive_field == 219


def test_measuring_does_not_change_the_network() -> None:
    model = AlexNet(width=0.0625, image_size=67).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    on_meta = measured(width=0.0625, image_size=67)
    assert summarize(model) == on_meta
    assert model.training
    assert not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_memory_of_an_activation(article: Summary) -> None:
    assert article["conv1"].activation_bytes == prod((96, 54, 54)) * 4


def test_most_parameters_are_in_fc_layers_and_most_macs_in_convolutions(article: Summary) -> None:
    assert article.share("fc", "params") == pytest.approx(43_040_778 / 46_764_746)
    assert article.share("conv", "macs") == pytest.approx(0.954, abs=0.001)


def test_json_has_the_documented_keys(article: Summary) -> None:
    record = json.loads(json.dumps(article.to_json()))
    assert set(record) == {"layers", "total_params", "total_macs"}
    assert record["total_params"] == sum(layer["params"] for layer in record["layers"])
    assert record["total_macs"] == sum(layer["macs"] for layer in record["layers"])
    documented = {
        "name",
        "type",
        "input_shape",
        "output_shape",
        "params",
        "macs",
        "receptive_field",
    }
    assert all(documented <= set(layer) for layer in record["layers"])
    assert record["layers"][0]["input_shape"] == [1, 224, 224]


def test_table_for_the_terminal(article: Summary) -> None:
    lines = format_table(article).splitlines()
    assert len(lines) == len(article.layers) + 4  # head, two rules, totals
    assert lines[-1].split() == ["total", "46,764,746", "938,146,176"]
    cells = next(line for line in lines if line.startswith("conv2")).split()
    assert cells == [
        *("conv2", "Conv2d", "5×5", "/1", "+2", "96×26×26", "256×26×26"),
        *("614,656", "415,334,400", "51×51"),
    ]


def test_an_unknown_layer_is_a_key_error(article: Summary) -> None:
    with pytest.raises(KeyError):
        article["conv9"]
