"""Pieces of the package's source: what a piece uses, and how all of it is put together."""

from __future__ import annotations

from alexnet_demo.export.source_copy import Copied, import_block, module, names_from_outside, read

SCRIPT = '''"""A script."""

from torch import Tensor

from alexnet_demo.data.synthetic import add_lighting, add_shading
from alexnet_demo.data.warp import WarpRanges

MOST = WarpRanges(turn=3)


def light(images: Tensor) -> Tensor:
    return {calls}
'''


def test_only_what_comes_from_outside_counts() -> None:
    """Neither a local name, nor a parameter, nor an attribute."""
    piece = (
        "def f(line, x: Tensor = SIDE):\n"
        "    seams = x.flip(-1)\n"
        "    def g():\n        return seams + blur(line)\n"
        "    return [pad(part) for part in g()]\n"
    )
    assert names_from_outside(piece) == {"Tensor", "SIDE", "blur", "pad"}


def test_a_definition_has_its_comment_and_its_words() -> None:
    text = (
        "A = 1\n\n# Why.\nB, C = 1, 2  # what\n# ---- section\n"
        'D = 3\n"""Words."""\n\n\n@cache\ndef f():\n    pass\n'
    )
    source = read(text)
    pieces = {name: source.lines(*span) for name, span in source.definitions.items()}
    assert pieces["B"] == pieces["C"] == "# Why.\nB, C = 1, 2  # what"
    assert pieces["D"] == 'D = 3\n"""Words."""'
    assert pieces["f"] == "@cache\ndef f():\n    pass"


def test_what_is_used_comes_along_and_nothing_else() -> None:
    copied = Copied(read(SCRIPT.format(calls="add_lighting(images)")))
    assert copied.needed["data.synthetic"] == {"add_lighting"}
    assert copied.needed["data.warp"] == {"WarpRanges", "pixel_grid"}
    assert copied.needed["data.batch_random"] == {"BatchRandom", "expand_n2", "expand_nchw"}
    assert ("torch", "Tensor") in copied.imports and ("torch", "") in copied.imports
    assert ("dataclasses", "dataclass") in copied.imports
    text = copied.functions()
    assert text.index("class BatchRandom") < text.index("def add_lighting")
    compile(text, "copied", "exec")


def test_names_behind_a_modules_lose_it() -> None:
    copied = Copied(read(SCRIPT.format(calls="add_shading(images)")))
    assert copied.needed["images.redraw"] == {"SHADE"}
    assert "redraw." in module("data.synthetic").text
    assert "redraw." not in copied.functions()
    assert "\nSHADE = 100" in "\n" + copied.functions()


def test_imports_are_sorted_as_ruff_does() -> None:
    found = import_block(
        {
            *(("torch", ""), ("torch", "nn"), ("torch", "Tensor"), ("math", "")),
            *(("collections", "OrderedDict"), ("zlib", ""), ("itertools", "pairwise")),
            *(("torch.nn.functional", "a_rather_long_name_" + letter * 12) for letter in "abc"),
        }
    )
    assert found == [
        "import math",
        "import zlib",
        "from collections import OrderedDict",
        "from itertools import pairwise",
        "",
        "import torch",
        "from torch import Tensor, nn",
        "from torch.nn.functional import (",
        *(f"    a_rather_long_name_{letter * 12}," for letter in "abc"),
        ")",
    ]
