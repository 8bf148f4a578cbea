"""Train: start a run, watch it learn, and manage past runs."""

import streamlit as st

from alexnet_demo.runs.store import current_run, get_run, list_runs
from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.train import queue, replay
from alexnet_demo.ui.train.form import form_open, training_form
from alexnet_demo.ui.train.live import live_view, resume_card
from alexnet_demo.ui.train.runs_table import runs_table
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.glossary import explain

page("Train", lead="Train AlexNet to classify ten kinds of clothing, and watch it learn.")

if recorded_run := replay.requested():
    replay.recorded_replay(recorded_run)
    st.stop()

changing = queue.changing_runs()
linked = get_run(st.query_params.get("run", ""))
run = linked or current_run()

if not access.can_control():
    access.show_notice()
    if not run:
        st.write("No runs yet. Predict uses the included model.")
elif linked is None and form_open(run):
    if run and run.resumable:
        resume_card(run)
    training_form()
    st.divider()
queue.queue_view(run, changing)
replay.pinboard()
replay.replay_buttons()
if run:
    if run.state != "queued" or run.history.batches:
        live_view(run)
        explain(
            "Reading the curves",
            *("Loss", "Training and validation curves", "Validation and test set"),
        )
        replay.replay(run)
        st.divider()
    runs_table(list_runs())
