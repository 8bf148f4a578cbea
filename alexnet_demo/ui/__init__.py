"""What the pages share. The only part of the package that may import Streamlit."""

import os

# Read when PyTorch is loaded: its threads wait asleep. Else they spin, which takes the cores from
# pages and trainings beside them: with other work on two cores an answer took seconds, not 20 ms.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
