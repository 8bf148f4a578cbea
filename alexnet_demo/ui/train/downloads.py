"""Downloads: weights, metrics, and report of a run, and its training as a plain script."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import partial

import streamlit as st

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import open_file
from alexnet_demo.export import report
from alexnet_demo.export.script import file_name, training_script
from alexnet_demo.inference import predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.runs.history import NUMBERS, read_full
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.models import background, model_loading, passes
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

METRICS = tuple(dict.fromkeys(("epoch", *NUMBERS["epoch"])))
"""Columns of the CSV file."""
_REQUESTED = "report wanted"  # session state: id of the run whose report was requested
_REPORT_HELP = (
    "One HTML file with settings, curves, confusion matrix, mistakes, and pinned images. It works "
    "offline and prints on A4."
)


def script_button(settings: TrainConfig, key: str) -> None:
    """Download the training as one script in plain PyTorch, generated on click."""
    st.download_button(
        "Download script",
        partial(training_script, settings),
        file_name=file_name(settings),
        mime="text/x-python",
        icon=":material/code:",
        type="tertiary",
        help="The same training in one Python file that needs only PyTorch, not this app.",
        on_click="ignore",
        key=key,
    )


def files(run: Run) -> None:
    """Download a run's best weights and its metrics, generated on click."""
    # Admins only: each click loads the whole file into the server's memory.
    if has_weights(run.best) and access.can_control():
        st.download_button(
            "Weights",
            partial(_weights, run),  # 187 MB at full width
            file_name=f"{run.id}.safetensors",
            icon=":material/download:",
            key="download weights",
        )
    for kind, content in (("csv", metrics_csv), ("json", metrics_json)):
        st.download_button(
            f"Metrics ({kind.upper()})",
            partial(content, run),
            file_name=f"{run.id}.{kind}",
            mime="text/csv" if kind == "csv" else "application/json",
            icon=":material/download:",
            key=f"download {kind}",
        )


def _weights(run: Run) -> bytes:
    """The best weights' file.

    Raises:
        CheckpointError: when it is gone or cannot be read. Streamlit logs this, and tells the user
            that the file could not be generated.
    """
    try:
        if has_weights(run.best):
            with open_file(run.best) as file:
                data: bytes = file.read()
                return data
    except OSError:
        pass
    raise CheckpointError("The weights are gone or cannot be read: reload the page.")


def metrics_csv(run: Run) -> str:
    """One row per epoch, with a header that names the split which epochs are evaluated on."""
    text = io.StringIO()
    writer = csv.DictWriter(text, METRICS, extrasaction="ignore", lineterminator="\n")
    split = run.history.eval_split
    writer.writerow({name: re.sub("^test_(?!seconds)", f"{split}_", name) for name in METRICS})
    writer.writerows(run.history.epochs)
    return text.getvalue()


def metrics_json(run: Run) -> str:
    """The run's settings and all its epoch and batch records."""
    history, config = read_full(run.events), run.config.to_json()
    records = {"config": config, "epochs": history.epochs, "batches": history.batches}
    record = run.to_json() | records
    del record["directory"]  # a path on the server
    return json.dumps(record, indent=1)


def report_button(run: Run) -> None:
    """Download the report, or first request the test-set results it needs."""
    ready, results = _test_results(run)
    requested = st.session_state.get(_REQUESTED) == run.id
    if ready:
        st.download_button(
            "Report",
            lambda: report.render(run, results),  # generated on click
            file_name=f"{run.id}.html",
            mime="text/html",
            icon=":material/description:",
            key="download report",
            help=_REPORT_HELP,
            type="primary" if requested else "secondary",
        )
    elif st.button(
        "Create report",
        icon=":material/description:",
        key="make report",
        help=f"{_REPORT_HELP} First runs the model on the full test set.",
        disabled=requested,
    ):
        st.session_state[_REQUESTED] = run.id
        st.rerun()


def report_progress(run: Run) -> None:
    """Run the best weights on the test set, once the report was requested, and show progress."""
    if st.session_state.get(_REQUESTED) != run.id or _test_results(run)[0]:
        return
    if classifier := model_loading.load_or_show_error(model_loading.best_option(run)):
        task = f"Running “{plain(run.name)}” on all test images for the report"
        background.show_progress(passes.evaluate_test_set(classifier), task)


def _test_results(run: Run) -> tuple[bool, Results | None]:
    """Whether the report can be made, and cached results of the best weights on the test set.

    Without weights there are no results to wait for.
    """
    if not has_weights(run.best):
        return True, None
    try:
        results = predictions.load(model_loading.digest(run.best))
    except OSError:
        return True, None
    return results is not None, results
