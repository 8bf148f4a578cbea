"""The step: its randomness, its shards on several processes, and growth."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data.splits import Split, load_split
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.distributed import ProcessGroup
from alexnet_demo.training.engine import Engine
from tests.support.fake_cuda import CUDA, fake_cuda, fake_split

TINY = TrainConfig(
    width=0.0625, device="cpu", precision="fp32", memory_format="channels_last", lr=0.05
)


@pytest.fixture(scope="module")
def data() -> Split:
    return load_split(train=True).head(64)


def weights(engine: Engine) -> list[torch.Tensor]:
    return [p.detach().clone() for p in engine.model.parameters()]


def test_a_steps_randomness_depends_on_its_number_alone(data: Split):
    """Whatever random numbers were used before."""
    results = []
    for number in (5, 5, 6):
        engine = Engine(TINY)
        torch.rand(1000)
        engine.step(data, torch.arange(16), number, 0.05)
        results.append(weights(engine))
    assert all(torch.equal(a, b) for a, b in zip(results[0], results[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(results[0], results[2], strict=True))


@pytest.mark.parametrize(("count", "size"), [(16, 2), (15, 2), (1, 3), (7, 4), (128, 4)])
def test_shards_cover_a_batch_and_their_weighted_means_average_to_its_mean(count: int, size: int):
    values = torch.arange(count, dtype=torch.float)
    shards = [ProcessGroup(rank, size).shard(count) for rank in range(size)]
    parts = [values[part] for part, weight in shards if weight]
    assert sorted(torch.cat(parts).tolist()) == values.tolist()
    average = sum(values[part].mean() * weight for part, weight in shards) / size
    assert float(average) == pytest.approx(float(values.mean()))
    if count >= 2 * size:  # drawings come first in a batch: each shard has some of both halves
        assert all(part.min() < count // 2 <= part.max() for part in parts)


def test_results_of_the_shards_add_up_to_those_of_the_batch(data: Split):
    whole, _ = Engine(TINY).test(data, slice(0, 15))
    engine = Engine(TINY)
    loss = correct = 0.0
    for rank in range(2):
        engine.group = ProcessGroup(rank, 2)
        part, _ = engine.test(data, slice(0, 15))
        assert part.count == 15
        loss, correct = loss + float(part.loss), correct + float(part.correct)
    assert loss == pytest.approx(float(whole.loss), rel=1e-5)
    assert correct == float(whole.correct)


def test_growing_keeps_the_loss(data: Split):
    engine = Engine(TINY)
    for number in range(3):
        engine.step(data, torch.arange(32), number, 0.05)
    before, _ = engine.test(data, slice(0, 64))
    engine.grow(0.125, 3)
    after, _ = engine.test(data, slice(0, 64))
    assert engine.model.width == 0.125
    assert float(after.loss) == pytest.approx(float(before.loss), rel=1e-4)


def test_settings_reach_the_network_and_the_optimizer():
    engine = Engine(
        TrainConfig(**{**TINY.to_json(), "dropout": 0.2, "momentum": 0.9, "nesterov": True})
    )
    assert {m.p for m in engine.model.modules() if isinstance(m, torch.nn.Dropout)} == {0.2}
    group = engine.optimizer.param_groups[0]
    assert (group["momentum"], group["nesterov"]) == (0.9, True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, there is none here")
def test_a_step_never_waits_for_the_gpu():
    """PyTorch raises at any synchronization; fp16's overflow check needs one, bf16 does not."""
    engine = Engine(TrainConfig(device="cuda", precision="bf16", flip=True, shift=2, erase=0.5))
    data = load_split(train=True, device=engine.device)
    indices = torch.arange(128, device=engine.device)
    engine.step(data, indices, 0, 0.1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number in range(1, 4):
            engine.step(data, indices, number, 0.1)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("recipe", ["article", "best"])
def test_on_a_gpu_no_step_and_no_test_makes_the_host_wait(recipe: str, precision: str) -> None:
    config = TrainConfig.from_recipe(
        recipe,
        device="cuda",
        precision=precision,
        memory_format="channels_last",
        grow="",
        train_samples=1000,  # a small bank
    )
    with fake_cuda() as counter:
        engine, data = Engine(config), fake_split(64)
        indices = torch.arange(32, device=CUDA)
        for number in range(2):
            counter.clear()  # the first step copies constants, once
            result = engine.step(data, indices, number, 0.1)
        assert result.loss.device == result.correct.device == CUDA
        _, confusion = engine.test(data, slice(0, 64))
        assert (confusion.device, confusion.shape) == (CUDA, (10, 10))
        assert {t.device for t in engine.model.state_dict().values()} == {CUDA}
    assert not counter.waits


def test_a_network_grows_on_a_gpu() -> None:
    config = TrainConfig.from_recipe(
        "best",
        device="cuda",
        precision="bf16",
        memory_format="channels_last",
        train_samples=1000,
    )
    with fake_cuda():
        engine, data = Engine(config), fake_split(8)
        width, indices = engine.model.width, torch.arange(8, device=CUDA)
        engine.step(data, indices, 0, 0.1)
        engine.grow(2 * width, 1)
        engine.step(data, indices, 1, 0.1)
        assert engine.model.width == 2 * width
        assert {t.device for t in engine.model.state_dict().values()} == {CUDA}
        conv2 = engine.model.get_parameter("net.conv2.weight")
        assert conv2.is_contiguous(memory_format=torch.channels_last)


def test_the_confusion_matrix_counts_true_and_predicted_classes(data: Split) -> None:
    engine = Engine(TINY)
    _, confusion = engine.test(data, slice(0, 64))
    with torch.no_grad():
        predicted = engine.model.eval()(to_input(data.images)).argmax(1)
    expected = [
        [int(((data.labels == true) & (predicted == guess)).sum()) for guess in range(10)]
        for true in range(10)
    ]
    assert confusion.tolist() == expected
    engine.group = ProcessGroup(1, 2)  # has no sample of its own
    assert engine.test(data, slice(0, 1))[1].sum() == 0
