"""Train: start a training, watch it live, look after past runs."""

import streamlit as st

from alexnet_demo.runs.store import current_run, get_run, list_runs
from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.train import auto_refresh, recorded
from alexnet_demo.ui.train.form import form_wanted, training_form
from alexnet_demo.ui.train.live import live_view, waiting_run
from alexnet_demo.ui.train.pinboard import pinboard
from alexnet_demo.ui.train.queue import queue_view
from alexnet_demo.ui.train.replay import replay
from alexnet_demo.ui.train.runs_table import runs_table
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.glossary import explain

page("Train", lead="Teach AlexNet ten kinds of clothing and watch it learn.")

if watched := recorded.watched():
    recorded.watch(watched)
    st.stop()

seen = auto_refresh.seen()
asked_for = get_run(st.query_params.get("run", ""))
shown = asked_for or current_run()

if not access.can_control():
    access.show_notice()
    if not shown:
        st.write("Nothing has been trained here yet. Predict has the network that comes along.")
elif asked_for is None and form_wanted(shown):
    if shown and shown.resumable:
        waiting_run(shown)
    training_form()
    st.divider()
queue_view(shown)
pinboard()
recorded.offer_to_watch()
if shown:
    if shown.state != "queued" or shown.history.batches:
        live_view(shown)
        explain("What the curves say", "Loss", "Training and test curve")
        replay(shown)
        st.divider()
    runs_table(list_runs())
auto_refresh.watch(seen)
