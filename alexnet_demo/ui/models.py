"""Which network answers: the shipped one, one of a run's, or an uploaded file."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from alexnet_demo.common.access import Permit
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import paths
from alexnet_demo.ui import access
from alexnet_demo.ui.quick import quick_training
from alexnet_demo.ui.wording import percent, plain

if TYPE_CHECKING:  # torch takes seconds to import: only once a network is to be loaded
    from alexnet_demo.inference.classifier import Classifier

T = TypeVar("T")
CHOICE = "model"  # session state: an option's id, also set by other pages before a switch to here
SHIPPED, UPLOADED = "shipped", "uploaded"
MAX_UPLOAD_BYTES = 200_000_000
WATCH_SECONDS = 3.0
"""How often newer weights of a run that trains are looked for."""
HARDLY_LEARNED = 0.3
"""Test accuracy below which a network says little; ten classes guessed at give 0.1."""
_UPLOAD = "uploaded model"  # session state: name and digest of the uploaded file
_LINK = "model link"  # session state: the link's model that was taken over already
_WIDGET = "model picker"


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
            _of_run(run, f"epoch-{e['epoch']:03}", run.of_epoch(e["epoch"]), e["test_accuracy"])
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


def picker(now: bool = False) -> Classifier | None:
    """Show the choice and return the network, loaded; None after saying why there is none.

    Args:
        now: as for `options`.
    """
    found = options(now)
    if not found:
        invite()
        return None
    st.session_state[_WIDGET] = wanted(found)
    labels = {option.id: option.label for option in found}
    choice = next(option for option in found if option.id == st.session_state[_WIDGET])
    with st.popover(f"Model: {plain(choice.label)}", icon=":material/network_node:"):
        st.selectbox(
            "Model",
            list(labels),
            format_func=lambda i: labels.get(i, i),
            key=_WIDGET,
            on_change=_remember,
            help="best: the weights of the epoch with the highest test accuracy. last: where the "
            "training stood when it last saved. As it is now: what a training has come to, "
            "brought up to date while you look.",
        )
        about = st.empty()
        _upload_form()
    if choice.training and not _on_its_way(choice.training):
        return None
    try:
        classifier = load(choice)
    except ValueError as error:  # CheckpointError, told without importing torch for its name
        st.error(plain(str(error)), icon=":material/error:")
        return None
    about.caption(
        describe(classifier),
        help="The width multiplies the channels of every layer: 1 is the article's network. Test "
        "accuracy is the share of right answers on pictures that no training has seen.",
    )
    return classifier


def _on_its_way(run: Run) -> bool:
    """Whether weights of a run that trains are there; they are kept up to date meanwhile."""
    there = actions.ask_for_weights(run, permit=access.permit())
    stamp = run.now.stat().st_mtime_ns if there else 0
    st.fragment(_keep_fresh, run_every=WATCH_SECONDS)(run, stamp)
    return there


def _keep_fresh(run: Run, stamp: int) -> None:
    """Run the page anew with newer weights as soon as the trainer has written them."""
    there = actions.ask_for_weights(run, permit=access.permit())
    if not there:
        st.info("The trainer writes its weights at the end of its step…", icon=":material/sync:")
    if (run.now.stat().st_mtime_ns if there else 0) != stamp or run.state != "running":
        st.rerun()


def beside(choose: Callable[[], T], now: bool = False) -> tuple[Classifier, T] | None:
    """A choice on the left, the model on the right, and a caution about it where one is due.

    Args:
        choose: shows the choice and returns what was chosen; not asked where there is no network.
        now: as for `options`.
    """
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        left = st.container(width="content")
        classifier = picker(now)
    if classifier is None:
        return None
    with left:
        choice = choose()
    caution(classifier)
    return classifier, choice


def caution(classifier: Classifier) -> None:
    """Say so where a network is little better than chance."""
    # A training state has no test of its own, but tells how far its run had come.
    info = classifier.info
    accuracy = info.get("test_accuracy", info.get("best_accuracy"))
    if accuracy == -1 and info.get("epoch"):
        return  # widened, and not tested since
    if isinstance(accuracy, (int, float)) and accuracy < HARDLY_LEARNED:
        st.warning(
            "This model has hardly learned anything yet: its answers are little better than "
            "guesses. Choose another under Model, or train one for longer.",
            icon=":material/school:",
        )


def _remember() -> None:
    st.session_state[CHOICE] = st.session_state[_WIDGET]


def describe(classifier: Classifier) -> str:
    """What is known of a network, such as ``Width 0.25 · epoch 4 · test accuracy 85.1 %``."""
    width = classifier.model.width
    facts = ["The article's AlexNet" if width == 1 else f"AlexNet at {width:g} of its width"]
    info = classifier.info
    epoch, accuracy, step = (info.get(name) for name in ("epoch", "test_accuracy", "step"))
    if isinstance(epoch, int) and 0 <= epoch < 10**6:
        facts.append(f"epoch {epoch}")
    if isinstance(step, int) and 0 <= step < 10**9:
        facts.append(f"step {step:,}")
    if isinstance(accuracy, (int, float)) and 0 <= accuracy <= 1:
        facts.append(f"test accuracy {accuracy * 100:.1f} %")
    return " · ".join(facts)


def use(run: Run) -> None:
    """Go to Predict with a run's best weights."""
    st.session_state[CHOICE] = f"{run.id}/best"
    st.switch_page("pages/3_Predict.py")


# ------------------------------------------------------------------ loading


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
def _uploaded(digest: str, _file: tuple[str, bytes, Permit] | None) -> Classifier:
    """The network of an uploaded file, found again by its digest alone."""
    from alexnet_demo.inference.classifier import Classifier

    if _file is None:
        raise ValueError("The uploaded model is no longer in memory: upload it again.")
    classifier = Classifier.from_upload(*_file)
    classifier.digest = digest
    return classifier


def _upload_form() -> None:
    """Take a weights file; what does not fit is refused with one sentence."""
    if not access.controls():
        access.explain()
        return
    file = st.file_uploader(
        "Or a file of your own",
        type=["safetensors"],
        help="A .safetensors file with this network's layers. Other kinds are never opened.",
        key="weights file",
    )
    if file is None:
        return
    data = file.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    if (st.session_state.get(_UPLOAD) or {}).get("digest") == digest:
        return
    try:
        _check_and_keep(Path(file.name).name, data, digest)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.rerun()


def _check_and_keep(name: str, data: bytes, digest: str) -> None:
    if len(data) > MAX_UPLOAD_BYTES:
        raise ValueError(f"{name} is too large: at most {MAX_UPLOAD_BYTES // 10**6} MB.")
    _uploaded(digest, (name, data, access.permit()))
    record: dict[str, Any] = {"name": name, "digest": digest}
    st.session_state[_UPLOAD] = record
    st.session_state[CHOICE] = UPLOADED


# ------------------------------------------------------------------ no model yet


def invite() -> None:
    """Where there is no network yet: one click to train one."""
    if not access.controls():
        st.info("There is no model here yet.", icon=":material/hourglass_empty:")
        access.explain()
        return
    with st.container(border=True):
        st.subheader("No model yet: train one now", anchor=False)
        st.write(
            "A quick training of a narrow AlexNet gives a first model within minutes, without a "
            "graphics card. You can watch it learn, then come back here."
        )
        quick_training("primary")
        with st.popover("I have a weights file", icon=":material/upload_file:"):
            _upload_form()
