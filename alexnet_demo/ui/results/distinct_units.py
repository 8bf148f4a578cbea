"""How many units of each layer are distinct at a threshold, and the network without the copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.text import percent
from alexnet_demo.ui.models import background, datasets, passes
from alexnet_demo.ui.models.closest_units import closest_earlier
from alexnet_demo.ui.results.evaluation import Evaluation, reopen_panel
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.glossary import explain

if TYPE_CHECKING:  # all import torch
    from alexnet_demo.inference.merged import Merged
    from alexnet_demo.network.distinct_units import Closest

LOWEST, HIGHEST = 50, 99  # cosines, in hundredths
NO_MERGING = 2.0  # a cosine that no two units reach
_SLIDER, _PARAM = "distinct cosine", "cosine"
_MERGED = "distinct merged"  # session state: which merging to evaluate, digest and threshold
_ROWS = "distinct rows"  # session state, with a digest: rows of the table, by threshold


@st.fragment
def show_distinct_units(evaluation: Evaluation) -> None:
    """A table of the layers, a slider for the threshold, and the merged network's accuracy."""
    from alexnet_demo.network.distinct_units import hidden_layers

    classifier = evaluation.classifier
    closest = {
        name: closest_earlier(classifier.digest, name, classifier.model)
        for name in hidden_layers(classifier.model)
    }
    threshold = _choose_threshold() / 100
    counts = {name: (len(c), int((c < threshold).sum())) for name, (c, _) in closest.items()}
    st.dataframe(
        [
            {"Layer": name, "Units": units, "Distinct": own, "Share": 100 * own / units}
            for name, (units, own) in counts.items()
        ],
        column_config={
            "Layer": st.column_config.TextColumn(width=64),  # pixels: fit on a phone
            "Units": st.column_config.NumberColumn(width=62),
            "Distinct": st.column_config.NumberColumn(width=76),
            "Share": st.column_config.ProgressColumn(
                format="%.1f%%", min_value=0, max_value=100, width=130
            ),
        },
        hide_index=True,
        width="content",
    )
    units, distinct = (sum(column) for column in zip(*counts.values(), strict=True))
    st.markdown(
        f"At a cosine of {threshold:.2f}, **{distinct:,} of {units:,} units** are distinct."
    )
    if units == distinct:
        st.caption("There are no copies to merge. A lower threshold counts more units as copies.")
    elif classifier.model.activation != "relu":
        st.caption("Copies of different length can be merged only where the activation is ReLU.")
    elif st.button("Merge copies and evaluate", icon=":material/merge:"):
        st.session_state[_MERGED] = classifier.digest, threshold
    if st.session_state.get(_MERGED) == (classifier.digest, threshold):
        _evaluate(evaluation, closest, threshold)
    _show_rows(classifier.digest)
    explain("What merging units does", "Distinct units", "Merging units")


def _choose_threshold() -> int:
    """Let the reader choose the cosine, in hundredths, and keep it in the address."""
    from alexnet_demo.network.distinct_units import COPY_COSINE

    default = round(100 * COPY_COSINE)
    if _SLIDER not in st.session_state:  # the view has just opened
        query_params.load(_PARAM)
        linked = query_params.parse_index(query_params.get(_PARAM), HIGHEST + 1) or default
        st.session_state[_SLIDER] = max(LOWEST, linked)
    percentage = int(
        st.slider(
            "Cosine from which on two units count as copies",
            LOWEST,
            HIGHEST,
            key=_SLIDER,
            format="0.%d",
            width=330,
        )
    )
    query_params.put(_PARAM, "" if percentage == default else str(percentage))
    return percentage


def _evaluate(evaluation: Evaluation, closest: dict[str, Closest], threshold: float) -> None:
    """Run the network and the merged one on the first test images, and keep the numbers."""
    classifier = evaluation.classifier
    results = []
    for at, label in (NO_MERGING, "the network as it is"), (threshold, "the merged network"):
        job = passes.predict_merged(classifier, closest, at)
        if job.result is None:
            background.show_progress(job, f"Running {label} on the first test images", reopen_panel)
            return
        results.append(job.result)
    before, after = results
    truth = datasets.test_set().labels[: len(after.labels)].numpy()
    units = sum(len(cosines) for cosines, _ in closest.values())
    copies = sum(int((cosines >= threshold).sum()) for cosines, _ in closest.values())

    def row(name: str, units: int, merged: Merged) -> dict[str, object]:
        return {
            "Cosine": name,
            "Units": units,
            "Parameters": merged.parameters,
            "Accuracy": 100 * float((merged.labels == truth).mean()),
            "Same prediction": 100 * float((merged.labels == before.labels).mean()),
        }

    rows = st.session_state.setdefault(f"{_ROWS} {classifier.digest}", {})
    rows[NO_MERGING] = row("none", units, before)
    rows[threshold] = row(f"{threshold:.2f}", units - copies, after)
    saved = 1 - after.parameters / before.parameters
    st.markdown(
        f"Merging removes {copies:,} of {units:,} units and **{percent(saved)} of the "
        f"parameters**. Accuracy on the first {len(truth):,} test images: "
        f"{percent(float((before.labels == truth).mean()))} before, "
        f"**{percent(float((after.labels == truth).mean()))} after**."
    )


def _show_rows(digest: str) -> None:
    """A table of all that was evaluated of a model in this session."""
    rows = st.session_state.get(f"{_ROWS} {digest}")
    if rows:
        number = st.column_config.NumberColumn
        st.dataframe(
            [rows[threshold] for threshold in sorted(rows, reverse=True)],
            column_config={  # widths in pixels: fit on a phone
                "Cosine": st.column_config.TextColumn(width=62),
                "Units": number(format="localized", width=58),
                "Parameters": number(format="localized", width=98),
                "Accuracy": number(format="%.1f%%", width=72),
                "Same prediction": number("Same", format="%.1f%%", width=60),
            },
            hide_index=True,
            width="content",
        )
        st.caption("Same: images with the same prediction as without merging.")
