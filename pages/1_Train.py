"""Train: start a training, watch it live, look after past runs."""

import streamlit as st

from alexnet_demo.runs import current_run, get_run, list_runs
from alexnet_demo.ui.live import live_view
from alexnet_demo.ui.runs_table import runs_table
from alexnet_demo.ui.shell import page
from alexnet_demo.ui.training_form import training_form

page("Train", lead="Teach AlexNet ten kinds of clothing and watch it learn.")

runs = list_runs()
asked_for = get_run(st.query_params.get("run", ""))
shown = asked_for or current_run()

if asked_for is None and not any(run.active for run in runs):
    training_form()
    st.divider()
if shown:
    live_view(shown)
    st.divider()
    runs_table(runs)
