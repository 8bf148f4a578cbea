"""The Train page: form, cost, live curves, queue, runs, replay."""
