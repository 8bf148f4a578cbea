"""Which module may import which, read from the source; and what a page costs to open."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from alexnet_demo.settings.paths import ROOT

PACKAGE = "alexnet_demo"
CORE = sorted(p.stem for p in (ROOT / PACKAGE).glob("*.py") if p.stem != "__init__")
SCRIPTS = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]
UI = sorted((ROOT / PACKAGE / "ui").glob("*.py"))
TORCH_FREE = (
    *("config", "cost", "events", "files", "text", "charts", "diagrams", "provenance", "locks"),
    *("liveness", "runs", "queue", "local_jobs", "lr_jobs", "attendant", "pinning", "jobs"),
    *("moments", "pins", "published", "source", "script", "access", "broker"),
    *("tsne", "plots", "pictures", "wording", "findings"),
)
HEAVY = ("torch", "torchvision")


def imports(path: Path, *, late: bool) -> set[str]:
    """Modules that a file imports; with ``late`` those inside functions, too.

    What stands under ``if TYPE_CHECKING`` never runs and does not count.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            module = node.module or ""
            # `from package import name` may name a module or what is in one.
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for otherwise in node.orelse:
                visit(otherwise)
            return
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not late:
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def source(module: str) -> Path | None:
    """The file of one of this project's modules."""
    base = ROOT.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((c for c in candidates if c.is_file()), None) if module else None


def ours(path: Path, *, late: bool) -> set[str]:
    """This project's modules among a file's imports, without the package itself."""
    return {m for m in imports(path, late=late) if m.startswith(f"{PACKAGE}.") and source(m)}


@cache
def reached(path: Path, late: bool = False) -> frozenset[str]:
    """Every module that importing a file pulls in, step by step, the project's and others'."""
    seen: set[str] = set()
    queue = [path]
    while queue:
        for module in imports(queue.pop(), late=late) - seen:
            seen.add(module)
            if module.split(".")[0] == PACKAGE and (file := source(module)):
                queue.append(file)
    return frozenset(seen)


def roots(modules: frozenset[str] | set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


LOAD = f"{PACKAGE}.load"  # visitors without browsers, who speak Streamlit's protocol


@pytest.mark.parametrize("module", [m for m in CORE if m != "__main__"])
def test_no_core_module_reaches_streamlit_or_the_widgets(module: str) -> None:
    seen = reached(ROOT / PACKAGE / f"{module}.py", late=True)
    assert "streamlit" not in roots(seen)
    assert not {m for m in seen if m.startswith(LOAD)}
    assert not {m for m in seen if m.startswith(f"{PACKAGE}.ui")}


def test_only_the_command_that_loads_a_server_reaches_streamlit() -> None:
    main = ROOT / PACKAGE / "__main__.py"
    assert not roots(reached(main)) & {"streamlit", *HEAVY}
    for module in imports(main, late=True):
        if module.startswith(PACKAGE) and not module.startswith(LOAD) and (file := source(module)):
            assert "streamlit" not in roots(reached(file, late=True)), module


@pytest.mark.parametrize("module", TORCH_FREE)
def test_torch_free_modules_reach_no_torch_even_late(module: str) -> None:
    assert not roots(reached(ROOT / PACKAGE / f"{module}.py", late=True)) & set(HEAVY)


@pytest.mark.parametrize("path", [*SCRIPTS, *UI], ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_open_without_torch(path: Path) -> None:
    assert not roots(reached(path)) & set(HEAVY)


def test_home_never_comes_to_torch() -> None:
    assert not roots(reached(ROOT / "app.py", late=True)) & set(HEAVY)


@pytest.mark.parametrize(
    ("module", "known"),
    [
        ("text", set()),
        ("files", set()),
        ("events", {"files"}),
        ("ray_jobs", {"config"}),
        ("locks", {"config"}),
        ("provenance", {"config"}),
        ("liveness", {"events", "files", "locks", "ray_jobs"}),
        ("runs", {"config", "events", "files", "liveness", "pins", "provenance", "text"}),
        ("queue", {"config", "files", "locks", "runs"}),
        ("local_jobs", {"access", "config", "liveness"}),
        (
            "lr_jobs",
            {"access", "config", "files", "liveness", "local_jobs", "locks", "queue", "runs"},
        ),
        (
            "attendant",
            {"access", "config", "liveness", "local_jobs", "locks", "lr_jobs", "queue", "runs"},
        ),
        ("pinning", {"access", "locks", "pins", "queue", "runs"}),
        (
            "jobs",
            {
                *(
                    "access",
                    "attendant",
                    "config",
                    "files",
                    "liveness",
                    "local_jobs",
                    "locks",
                    "lr_jobs",
                ),
                *("queue", "ray_jobs", "runs", "text"),
            },
        ),
    ],
)
def test_what_records_and_jobs_may_know(module: str, known: set[str]) -> None:
    found = ours(ROOT / PACKAGE / f"{module}.py", late=True)
    assert found == {f"{PACKAGE}.{name}" for name in known}


@pytest.mark.parametrize("module", [m for m in CORE if m not in ("__main__", "process", "bench")])
def test_only_the_command_imports_the_trainer(module: str) -> None:
    assert f"{PACKAGE}.train" not in ours(ROOT / PACKAGE / f"{module}.py", late=True)


@pytest.mark.parametrize("path", UI, ids=lambda p: p.name)
def test_widgets_do_not_train(path: Path) -> None:
    """The page starts the command; it never runs the loop in the web server."""
    assert f"{PACKAGE}.train" not in ours(path, late=True)


def test_arrows_run_down_only() -> None:
    """No module reaches itself again through what it imports."""
    for module in CORE:
        below = reached(ROOT / PACKAGE / f"{module}.py", late=True)
        assert f"{PACKAGE}.{module}" not in below, f"{module} is in a circle of imports"


def test_pages_do_not_import_each_other() -> None:
    for script in SCRIPTS:
        assert not {m for m in imports(script, late=True) if m.split(".")[0] in ("app", "pages")}


def test_torch_is_not_loaded_by_what_every_page_needs() -> None:
    """The same claim in a fresh interpreter, where libraries' own imports count, too."""
    modules = [f"{PACKAGE}.{m}" for m in TORCH_FREE]
    modules += [f"{PACKAGE}.ui.{p.stem}" for p in UI if p.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_the_reading_of_imports_finds_what_it_should(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "import a.b\n"
        "if TYPE_CHECKING:\n    import never\n"
        "else:\n    import otherwise\n"
        "class C:\n    import in_class\n"
        "def f():\n    from late import x\n"
    )
    early = imports(file, late=False)
    assert {"a.b", "otherwise", "in_class"} <= early
    assert not {"never", "late"} & early
    assert "late" in imports(file, late=True)
