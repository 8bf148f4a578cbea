"""Train: start a training, watch it live, look after past runs."""

import streamlit as st

from alexnet_demo.runs import current_run, get_run, list_runs
from alexnet_demo.ui import access, elsewhere
from alexnet_demo.ui.live import live_view, waiting_run
from alexnet_demo.ui.runs_table import runs_table
from alexnet_demo.ui.shell import page
from alexnet_demo.ui.training_form import training_form

page("Train", lead="Teach AlexNet ten kinds of clothing and watch it learn.")

runs, active = list_runs(), elsewhere.active_runs()
asked_for = get_run(st.query_params.get("run", ""))
shown = asked_for or current_run()

elsewhere.tell_refusal(active)
if not access.controls():
    access.explain()
    if not shown:
        st.write("Nothing has been trained here yet. Predict has the network that comes along.")
elif asked_for is None and not active:
    if shown and shown.resumable:
        waiting_run(shown)
    training_form()
    st.divider()
if shown:
    live_view(shown)
    st.divider()
    runs_table(runs)
elsewhere.watch(active)
