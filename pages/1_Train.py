"""Train: start a run, watch it learn, and manage past runs."""

import streamlit as st

from alexnet_demo.runs.store import current_run, get_run, list_runs
from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.train import queue, replay
from alexnet_demo.ui.train.form import comes_first, folded_form, training_form
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

form_first = access.can_control() and not linked and comes_first(run)

if not access.can_control():
    access.show_notice()
    if not run:
        st.write("No runs yet. Predict uses the included model.")
elif form_first:
    if run and run.resumable:
        resume_card(run)
    training_form()
    st.divider()
queue.queue_view(run, changing)
if run and (run.state != "queued" or run.history.batches):
    live_view(run)
    explain(
        "Reading the curves",
        *("Loss", "Training and validation curves", "Validation and test set"),
    )
if run and access.can_control() and not form_first and (run.active or run.resumable):
    folded_form()
if run and (run.state != "queued" or run.history.batches):
    replay.replay(run)
    st.divider()
replay.pinboard()
replay.replay_buttons()
if run:
    runs_table(list_runs())
