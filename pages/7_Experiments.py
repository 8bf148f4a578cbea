"""Experiments: test how AlexNet works, one question at a time."""

from __future__ import annotations

from alexnet_demo.ui.experiments import lessons
from alexnet_demo.ui.frame.page import page

page("Experiments", "See for yourself how the network computes and learns, one question at a time.")
lessons.show()
