"""Free the units that are copies of others: ``python tools/renew_duplicates.py WEIGHTS OUT``.

Writes weights of nearly the same function to train on with ``train --start``. Prints one JSON
object: how many units of each layer are new.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.network.checkpoint import load_weights, save_weights
from alexnet_demo.network.duplicates import halve, renew_duplicates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path, help="weights to read")
    parser.add_argument("out", type=Path, help="weights to write")
    parser.add_argument(
        "--halve", action="store_true", help="merge the halves of each layer first: half the width"
    )
    options = parser.parse_args()
    try:
        model, _ = load_weights(options.weights)
    except ValueError as error:
        sys.exit(str(error))
    model = halve(model) if options.halve else model
    renewed = renew_duplicates(model, torch.Generator().manual_seed(0))
    save_weights(options.out, model, {})
    print(json.dumps(renewed))


if __name__ == "__main__":
    main()
