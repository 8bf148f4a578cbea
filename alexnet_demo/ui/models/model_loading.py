"""The models to choose from (included, uploaded, and those of runs), and loading them."""

from __future__ import annotations

import gc
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.access import Role, require_admin
from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import is_file, sha256
from alexnet_demo.common.text import percent
from alexnet_demo.inference import predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import paths
from alexnet_demo.ui.models import backends
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # torch takes seconds to import: only once a model is to be loaded
    from alexnet_demo.inference.classifier import Classifier

SHIPPED, UPLOADED = "shipped", "uploaded"
MAX_UPLOAD_BYTES = 200_000_000
CHOICE = "model"  # session state: an option's id
_UPLOAD = "uploaded model"  # session state: name and digest of the uploaded file
_LINK = "model link"  # session state: the last ``?model=`` that was applied


@dataclass(frozen=True)
class Option:
    """A model to choose.

    Attributes:
        id: ``shipped``, ``uploaded``, or a run's id followed by ``/best``, ``/last``,
            ``/epoch-003``, or ``/now`` for the current weights of a run in progress.
        path: of the weights file; None for the uploaded model, which is only in memory.
        live_run: the run in progress that can be asked for newer weights.
    """

    id: str
    label: str
    path: Path | None
    live_run: Run | None = None


def options(live: bool = False) -> list[Option]:
    """The available models: included, uploaded, then best, last, and epochs' weights of runs.

    Args:
        live: also offer the current weights of runs in progress.
    """
    upload = st.session_state.get(_UPLOAD)
    runs = sorted(list_runs(), key=lambda run: run.best_accuracy or 0.0, reverse=True)
    epochs = [(r, e["epoch"], e["test_accuracy"]) for r in runs for e in r.history.epochs]
    last_accuracy = {run.id: accuracy for run, _, accuracy in epochs}
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS  # which may be a link
    included = [Option(SHIPPED, "Included model", shipped)] if is_file(shipped) else []
    candidates = [
        *([Option(UPLOADED, f"Uploaded: {upload['name']}", None)] if upload else []),
        *(
            Option(f"{run.id}/now", f"{run.name} · current weights", run.now, run)
            for run in runs
            if live and run.state == "running"
        ),
        *map(best_option, runs),
        *(_of_run(run, "last", run.last, last_accuracy.get(run.id)) for run in runs),
        *(
            _of_run(run, f"epoch-{epoch:03}", run.epoch_weights(epoch), accuracy)
            for run, epoch, accuracy in epochs
        ),
    ]
    usable = (o for o in candidates if o.path is None or o.live_run or has_weights(o.path))
    return [*included, *usable]


def best_option(run: Run) -> Option:
    """A run's best weights."""
    return _of_run(run, "best", run.best, run.best_accuracy)


def _of_run(run: Run, weights: str, path: Path, accuracy: float | None) -> Option:
    tested = "not evaluated"
    if accuracy is not None:
        tested = f"{percent(accuracy)} of {run.config.eval_set}"
    name = " ".join(part.lstrip("0") for part in weights.split("-"))  # epoch-003 is epoch 3
    return Option(f"{run.id}/{weights}", f"{run.name} · {name} · {tested}", path)


def selected(available: list[Option] | None = None) -> Option:
    """The selected model: from a new link's ``?model=``, else the session's, else the first.

    A run's id alone stands for its best weights, or its last ones if there are no best ones.

    Args:
        available: the options to select from, at least one; `options` if None.
    """
    link = st.query_params.get("model")
    if link and link != st.session_state.get(_LINK):
        st.session_state[_LINK] = st.session_state[CHOICE] = link
    choice = str(st.session_state.get(CHOICE) or "")
    run_id = choice.partition("/")[0]
    by_id = {option.id: option for option in available or options()}
    ids = (choice, f"{run_id}/best", f"{run_id}/last", *by_id)
    return next(by_id[i] for i in ids if i in by_id)


def included_results() -> Results | None:
    """The included model's predictions for the test set, without loading the model.

    None where the weights are missing or others, so that the results are not theirs.
    """
    weights = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    try:
        return predictions.load(digest(weights))
    except OSError:
        return None


def digest(weights: Path) -> str:
    """SHA-256 of a weights file, from the cache if the file is unchanged.

    Raises:
        OSError: when the file cannot be read.
    """
    stat = weights.stat()
    return _digest(str(weights), (stat.st_mtime_ns, stat.st_size))


@st.cache_data(max_entries=64, show_spinner=False)
def _digest(path: str, stamp: tuple[int, int]) -> str:
    return sha256(Path(path))


def load_or_show_error(option: Option) -> Classifier | None:
    """Load a model; None after saying why that fails."""
    try:
        return load(option)
    except CheckpointError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def load(option: Option) -> Classifier:
    """Load a model, from the cache if its file is unchanged.

    Raises:
        CheckpointError: when the file cannot be used, or an upload is no longer in memory.
    """
    if option.path is None:
        return _uploaded(st.session_state[_UPLOAD]["digest"], None)
    try:
        stat = option.path.stat()
    except OSError as error:
        raise CheckpointError(
            f"The file of “{option.label}” no longer exists. Choose another model."
        ) from error
    classifier = _from_file(str(option.path), (stat.st_mtime_ns, stat.st_size))
    if not option.live_run:  # whose weights change too often
        # Visitors must not keep the server busy with many models.
        measure = option.id == SHIPPED or access.can_control()
        backends.use_fastest(classifier, option.path, measure)
    return classifier


@st.cache_resource(
    max_entries=4,
    show_spinner="Loading the model… (The first time, this loads PyTorch.)",
    show_time=True,
)
def _from_file(path: str, stamp: tuple[int, int]) -> Classifier:
    from alexnet_demo.inference.classifier import Classifier

    classifier = Classifier.load_with_digest(Path(path))
    _freeze_garbage_collector()
    return classifier


@cache
def _freeze_garbage_collector() -> None:
    """Exempt what is loaded by now, mainly PyTorch, from later garbage collections.

    Traversing PyTorch's objects takes a tenth of a second, during which every session waits.
    """
    gc.collect()
    gc.freeze()


def add_upload(name: str, data: bytes) -> bool:
    """Load an uploaded weights file and select it.

    Returns:
        False if it is the current upload already.

    Raises:
        AccessError: for visitors of a read-only server.
        CheckpointError: when the file is too large or cannot be used.
    """
    role = access.role()
    require_admin(role)  # also if the same file is in the cache
    digest = hashlib.sha256(data).hexdigest()
    if (st.session_state.get(_UPLOAD) or {}).get("digest") == digest:
        return False
    if len(data) > MAX_UPLOAD_BYTES:
        raise CheckpointError(f"{name} is too large: the limit is {MAX_UPLOAD_BYTES // 10**6} MB.")
    _uploaded(digest, (name, data, role))
    st.session_state[_UPLOAD] = {"name": name, "digest": digest}
    st.session_state[CHOICE] = UPLOADED
    return True


@st.cache_resource(max_entries=4, show_spinner="Reading the file…", show_time=True)
def _uploaded(digest: str, _file: tuple[str, bytes, Role] | None) -> Classifier:
    """The model of an uploaded file; later calls find it by its digest alone."""
    from alexnet_demo.inference.classifier import Classifier

    if _file is None:
        raise CheckpointError("The uploaded model is no longer in memory. Upload it again.")
    classifier = Classifier.from_upload(*_file)
    classifier.digest = digest
    return classifier
