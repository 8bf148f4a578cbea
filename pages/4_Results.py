"""Results: what a network says of the 10,000 test pictures, and the pictures behind each number."""

from __future__ import annotations

from alexnet_demo.ui import models, results
from alexnet_demo.ui.shell import page
from alexnet_demo.ui.surveyed import surveyed
from alexnet_demo.ui.teaching import explain

page(
    "Results",
    "What the network says of the 10,000 test pictures, which no training has seen: how often it "
    "is right, what it mixes up, and the pictures behind each number.",
)
if chosen := models.beside(results.choose):
    classifier, view = chosen
    if seen := surveyed(models.chosen(), classifier):
        results.totals(seen)
        if view in results.EXPLAINED:
            explain(results.EXPLAINED[view])
        results.VIEWS[view](seen)
