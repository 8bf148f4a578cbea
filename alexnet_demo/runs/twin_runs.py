"""The runs of an experiment: found among all runs by their settings, or recorded with the program.

A run belongs to an experiment if it has the settings of one of its variants, whoever started it and
wherever it was trained. So nothing has to be remembered, and nothing can be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alexnet_demo.common.files import read_json
from alexnet_demo.runs.problems import NOT_FINITE
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.runs.state import LIVE, State
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import EXECUTION, SETTINGS, TrainConfig
from alexnet_demo.settings.experiments import Experiment, Final, Verdict, verdict

EPOCH = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
_TRAINED = tuple(name for name in SETTINGS if name not in (*EXECUTION, "recipe", "seed"))
"""The settings that decide, with the seed, what is trained."""


@dataclass(frozen=True)
class TwinRun:
    """One run of an experiment, as far as it has come.

    Attributes:
        epochs: its epochs, each with the numbers named in `EPOCH`.
        train_images: images in an epoch.
        diverged: the loss became NaN or infinite.
    """

    variant: str
    seed: int
    epochs: Sequence[Mapping[str, float]]
    train_images: int
    diverged: bool = False

    def final(self, test_images: int) -> Final | None:
        """Its last numbers; None before the first epoch, unless it diverged."""
        if not self.epochs:
            return Final(self.variant, 0.0, 0.0, True, test_images) if self.diverged else None
        last = self.epochs[-1]
        accuracies = last["train_accuracy"], last["test_accuracy"]
        return Final(self.variant, *accuracies, self.diverged, test_images)


def matching_runs(experiment: Experiment, runs: Iterable[Run]) -> dict[int, dict[str, Run]]:
    """Runs with the settings of a variant, by seed and label, in the order of the variants.

    Of several, the newest finished one, else the newest that may still finish, else the newest.

    Args:
        runs: the last started first.
    """
    labels = {_key(config): label for label, config in experiment.configs().items()}
    matches: dict[int, dict[str, Run]] = {}
    for run in runs:
        label = labels.get(_key(run.config))
        if label is None or has_weights(run.start):  # begun with trained weights, not random ones
            continue
        found = matches.setdefault(run.config.seed, {})
        if label not in found or _rank(run) > _rank(found[label]):
            found[label] = run
    order = list(experiment.variants)
    return {
        seed: dict(sorted(found.items(), key=lambda item: order.index(item[0])))
        for seed, found in sorted(matches.items())
    }


def _key(config: TrainConfig) -> tuple[object, ...]:
    return tuple(getattr(config, name) for name in _TRAINED)


def _rank(run: Run) -> int:
    return 2 if is_done(run) else 1 if run.state in LIVE else 0


def is_done(run: Run) -> bool:
    """Whether the run has a result: it finished, or its loss became NaN or infinite.

    One that finished, but whose numbers were lost, has none and can be trained again.
    """
    return diverged(run) or (run.state == State.FINISHED and bool(_epochs(run)))


def diverged(run: Run) -> bool:
    """Whether the run failed because its loss became NaN or infinite."""
    return run.state == State.FAILED and NOT_FINITE in run.error


def runs_here(experiment: Experiment) -> dict[int, dict[str, Run]]:
    """As `matching_runs`, of the runs on this machine."""
    return matching_runs(experiment, list_runs())


def twin_run(label: str, run: Run) -> TwinRun:
    """What a run has reached by now."""
    return TwinRun(label, run.config.seed, _epochs(run), run.config.train_images, diverged(run))


def _epochs(run: Run) -> list[dict[str, float]]:
    """The numbers of the epochs, without damaged ones."""
    epochs = ({name: round(event[name], 5) for name in EPOCH} for event in run.history.epochs)
    return [e for e in epochs if max(e["train_accuracy"], e["test_accuracy"]) <= 1]


def result(experiment: Experiment, runs: Sequence[TwinRun]) -> Verdict | None:
    """The verdict on an experiment; None while a variant has no number yet."""
    finals = [run.final(_test_images(experiment)) for run in runs]
    known = [final for final in finals if final]
    if len(known) < len(finals) or {f.variant for f in known} != set(experiment.variants):
        return None
    return verdict(experiment, known)


def _test_images(experiment: Experiment) -> int:
    return min(config.eval_images for config in experiment.configs().values())


# ------------------------------------------------------------------ recorded results


@dataclass(frozen=True)
class Recorded:
    """The recorded runs of an experiment, of several seeds.

    Attributes:
        about: how they were made: ``device``, ``date``, ``command``, ``versions``, and
            ``settings``, by variant.
    """

    runs: tuple[TwinRun, ...]
    about: Mapping[str, Any]


def recorded(experiment: Experiment) -> Recorded | None:
    """The recorded runs; None where there are none, or where they had other settings."""
    record = read_json(paths.RECORDED_DIR / "experiments" / f"{experiment.name}.json")
    if record.get("settings") != recorded_settings(experiment):
        return None
    return Recorded(tuple(TwinRun(**run) for run in record.pop("runs")), record)


def recorded_settings(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The settings of each variant, without those that may differ between recordings."""
    return {
        label: {name: getattr(config, name) for name in _TRAINED}
        for label, config in experiment.configs().items()
    }


def to_record(
    experiment: Experiment, runs: Sequence[TwinRun], about: Mapping[str, Any]
) -> dict[str, Any]:
    """What `recorded` reads."""
    return {
        **about,
        "settings": recorded_settings(experiment),
        "runs": [asdict(run) for run in runs],
    }
