"""TODO docstring."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.access import Role
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import paths
from alexnet_demo.ui.widgets.markdown import percent

if TYPE_CHECKING:  # torch takes seconds to import: only once a network is to be loaded
    from alexnet_demo.inference.classifier import Classifier

CHOICE = "model"  # session state: an option's id, also set by other pages before a switch to here


SHIPPED, UPLOADED = "shipped", "uploaded"


_UPLOAD = "uploaded model"  # session state: name and digest of the uploaded file


_LINK = "model link"  # session state: the link's model that was taken over already


@dataclass(frozen=True)
class Option:
    """A network to choose.

    Attributes:
        id: ``shipped``, ``uploaded``, or a run's id and ``/best``, ``/last``, ``/now`` for the
            weights as they are, or ``/epoch-003``.
        path: None for the uploaded one, which lies in memory.
        training: the run whose trainer can be asked for newer weights.
    """

    id: str
    label: str
    path: Path | None
    training: Run | None = None


def options(now: bool = False) -> list[Option]:
    """The networks that are there, the likeliest wanted first.

    Shipped, uploaded, then the runs' best weights by test accuracy, then their last ones, then
    those of their epochs.

    Args:
        now: behind the uploaded one also those that train now, as they are at each moment: for
            what answers at once.
    """
    found = []
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    if shipped.is_file():
        found.append(Option(SHIPPED, "Shipped with this demo", shipped))
    if upload := st.session_state.get(_UPLOAD):
        found.append(Option(UPLOADED, f"Uploaded: {upload['name']}", None))
    runs = sorted(list_runs(), key=lambda run: run.best_accuracy or 0.0, reverse=True)
    found += [
        Option(f"{run.id}/now", f"{run.name} · as it is now", run.now, run)
        for run in runs
        if now and run.state == "running"
    ]
    found += [best_of(run) for run in runs]
    for run in runs:
        epochs = run.history.epochs
        reached = epochs[-1]["test_accuracy"] if epochs else None
        found.append(_of_run(run, "last", run.last, reached))
    for run in runs:
        found += [
            _of_run(
                run, f"epoch-{e['epoch']:03}", run.epoch_weights(e["epoch"]), e["test_accuracy"]
            )
            for e in run.history.epochs
        ]
    return [o for o in found if o.path is None or o.training or o.path.is_file()]


def best_of(run: Run) -> Option:
    """A run's best weights."""
    return _of_run(run, "best", run.best, run.best_accuracy)


def _of_run(run: Run, which: str, path: Path, accuracy: float | None) -> Option:
    reached = "untested" if accuracy is None else percent(accuracy)
    name = " ".join(part.lstrip("0") for part in which.split("-"))  # epoch-003 is epoch 3
    return Option(f"{run.id}/{which}", f"{run.name} · {name} · {reached}", path)


def wanted(found: list[Option]) -> str:
    """The id to begin with: a new link's ``?model=``, else the session's choice, else the first.

    A run's id alone means its best; where a run has no best yet, its last is taken.
    """
    link = st.query_params.get("model")
    if link and link != st.session_state.get(_LINK):
        st.session_state[_LINK] = st.session_state[CHOICE] = link
    asked = str(st.session_state.get(CHOICE) or "")
    run = asked.partition("/")[0]
    ids = [option.id for option in found]
    return next((i for i in (asked, f"{run}/best", f"{run}/last") if i in ids), ids[0])


def chosen() -> Option:
    """What the reader chose with `picker`, which must have found something to choose."""
    found = options()
    return next(option for option in found if option.id == wanted(found))


def load(option: Option) -> Classifier:
    """The option's network, from the cache where its file has not changed.

    Raises:
        ValueError: when the file cannot be used, or an upload is no longer in memory.
    """
    if option.path is None:
        return _uploaded(st.session_state[_UPLOAD]["digest"], None)
    try:
        stat = option.path.stat()
    except OSError as error:
        raise ValueError(f"{option.label} has gone meanwhile: choose another model.") from error
    return _from_file(str(option.path), (stat.st_mtime_ns, stat.st_size))


@st.cache_resource(max_entries=4, show_spinner="Waking the network…")
def _from_file(path: str, stamp: tuple[int, int]) -> Classifier:
    from alexnet_demo.inference.classifier import Classifier

    classifier = Classifier.load_noted(Path(path))
    _settle()
    return classifier


@cache
def _settle() -> None:
    """Leave what is loaded by now, PyTorch above all, out of later garbage collections.

    To go through PyTorch's objects takes a tenth of a second, in which no session moves on.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=4, show_spinner="Reading the file…")
def _uploaded(digest: str, _file: tuple[str, bytes, Role] | None) -> Classifier:
    """The network of an uploaded file, found again by its digest alone."""
    from alexnet_demo.inference.classifier import Classifier

    if _file is None:
        raise ValueError("The uploaded model is no longer in memory: upload it again.")
    classifier = Classifier.from_upload(*_file)
    classifier.digest = digest
    return classifier
