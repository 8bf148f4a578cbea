"""All runs in a table: compare, name, download, use, delete."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration, no_formula
from alexnet_demo.figures import training as charts
from alexnet_demo.jobs import actions
from alexnet_demo.runs.history import read_full
from alexnet_demo.runs.run import MAX_NAME, MAX_NOTE, Run
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.models import model_picker
from alexnet_demo.ui.train import report_button
from alexnet_demo.ui.train.recorded import axis_choice, compare_with
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

TABLE_SECONDS = 5.0
METRICS = (
    *("epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    *("seconds", "test_seconds", "images_per_s", "peak_memory"),
)


def runs_table(runs: list[Run]) -> None:
    """The runs, newest first; ticked ones are compared, or looked after if it is one."""
    st.subheader("Runs", anchor=False)
    can = "name, download, use or delete it" if access.can_control() else "download or use it"
    st.caption(f"Tick one run to {can}, several to compare them.")
    # Ticks are kept by row number under a key: another list of runs must not inherit them.
    key = f"runs {hash(tuple(run.id for run in runs))}"
    rows = _ticks(key)
    training = any(run.active for run in runs)
    st.fragment(_table, run_every=TABLE_SECONDS if training else None)(runs, key, rows)
    ticked = [runs[i] for i in rows if i < len(runs)]
    if len(ticked) == 1:
        _one(ticked[0])
    elif ticked:
        _compare(ticked)


def _ticks(key: str) -> list[int]:
    rows = st.session_state.get(key, {}).get("selection", {}).get("rows", ())
    return [row for row in rows if isinstance(row, int) and row >= 0]  # a browser sends anything


def _table(runs: list[Run], key: str, rows: list[int]) -> None:
    """The table alone, so that it follows a training while the rest of the page stays."""
    st.dataframe(
        [_row(run) for run in runs if run.directory.is_dir()],
        column_config={
            "Best": st.column_config.NumberColumn(
                format="%.2f %%", help="Highest test accuracy of an epoch"
            ),
            "Last": st.column_config.NumberColumn(
                format="%.2f %%", help="Test accuracy after the newest epoch"
            ),
        },
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        key=key,
    )
    if _ticks(key) != rows:
        st.rerun()  # what is ticked is looked after below, outside of this part


def _compare(ticked: list[Run]) -> None:
    """The test curves of several runs in one figure."""
    metric = st.segmented_control(
        "Compare",
        ("accuracy", "loss"),
        format_func=str.capitalize,
        default="accuracy",
        key="compare",
    )
    metric, axis = metric or "accuracy", axis_choice("overlay axis")
    curves = [(run.name, run.history) for run in ticked] + compare_with("overlay compare")
    figure = charts.compare_runs(curves, metric, axis)
    figure.update_layout(uirevision=f"overlay {metric} {axis}")
    names = ", ".join(name for name, _ in curves)
    live_plot(figure, f"Test {metric} by {axis} of {names}", "overlay")


def _row(run: Run) -> dict[str, Any]:
    record = run.to_json()
    best, last = record["best_test_accuracy"], record["last_test_accuracy"]
    return {
        "Name": no_formula(record["name"]),  # the table has a CSV download of its own
        "State": "finished early" if run.stopped_early else record["state"],
        "Recipe": record["recipe"],
        "Device": no_formula(record["device"]),
        "Epochs": f"{record['epochs']} of {record['epochs_planned']}",
        "Best": None if best is None else 100 * best,
        "Last": None if last is None else 100 * last,
        "Time": duration(record["seconds"]),
        "Note": no_formula(record["note"]),
    }


def _one(run: Run) -> None:
    """What can be done with one run."""
    with st.container(border=True):
        st.markdown(f"**{plain(run.name)}**")
        with st.container(horizontal=True):
            if st.button("Show", icon=":material/monitoring:", key="show run"):
                st.query_params["run"] = run.id
                st.rerun()
            if run.best.is_file() and st.button(
                "Use on Predict", icon=":material/draw:", key="use run", type="primary"
            ):
                model_picker.open_predict(run)
            _downloads(run)
            report_button.offer(run)
            if access.can_control() and st.button(
                "Delete", icon=":material/delete:", key="delete run", disabled=run.active
            ):
                _confirm_delete(run)
        report_button.wait(run)
        if access.can_control():
            _label(run)


def _label(run: Run) -> None:
    with st.form(f"label {run.id}", border=False):
        name = st.text_input(
            "Name", run.name, max_chars=MAX_NAME, help="Empty: the automatic name."
        )
        note = st.text_area("Note", run.note, max_chars=MAX_NOTE, height=80)
        if st.form_submit_button("Save name and note", icon=":material/save:"):
            given = "" if name == run.default_name else name
            outcome = actions.label(run, given, note, role=access.role())
            if outcome.done:
                page.toast_next(outcome.message)
                st.rerun()
            st.error(plain(outcome.message), icon=":material/error:")


def _downloads(run: Run) -> None:
    # Not for visitors: each click holds the whole file in the server's memory.
    if run.best.is_file() and access.can_control():
        st.download_button(
            "Weights",
            run.best.read_bytes,  # read when clicked: the full network has 187 MB
            file_name=f"{run.id}.safetensors",
            icon=":material/download:",
            key="download weights",
        )
    st.download_button(
        "Metrics, CSV",
        lambda: metrics_csv(run),
        file_name=f"{run.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="download csv",
    )
    st.download_button(
        "Metrics, JSON",
        lambda: metrics_json(run),
        file_name=f"{run.id}.json",
        mime="application/json",
        icon=":material/download:",
        key="download json",
    )


def metrics_csv(run: Run) -> str:
    """One line an epoch, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, METRICS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(run.history.epochs)
    return text.getvalue()


def metrics_json(run: Run) -> str:
    """The run's settings and every epoch and batch record."""
    history = read_full(run.events)
    record = {
        **run.to_json(),
        "config": run.config.to_json(),
        "epochs": history.epochs,
        "batches": history.batches,
    }
    del record["directory"]  # where it lies on the server is nobody's business
    return json.dumps(record, indent=1)


@st.dialog("Delete this run?", icon=":material/delete:")
def _confirm_delete(run: Run) -> None:
    st.markdown(f"**{plain(run.name)}** with its weights and curves. This cannot be undone.")
    st.caption(run.id)
    with st.container(horizontal=True):
        if st.button("Delete for good", icon=":material/delete_forever:", key="confirm delete"):
            outcome = actions.delete(run, role=access.role())
            if outcome.done:
                if st.query_params.get("run") == run.id:
                    del st.query_params["run"]
                page.toast_next(outcome.message)
                st.rerun()
            st.error(plain(outcome.message))
        if st.button("Keep it", key="keep run"):
            st.rerun()
