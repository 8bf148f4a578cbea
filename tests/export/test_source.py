"""Copying definitions: what a script uses comes along, once, in an order that runs."""

from __future__ import annotations

import ast

from alexnet_demo.export.source import (
    MODULES,
    Definition,
    _pieces,
    format_definitions,
    format_imports,
    free_names,
    read_modules,
    used_by,
)


def names(definitions: list[Definition]) -> list[str]:
    return [definition.name for definition in definitions]


def test_free_names_exclude_locals_parameters_and_attributes() -> None:
    code = (
        "def f(line, x: Tensor = SIDE):\n"
        "    seams = x.flip(-1)\n"
        "    def g():\n        return seams + blur(line)\n"
        "    return [pad(part) for part in g()]\n"
    )
    assert free_names(code) == {"Tensor", "SIDE", "blur", "pad"}


def test_a_definition_includes_its_comment_decorators_and_docstring() -> None:
    text = (
        "A = 1\n\n# Why.\nB, C = 1, 2  # what\n# ---- section\n"
        'D = 3\n"""Words."""\n\n\n@cache\ndef f():\n    pass\n'
    )
    pieces = dict(_pieces(ast.parse(text), text.splitlines()))
    assert pieces["B"] == pieces["C"] == "# Why.\nB, C = 1, 2  # what"
    assert pieces["D"] == 'D = 3\n"""Words."""'
    assert pieces["f"] == "@cache\ndef f():\n    pass"


def test_definitions_bring_what_they_use_and_nothing_else() -> None:
    definitions, imports = used_by("class AlexNet: ...\n\n\nwiden(AlexNet())\n")
    assert names(definitions) == [
        "SPREAD",
        "CONV1_SPREAD",
        "SMOOTH_SIGMA",
        "widen",
        "_widen",
        "smooth",
    ]
    assert ("torch", "Tensor") in imports and ("dataclasses", "dataclass") not in imports
    definitions, _ = used_by("def main():\n    return as_drawings(1)\n")
    assert {"SHADE", "BatchRandom"} < set(names(definitions)) and "as_photos" not in names(
        definitions
    )
    order = [MODULES.index(definition.module) for definition in definitions]
    assert order == sorted(order)
    compile(format_definitions(definitions), "copied", "exec")


def test_the_scripts_own_definitions_are_not_copied() -> None:
    definitions, _ = used_by("class AlexNet: ...\n\n\nAlexNet(widen)\n")
    assert "AlexNet" not in names(definitions)


def test_copies_refer_to_no_module_of_the_package() -> None:
    definitions, _ = read_modules()
    modules = {module.rpartition(".")[2] for module in MODULES}
    assert not [d.name for d in definitions.values() if modules & free_names(d.text)]


def test_imports_are_sorted_as_ruff_does() -> None:
    text = format_imports(
        {
            *(("torch", ""), ("torch", "nn"), ("torch", "Tensor"), ("math", "")),
            *(("collections", "OrderedDict"), ("zlib", ""), ("itertools", "pairwise")),
            *(("torch.nn.functional", "a_rather_long_name_" + letter * 12) for letter in "abc"),
        }
    )
    assert text.splitlines() == [
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
