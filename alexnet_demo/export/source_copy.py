"""Pieces of this package's source, to be copied into a script that stands alone.

A script is written as if it could import from this package. `Copied` finds what it imports from
here, and in turn all that this uses, and gives it as text, in an order in which it can run.

Only text is read: nothing is imported, so that nobody need wait for torch.
"""

from __future__ import annotations

import ast
import re
import symtable
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
LINE = 100  # characters at most
HEADED = 3  # definitions from one module that get a heading
RULE = f"# {'-' * 66} "


@dataclass(frozen=True)
class Source:
    """A module's text, and what its names at the top are.

    Attributes:
        definitions: first and last line of what defines a name, counted from 1, with the comment
            above it and the words below it.
        imports: for each imported name its module and its name there, which is empty for a module.
        import_lines: the first and last line with an import.
    """

    text: str
    tree: ast.Module
    definitions: Mapping[str, tuple[int, int]]
    imports: Mapping[str, tuple[str, str]]
    import_lines: tuple[int, int]

    def lines(self, first: int, last: int) -> str:
        """The text from one line to another."""
        return "\n".join(self.text.splitlines()[first - 1 : last])

    def statement(self, node: ast.stmt) -> str:
        """The text of a statement, with its decorators, where it begins a line."""
        return self.lines(*_span(node))


@cache
def module(name: str) -> Source:
    """A module of this package, such as ``network.alexnet``."""
    return read((_file(name)).read_text(encoding="utf-8"))


def _file(name: str) -> Path:
    return PACKAGE.joinpath(*name.split(".")).with_suffix(".py")


def _module_name(origin: str, original: str) -> str:
    """The name of the module of this package that an import brings; empty where it is none."""
    if origin.split(".")[0] != PACKAGE.name:
        return ""
    name = f"{origin}.{original}".removeprefix(f"{PACKAGE.name}.")
    return name if _file(name).is_file() else ""


def read(text: str) -> Source:
    """Take a module apart."""
    tree, lines = ast.parse(text), text.splitlines()
    definitions: dict[str, tuple[int, int]] = {}
    imports: dict[str, tuple[str, str]] = {}
    at: list[int] = []
    for node, following in zip_longest(tree.body, tree.body[1:]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            at += [node.lineno, node.end_lineno or node.lineno]
            origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                whole = alias.asname or alias.name
                imports[whole] = (origin, alias.name) if origin else (alias.name, "")
        for name in _defined(node):
            first, last = _span(node)
            while lines[first - 2].startswith("# ") and not lines[first - 2].startswith(RULE[:5]):
                first -= 1
            if _is_text(following):
                last = _span(following)[1]
            definitions[name] = (first, last)
    return Source(text, tree, definitions, imports, (min(at, default=1), max(at, default=0)))


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


def _span(node: ast.stmt) -> tuple[int, int]:
    """Its first line, that of a decorator where it has some, and its last."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first, node.end_lineno or node.lineno


def _is_text(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def names_from_outside(text: str) -> set[str]:
    """The names that a piece of code uses and does not define within: builtins, too."""
    found: set[str] = set()

    def visit(table: symtable.SymbolTable) -> None:
        found.update(
            s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()
        )
        for child in table.get_children():
            visit(child)

    visit(symtable.symtable(text, "piece", "exec"))
    return found


class Copied:
    """What a script needs of this package, and of others.

    Args:
        main: the script without it; what is defined there is not copied.

    Attributes:
        needed: names by module of this package.
        imports: modules of other packages, and names there.
    """

    def __init__(self, main: Source) -> None:
        self.main = main
        self.needed: dict[str, set[str]] = {}
        self.imports: set[tuple[str, str]] = set()
        self._follow("", main, main.text)

    def _follow(self, home: str, source: Source, text: str) -> None:
        """Take up all that a piece of a module uses."""
        for name in names_from_outside(text) - self.main.definitions.keys():
            origin, original = source.imports.get(name, ("", ""))
            if name in source.definitions:
                self._take(home, name)
            elif whole := _module_name(origin, original):  # its name stands before what is used
                for attribute in re.findall(rf"\b{name}\.(\w+)", text):
                    self._take(whole, attribute)
            elif origin.startswith(f"{PACKAGE.name}."):
                self._take(origin.removeprefix(f"{PACKAGE.name}."), original)
            elif origin:
                self.imports.add((origin, original))

    def _take(self, home: str, name: str) -> None:
        names = self.needed.setdefault(home, set())
        if name not in names:
            names.add(name)
            source = module(home)
            self._follow(home, source, source.lines(*source.definitions[name]))

    def constants(self) -> list[str]:
        """Those of the package `settings`."""
        names = [name for name in self.needed if name.startswith("settings.")]
        return [p for name in names for p in self._pieces(name) if _is_constant(p)]

    def functions(self) -> str:
        """All other definitions, what is used before what uses it."""
        order: dict[str, None] = {}

        def visit(source: Source) -> None:
            for origin, original in source.imports.values():
                name = _module_name(origin, original) or origin.removeprefix(f"{PACKAGE.name}.")
                if origin.split(".")[0] == PACKAGE.name and name in self.needed:
                    visit(module(name))
                    order[name] = None

        visit(self.main)
        pieces = {name: self._pieces(name) for name in order}
        for name in pieces:
            if name.startswith("settings."):
                pieces[name] = [p for p in pieces[name] if not _is_constant(p)]
        text = "\n\n\n".join(_section(name, found) for name, found in pieces.items() if found)
        return f"{text}\n\n\n{RULE}the training" if RULE in text else text

    def _pieces(self, name: str) -> list[str]:
        """The copied definitions of a module, in its order."""
        source = module(name)
        spans = sorted({source.definitions[wanted] for wanted in self.needed.get(name, ())})
        modules = [local for local, pair in source.imports.items() if _module_name(*pair)]
        before_names = re.compile(rf"\b({'|'.join(modules) or '(?!)'})\.")
        return [before_names.sub("", source.lines(*span)) for span in spans]


def _section(name: str, pieces: list[str]) -> str:
    """A module's definitions, with a heading where they are many."""
    text = pieces[0]
    for before, after in pairwise(pieces):
        text += ("\n" if _is_constant(before) and _is_constant(after) else "\n\n\n") + after
    if len(pieces) < HEADED:
        return text
    about = (ast.get_docstring(module(name).tree) or "").partition("\n")[0]
    gap = "\n\n" if _is_constant(pieces[0]) else "\n\n\n"
    return f"{RULE}{name.replace('.', '/')}.py\n# {about}{gap}{text}"


def _is_constant(piece: str) -> bool:
    return not re.search(r"^(def|class) ", piece, re.MULTILINE)


def import_block(imports: set[tuple[str, str]]) -> list[str]:
    """Lines that import them, in the order of ``ruff``: the standard library, then the others."""
    ours = {pair for pair in imports if pair[0].split(".")[0] in sys.stdlib_module_names}
    blocks = [list(_imports(group)) for group in (ours, imports - ours)]
    return [*blocks[0], "", *blocks[1]]


def _imports(pairs: set[tuple[str, str]]) -> Iterator[str]:
    for origin in sorted(origin for origin, name in pairs if not name):
        yield f"import {origin}"
    for origin in sorted({origin for origin, name in pairs if name}):
        names = sorted(
            (name for found, name in pairs if found == origin and name),
            key=lambda name: (not name.isupper(), name[0].islower(), name),
        )
        line = f"from {origin} import {', '.join(names)}"
        if len(line) <= LINE:
            yield line
        else:
            yield from (f"from {origin} import (", *(f"    {name}," for name in names), ")")
