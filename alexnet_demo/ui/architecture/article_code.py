"""The article's code of the network, in parts that belong to a block of the diagram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Summary

CODE = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
"""As section 3 of the article prints it."""


def parts(summary: Summary) -> list[tuple[str, str]]:
    """The code without blank lines, in order: name of a block, or empty, and its lines.

    ReLU and dropout belong to the layer before them, flattening and comments to the one after.

    Args:
        summary: of the network that the code builds.
    """
    modules = iter(summary.layers)
    result: list[tuple[str, list[str]]] = [("", [])]
    before: list[str] = []
    for line in filter(str.strip, CODE.splitlines()):
        words = line.strip()
        layer = next(modules) if words.startswith("nn.") else None
        if words.startswith("#") or (layer and layer.type == "Flatten"):
            before.append(line)
        elif layer and layer.kind:
            result.append((layer.name, [*before, line]))
            before = []
        elif words == ")":  # the end of the list of layers
            result.append(("", [line]))
        elif words.startswith("def forward"):
            result.append(("input", [line]))
        else:
            result[-1][1].append(line)
    return [(name, "\n".join(lines)) for name, lines in result]
