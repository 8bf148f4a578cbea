"""Write docs/dependencies.md and requirements-lock.txt from the metadata of installed packages.

    pip install -r requirements-dev.txt
    python tools/dependencies.py            # writes docs/dependencies.md
    python tools/dependencies.py --lock     # writes requirements-lock.txt

Versions, licenses, and sizes are those of this environment; no registry is queried.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LISTS = ("requirements.txt", "requirements-dev.txt")
CUDA = ("nvidia-", "cuda-", "triton")  # only on machines with a GPU; torch pins them itself
REASONS = {
    "torch": "the network, gradients, and training",
    "torchvision": "the dataset's files; the article's own transforms, in `bench`",
    "streamlit": "pages, widgets, the web server",
    "plotly": "interactive figures",
    "pillow": "decoding image files; drawing strokes",
    "opencv-python-headless": "segmenting photos (GrabCut), shapes, blurs",
    "numpy": "images and predictions as arrays",
    "scikit-learn": "PCA and t-SNE, for the map of the test set; AUROC",
    "scipy": "the temperature that calibrates probabilities",
    "threadpoolctl": "limiting t-SNE to one core",
    "jinja2": "the HTML report of a run, with escaping",
    "safetensors": "weight files that cannot run code",
    "psutil": "whether a trainer's process is alive; memory",
    "filelock": "one run per device, one launch at a time",
    "pytest": "the tests",
    "pytest-xdist": "the tests on several cores",
    "pytest-playwright": "tests in a real browser",
    "hypothesis": "generated cases of hostile input",
    "ruff": "lint and format",
    "mypy": "types",
    "import-linter": "which package may import which",
    "onnx": "exporting models, quantizing them to int8",
    "onnxruntime": "predictions in int8 on a CPU; checking exported models",
    "tifffile": "an independent reader of TIFF, for the tests",
    "imagecodecs": "encoders of image files, for the tests",
    "scikit-image": "photos of other objects, for `tools/not_clothing.py`",
}
LOCK = """\
# Versions that were tested together, Python 3.11 on Linux, for reproducible installs:
#     pip install -r requirements.txt -c requirements-lock.txt
# Written by `python tools/dependencies.py --lock`. CUDA packages are left out: torch pins them.
"""
PAGE = """\
# Dependencies

Direct dependencies: their purpose, license, and size on disk, alone and with everything that they
require. Written by `python tools/dependencies.py` from the metadata of an installation on Linux
with Python 3.11 and PyTorch's CUDA build. Its `nvidia` packages are most of the size; the CPU build
does not need them.

## Runtime: `requirements.txt`

{run}

## Development: additionally `requirements-dev.txt`

{develop}

## Versions

`requirements.txt` gives the oldest supported versions, on which `.ci/run` repeats the fast tests,
though with the current torch and without a browser. `requirements-lock.txt` pins versions that were
tested together (`pip install -r requirements.txt -c requirements-lock.txt`). After an update:
install, test, `python tools/dependencies.py --lock`, then `python tools/dependencies.py`.

## Known vulnerabilities

```bash
pip install pip-audit && pip-audit -r requirements-lock.txt --no-deps
```

looks up each version of the lock file in the Python Packaging Advisory Database. This needs network
access: packages listed as skipped were not checked.
"""


def direct(name: str) -> list[Requirement]:
    """The requirements in a requirements file, without the files that it includes."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def closure(requirements: list[Requirement]) -> dict[str, Distribution]:
    """These packages and everything that they require on this machine, by canonical name."""
    packages: dict[str, Distribution] = {}
    queue = list(requirements)
    while queue:
        requirement = queue.pop()
        key = canonicalize_name(requirement.name)
        if key in packages:
            continue
        try:
            packages[key] = distribution(requirement.name)
        except PackageNotFoundError:
            print(f"{key} is not installed: pip install -r {LISTS[1]}", file=sys.stderr)
            continue
        for further in map(Requirement, packages[key].requires or ()):
            marker, extras = further.marker, requirement.extras | {""}
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                queue.append(further)
    return packages


def size(packages: Iterable[Distribution]) -> str:
    """Size of these packages' files on disk, in MB."""
    paths = (Path(str(p.locate_file(file))) for p in packages for file in p.files or ())
    return f"{sum(path.stat().st_size for path in paths if path.is_file()) / 1e6:,.1f} MB"


def license_of(package: Distribution) -> str:
    """The license expression, else the classifier, else the first line of the license text."""
    meta = package.metadata
    classifiers = [c for c in meta.get_all("Classifier") or () if c.startswith("License ::")]
    classifier = classifiers[0].rpartition(" :: ")[2] if classifiers else ""
    text = meta.get("License-Expression") or classifier or meta.get("License") or "not stated"
    return text.splitlines()[0]


def version(package: Distribution) -> str:
    """Without the part after ``+``, which names a build for one device."""
    return package.version.partition("+")[0]


def table(name: str) -> str:
    """A Markdown table of the direct dependencies, with a total below."""
    lines = ["| package | purpose | version | license | size | with requirements |"]
    lines.append("| --- " * 6 + "|")
    for requirement in direct(name):
        packages = closure([requirement])
        if package := packages.get(canonicalize_name(requirement.name)):
            lines.append(
                f"| {requirement.name} | {REASONS[requirement.name]} | {version(package)} "
                f"| {license_of(package)} | {size([package])} "
                f"| {size(packages.values())}, {len(packages)} in all |"
            )
    packages = closure(direct(name))
    total = f"{len(packages)} packages, {size(packages.values())}"
    return "\n".join([*lines, "", f"Together, with requirements: {total}."])


def page() -> str:
    """All of docs/dependencies.md."""
    run, develop = map(table, LISTS)
    return PAGE.format(run=run, develop=develop)


def lock() -> str:
    """All of requirements-lock.txt: every package with the version installed here."""
    packages = closure([requirement for name in LISTS for requirement in direct(name)])
    pinned = {name: package for name, package in packages.items() if not name.startswith(CUDA)}
    return LOCK + "".join(sorted(f"{name}=={version(p)}\n" for name, p in pinned.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write docs/dependencies.md.")
    parser.add_argument("--lock", action="store_true", help="write requirements-lock.txt instead")
    if parser.parse_args().lock:
        (ROOT / "requirements-lock.txt").write_text(lock(), encoding="utf-8")
    else:
        (ROOT / "docs" / "dependencies.md").write_text(page(), encoding="utf-8")
