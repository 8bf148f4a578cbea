"""The Train page: form, estimated time, queue, live curves, replay, and the table of runs.

It starts and changes runs only through `jobs`, and never imports `training` or torch at the top.
"""
