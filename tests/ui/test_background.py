"""Long computations in the background: shared by all sessions, and bounded."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from alexnet_demo.network import distinct_units
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.ui.architecture import channel_tops
from alexnet_demo.ui.architecture.layer_views import ViewedModel
from alexnet_demo.ui.models import background
from alexnet_demo.ui.models.background import Job
from alexnet_demo.ui.models.closest_units import closest_earlier
from tests.support.waiting import wait_for


def _give(n: int, job: Job[int]) -> int:
    return n


def test_trials_displace_neither_other_jobs_nor_all_memory() -> None:
    started = background.start("digest", "kind", 1, lambda: 0, lambda _: 1)
    trials: list[Job[int]] = []
    for n in range(background.MAX_TRIALS + 1):
        trials.append(background.start_trial(f"digest {n}", "trial", 1, partial(_give, n)))
        wait_for(lambda: trials[-1].result is not None, "not computed")
    assert [job.result for job in trials] == [*range(len(trials))]
    assert background.start("digest", "kind", 1, lambda: 0, lambda _: 1) is started
    last, first = (
        background.start_trial(f"digest {n}", "trial", 1, partial(_give, n))
        for n in (len(trials) - 1, 0)
    )
    assert last is trials[-1] and first is not trials[0]


def test_pages_share_the_comparison_of_a_layers_units(
    tiny_model: AlexNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    closest_earlier.clear()
    cosines, _ = closest_earlier("tiny", "conv2", tiny_model)
    monkeypatch.setattr(distinct_units, "closest_earlier", None)
    copies = channel_tops._copies(ViewedModel(tiny_model, "tiny"), "conv2")
    assert len(copies) == int((cosines >= distinct_units.COPY_COSINE).sum())
    assert cosines.device == torch.device("cpu")
