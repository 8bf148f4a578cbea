"""What opening a page loads. Which module may import which is import-linter's: `lint-imports`."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import alexnet_demo
import alexnet_demo.ui
from alexnet_demo.settings.paths import ROOT
from tests.support.waiting import PATIENCE

HEAVY = ("torch", "torchvision", "onnxruntime", "sklearn", "scipy")


def loaded_by(code: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after running some code."""
    code += f"\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_opening_any_page_loads_no_torch() -> None:
    modules = pkgutil.walk_packages(alexnet_demo.ui.__path__, "alexnet_demo.ui.")
    assert not loaded_by("\n".join(f"import {module.name}" for module in modules))


def test_listing_runs_and_handling_jobs_loads_no_torch() -> None:
    code = "import alexnet_demo.cli.main, alexnet_demo.jobs.actions, alexnet_demo.runs.store"
    assert not loaded_by(code)


def test_the_check_notices_torch() -> None:
    assert "torch" in loaded_by("import alexnet_demo.network.alexnet")
