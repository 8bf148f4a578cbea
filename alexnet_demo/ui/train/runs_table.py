"""All runs in a table, and actions on the selected ones: compare, name, download, use, delete."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alexnet_demo.common.files import is_file
from alexnet_demo.common.text import duration, no_formula
from alexnet_demo.figures import training
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import MAX_NAME, MAX_NOTE, Run
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.train import downloads
from alexnet_demo.ui.train.live import axis_choice, compare_with, try_button
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

TABLE_SECONDS = 5.0


def runs_table(runs: list[Run]) -> None:
    """The runs, newest first, and what can be done with the selected ones."""
    st.subheader("Runs", anchor=False)
    single = "name, download, use, or delete it" if access.can_control() else "download or use it"
    st.caption(f"Select one run to {single}; select several to compare them.")
    # Streamlit stores row numbers under the key: a changed list must not inherit the selection.
    key = f"runs {hash(tuple(run.id for run in runs))}"
    rows = _selected_rows(key)
    active = any(run.active for run in runs)
    st.fragment(_table, run_every=TABLE_SECONDS if active else None)(runs, key, rows)
    selected = [runs[row] for row in rows if row < len(runs)]
    if len(selected) == 1:
        _details(selected[0])
    elif selected:
        _compare(selected)


def _selected_rows(key: str) -> list[int]:
    rows = st.session_state.get(key, {}).get("selection", {}).get("rows", ())
    return [row for row in rows if isinstance(row, int) and row >= 0]  # a browser sends anything


def _table(runs: list[Run], key: str, rows: list[int]) -> None:
    """The table alone, so that it refreshes during training while the rest of the page stays."""
    percent = st.column_config.NumberColumn
    st.dataframe(
        [_row(run) for run in runs if run.directory.is_dir()],
        column_config={
            "Validation": percent(
                format="%.2f%%", help="Best epoch's accuracy on held-out training images"
            ),
            "Test": percent(format="%.2f%%", help="Accuracy of the best epoch on test images"),
        },
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        key=key,
    )
    if _selected_rows(key) != rows:
        st.rerun()  # what follows the table is outside this fragment


def _row(run: Run) -> dict[str, Any]:
    record = run.to_json()
    validation, test = record["best_validation_accuracy"], record["best_test_accuracy"]
    return {
        "Name": no_formula(record["name"]),  # the table has its own CSV download
        "State": "finished early" if run.stopped_early else record["state"],
        "Recipe": record["recipe"],
        "Device": no_formula(record["device"]),
        "Epochs": f"{record['epochs']} of {record['epochs_planned']}",
        "Validation": None if validation is None else 100 * validation,
        "Test": None if test is None else 100 * test,
        "Time": duration(record["seconds"]),
        "Note": no_formula(record["note"]),
    }


def _compare(selected: list[Run]) -> None:
    """Validation or test curves of several runs in one figure."""
    names, title = ("accuracy", "loss"), str.capitalize
    metric = st.segmented_control(
        "Metric", names, default="accuracy", key="compare", required=True, format_func=title
    )
    axis = axis_choice("overlay axis")
    curves = [(run.name, run.history) for run in selected] + compare_with("overlay compare")
    figure = training.compare_runs(curves, metric, axis)
    figure.update_layout(uirevision=f"overlay {metric} {axis}")
    runs = ", ".join(name for name, _ in curves)
    live_plot(figure, f"{title(metric)} by {axis} of {runs}", "overlay")


def _details(run: Run) -> None:
    """Actions on one run."""
    with st.container(border=True):
        st.markdown(f"**{plain(run.name)}**")
        page.show_warning(run)
        with st.container(horizontal=True):
            if st.button("View", icon=":material/monitoring:", key="show run"):
                st.query_params["run"] = run.id
                st.rerun()
            if is_file(run.best):
                try_button(run, "use run")
            downloads.files(run)
            downloads.report_button(run)
            if access.can_control() and st.button(
                "Delete", icon=":material/delete:", key="delete run", disabled=run.active
            ):
                _confirm_delete(run)
        downloads.report_progress(run)
        if access.can_control():
            _label(run)


def _label(run: Run) -> None:
    with st.form(f"label {run.id}", border=False):
        name = st.text_input("Name", run.name, max_chars=MAX_NAME, help="Empty: default name.")
        note = st.text_area("Note", run.note, max_chars=MAX_NOTE, height=80)
        if st.form_submit_button("Save name and note", icon=":material/save:"):
            custom = "" if name == run.default_name else name
            page.show_outcome(actions.label(run, custom, note, role=access.role()))


@st.dialog("Delete this run?", icon=":material/delete:")
def _confirm_delete(run: Run) -> None:
    consequence = "with its weights and curves? You cannot undo this."
    if run.directory.is_symlink():
        consequence = "from this list? It is a link: the files that it leads to stay."
    st.markdown(f"Delete **{plain(run.name)}** {consequence}")
    st.caption(run.id)
    with st.container(horizontal=True):
        if st.button("Delete run", icon=":material/delete_forever:", key="confirm delete"):
            outcome = actions.delete(run, role=access.role())
            if outcome.done and st.query_params.get("run") == run.id:
                del st.query_params["run"]
            page.show_outcome(outcome)
        if st.button("Keep run", key="keep run"):
            st.rerun()
