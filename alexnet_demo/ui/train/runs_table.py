"""All runs in a table, and what can be done with the selected ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration, no_formula
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import MAX_NAME, MAX_NOTE, Run, has_weights
from alexnet_demo.settings.config import SETTINGS, differing
from alexnet_demo.ui.components.auto_refresh import auto_refresh
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.train import downloads
from alexnet_demo.ui.train.compare import compare
from alexnet_demo.ui.train.live import try_button
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

TABLE_SECONDS = 10.0
_SELECTED = "selected runs"  # session state: ids of the runs selected in the table
_SHOWN = ("recipe", "epochs", "device", "test_samples", "validation")
"""Settings that the table shows in columns of its own."""


def runs_table(runs: list[Run]) -> None:
    """The runs, newest first, and what can be done with the selected ones."""
    st.subheader("Runs", anchor=False)
    single = "name, download, use, or delete it" if access.can_control() else "download or use it"
    zone = f"Times are the server's ({datetime.now().astimezone():%Z})."
    st.caption(f"Select one run to {single}; select several to compare them. {zone}")
    key = table_key(runs)
    rows = _selected_rows(key, runs)
    st.session_state[_SELECTED] = [runs[row].id for row in rows]
    active = [run for run in runs if run.active]
    auto_refresh(
        "runs",
        lambda: _table(runs, key, rows),
        lambda: [(run.state, len(run.history.epochs)) for run in active],
        TABLE_SECONDS if active else None,
    )
    if len(rows) == 1:
        _details(runs[rows[0]])
    elif rows:
        compare([runs[row] for row in rows])


def table_key(runs: Sequence[Run]) -> str:
    """The table's key in the session state, with row numbers that mean something for this list."""
    return f"runs {hash(tuple(run.id for run in runs))}"


def _selected_rows(key: str, runs: list[Run]) -> list[int]:
    """The selected rows; in a list that has changed, those of the runs selected before."""
    if key not in st.session_state:
        selected = st.session_state.get(_SELECTED, ())
        return [row for row, run in enumerate(runs) if run.id in selected]
    rows = st.session_state[key].get("selection", {}).get("rows", ())
    # A browser may send anything.
    return [row for row in rows if isinstance(row, int) and 0 <= row < len(runs)]


def _table(runs: list[Run], key: str, rows: list[int]) -> None:
    """The table alone, so that it refreshes during training while the rest of the page stays."""
    if not all(run.directory.is_dir() for run in runs):
        st.rerun()  # one was deleted in another tab, and row numbers would mean other runs
    number = st.column_config.NumberColumn
    settings = changed_settings(runs)
    st.dataframe(
        [_row(run, settings) for run in runs],
        column_config={
            "Validation": number(
                format="%.2f%%", help="Best epoch's accuracy on held-out training images"
            ),
            "Test": number(format="%.2f%%", help="Accuracy of the best epoch on test images"),
            "Evaluated on": st.column_config.TextColumn(
                help="How many validation and test images these accuracies are of"
            ),
            **{
                SETTINGS[name].label: number(format="%g", help=SETTINGS[name].help)
                for name in settings
                if SETTINGS[name].range
            },
        },
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        key=key,
    )
    if _selected_rows(key, runs) != rows:
        st.rerun()  # what follows the table is outside this fragment


def changed_settings(runs: Sequence[Run]) -> list[str]:
    """Settings that differ among runs, and not only because their recipes do."""
    configs = [run.config for run in runs]
    changed = {name for config in configs for name in config.changes()}
    return [name for name in differing(configs) if name in changed and name not in _SHOWN]


def _row(run: Run, settings: Sequence[str]) -> dict[str, Any]:
    record = run.summary()
    validation, test = record["best_validation_accuracy"], record["best_test_accuracy"]
    images = (f"{a.images:,} {a.split}" for a in run.accuracies if a.images)
    return {
        "Name": no_formula(record["name"]),  # the table has its own CSV download
        "State": "finished early" if run.stopped_early else record["state"],
        "Validation": None if validation is None else 100 * validation,
        "Test": None if test is None else 100 * test,
        "Evaluated on": ", ".join(images) or None,
        "Epochs": f"{record['epochs']} of {record['epochs_planned']}",
        "Recipe": record["recipe"],
        **{SETTINGS[name].label: _cell(run, name) for name in settings},
        "Device": no_formula(record["device"]),
        "Time": duration(record["seconds"]),
        "Note": no_formula(record["note"]),
    }


def _cell(run: Run, name: str) -> Any:
    value = getattr(run.config, name)
    return value if SETTINGS[name].range else no_formula(SETTINGS[name].text(value))


def _details(run: Run) -> None:
    """Actions on one run."""
    with st.container(border=True):
        st.markdown(f"**{plain(run.name)}**")
        page.show_warning(run)
        with st.container(horizontal=True):
            if st.button("View", icon=":material/monitoring:", key="show run"):
                st.query_params["run"] = run.id
                st.rerun()
            if has_weights(run.best):
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
