"""Definitions of this package as text, to be copied into a script that runs without it.

Only text is read: nothing is imported, so that nobody has to wait for torch.
"""

from __future__ import annotations

import ast
import re
import symtable
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise, zip_longest
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
MODULES = (
    *("settings.article", "settings.schedule", "data.splits", "network.input", "data.batch_random"),
    *("data.warp", "data.garments", "data.pen_strokes", "images.redraw", "data.drawings"),
    *("data.photos", "data.synthetic", "data.augment", "network.alexnet", "network.net2net"),
)
"""What a script may copy from, in an order in which the copies can run."""
LINE_LENGTH = 100
RULE = f"# {'-' * 66} "


@dataclass(frozen=True)
class Definition:
    """A function, class, or constant: its module, its name, and its text with comments."""

    module: str
    name: str
    text: str

    @property
    def is_constant(self) -> bool:
        return not re.search(r"^(def|class) ", self.text, re.MULTILINE)


Import = tuple[str, str]
"""A module and a name in it; an empty name imports the module."""


@cache
def read_modules() -> tuple[dict[str, Definition], dict[str, Import]]:
    """Everything defined and imported at the top of `MODULES`, by name.

    Raises:
        ValueError: when two modules define the same name: copies share one namespace.
    """
    definitions: dict[str, Definition] = {}
    imports: dict[str, Import] = {}
    for module in MODULES:
        text = PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        tree = ast.parse(text)
        for name, (origin, original) in _imports(tree).items():
            if origin.split(".")[0] != PACKAGE.name:
                imports[name] = (origin, original)
            elif f"{origin}.{original}".removeprefix(f"{PACKAGE.name}.") in MODULES:
                text = re.sub(rf"\b{name}\.(?=\w)", "", text)  # a module of which names are used
        for name, piece in _pieces(ast.parse(text), text.splitlines()):
            if name in definitions:
                raise ValueError(f"{definitions[name].module} and {module} both define {name}.")
            definitions[name] = Definition(module, name, piece)
    return definitions, imports


def _imports(tree: ast.Module) -> dict[str, Import]:
    """Imported names → where they come from."""
    imports: dict[str, Import] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            imports |= {a.asname or a.name: (node.module or "", a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            imports |= {a.asname or a.name: (a.name, "") for a in node.names}
    return imports


def _pieces(tree: ast.Module, lines: list[str]) -> Iterator[tuple[str, str]]:
    """Defined names with their text: decorators, the comment above, the docstring below."""
    for node, following in zip_longest(tree.body, tree.body[1:]):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        while lines[first - 2].startswith("# ") and not lines[first - 2].startswith(RULE[:5]):
            first -= 1
        last = node.end_lineno or node.lineno
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            last = following.end_lineno or last
        for name in defined_names(node):
            yield name, "\n".join(lines[first - 1 : last])


def defined_names(node: ast.stmt) -> list[str]:
    """The names that a top-level function, class, or assignment defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


def free_names(code: str) -> set[str]:
    """The global names that a piece of code refers to, including builtins."""
    names: set[str] = set()

    def visit(table: symtable.SymbolTable) -> None:
        symbols = table.get_symbols()
        names.update(s.get_name() for s in symbols if s.is_referenced() and s.is_global())
        for child in table.get_children():
            visit(child)

    visit(symtable.symtable(code, "code", "exec"))
    return names


def used_by(script: str) -> tuple[list[Definition], set[Import]]:
    """The definitions that a script needs, in the order of `MODULES`, and their imports."""
    definitions, imports = read_modules()
    own = {name for node in ast.parse(script).body for name in defined_names(node)}
    used: set[str] = set()
    pending = free_names(script) - own
    while pending:
        name = pending.pop()
        used.add(name)
        if name in definitions:
            pending |= free_names(definitions[name].text) - own - used
    needed = {d.text: d for name, d in definitions.items() if name in used}  # one for `B, C = 1, 2`
    return list(needed.values()), {pair for name, pair in imports.items() if name in used}


def format_definitions(definitions: list[Definition]) -> str:
    """Definitions as ``ruff format`` lays them out; modules with many get a heading."""
    text, headings = "", False
    for module, group in groupby(definitions, lambda definition: definition.module):
        pieces = list(group)
        section = pieces[0].text
        for before, after in pairwise(pieces):
            gap = "\n" if before.is_constant and after.is_constant else "\n\n\n"
            section += gap + after.text
        if len(pieces) > 2:
            headings = True
            gap = "\n\n" if pieces[0].is_constant else "\n\n\n"
            section = f"{RULE}{module.replace('.', '/')}.py{gap}{section}"
        text += ("\n\n\n" if text else "") + section
    return f"{text}\n\n\n{RULE}training" if headings else text


def format_imports(imports: set[Import]) -> str:
    """Import statements in the order of ``ruff``: the standard library, then the others."""
    standard = {pair for pair in imports if pair[0].split(".")[0] in sys.stdlib_module_names}
    blocks = (_import_lines(group) for group in (standard, imports - standard))
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _import_lines(imports: set[Import]) -> Iterator[str]:
    yield from sorted(f"import {module}" for module, name in imports if not name)
    for module in sorted({module for module, name in imports if name}):
        names = sorted(
            (name for origin, name in imports if origin == module and name),
            key=lambda name: (not name.isupper(), name[0].islower(), name),
        )
        line = f"from {module} import {', '.join(names)}"
        if len(line) > LINE_LENGTH:
            line = "\n".join([f"from {module} import (", *(f"    {n}," for n in names), ")"])
        yield line
