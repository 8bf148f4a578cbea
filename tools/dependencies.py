"""Writes docs/dependencies.md and requirements-lock.txt from the metadata of what is installed.

    pip install -r requirements-dev.txt
    python tools/dependencies.py            # writes docs/dependencies.md
    python tools/dependencies.py --lock     # writes requirements-lock.txt

Asks no registry: versions, licences and sizes are those of this environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LISTS = ("requirements.txt", "requirements-dev.txt")
CUDA = ("nvidia-", "cuda-", "triton")  # only on machines with a GPU; torch pins them itself
REASONS = {
    "torch": "the network, its training, its gradients",
    "torchvision": "the data set's files; the article's own transforms, in `bench`",
    "streamlit": "pages, widgets, the web server",
    "plotly": "figures that can be zoomed and pointed at",
    "pillow": "picture files decoded; strokes drawn",
    "opencv-python-headless": "an object cut out of a photo (GrabCut), shapes, blurs",
    "numpy": "pictures and answers as arrays",
    "scikit-learn": "PCA and t-SNE, for the map of the test set; AUROC",
    "scipy": "the temperature that calibrates probabilities",
    "threadpoolctl": "t-SNE kept to one core",
    "jinja2": "the report of a run, escaped",
    "safetensors": "weights in files that cannot run code",
    "psutil": "whether a training's process lives; memory",
    "filelock": "one training a device, one start at a time",
    "pytest": "the tests",
    "pytest-xdist": "the tests on several cores",
    "pytest-playwright": "tests in a real browser",
    "hypothesis": "generated cases of hostile input",
    "ruff": "lint and format",
    "mypy": "types",
    "import-linter": "which package may import which",
    "onnx": "the network as a file for other programs",
    "onnxruntime": "that file checked; what `bench` compares with",
    "onnxscript": "what torch needs to export to ONNX",
    "scikit-image": "photos of other things, for `tools/not_clothing.py`",
}
LOCK = """\
# Versions that were tested together, Python 3.11 on Linux, for installs that come out the same:
#     pip install -r requirements.txt -c requirements-lock.txt
# Written by `python tools/dependencies.py --lock`. The CUDA packages of a machine with a GPU are
# not named: torch asks for exact versions of them itself.
"""
PAGE = """\
# Dependencies

What is needed directly, what for, under which licence, and how large it is on the disk: of the
package alone, and with everything it needs itself. Written by `python tools/dependencies.py` from
the metadata of an installation on Linux with Python 3.11 and PyTorch's CUDA build, whose `nvidia`
packages are most of the size; the CPU build does without them.

## To run: `requirements.txt`

{run}

## To develop: `requirements-dev.txt`, besides

{develop}

## Versions

`requirements.txt` gives the oldest versions that do; `requirements-lock.txt` names one version of
each that were tested together (`pip install -r requirements.txt -c requirements-lock.txt`). After
an update: install, test, `python tools/dependencies.py --lock`, then
`python tools/dependencies.py`.

## Known vulnerabilities

```bash
pip install pip-audit && pip-audit -r requirements-lock.txt --no-deps
```

asks the Python packages' advisory database for each version of the lock file. It needs the network;
where it cannot reach the database, it lists packages as skipped, which says nothing about them.
"""


def direct(name: str) -> list[Requirement]:
    """What a requirements file asks for itself, without the files it includes."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def needs(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What a package asks for on this machine."""
    for line in found.requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or any(
            wanted.marker.evaluate({"extra": extra}) for extra in extras | {""}
        ):
            yield wanted


def closure(wanted: list[Requirement]) -> dict[str, Distribution]:
    """These packages and all that they need, by canonical name."""
    found: dict[str, Distribution] = {}
    queue = list(wanted)
    while queue:
        one = queue.pop()
        key = canonicalize_name(one.name)
        if key in found:
            continue
        try:
            found[key] = distribution(one.name)
        except PackageNotFoundError:
            print(f"{one.name} is not installed here: pip install -r {LISTS[1]}", file=sys.stderr)
            continue
        queue += needs(found[key], one.extras)
    return found


def size(found: Distribution) -> int:
    """Bytes of its files on the disk."""
    paths = (Path(str(found.locate_file(file))) for file in found.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def licence(found: Distribution) -> str:
    """As the package states it: its expression, its classifier, or the first line of its text."""
    meta = found.metadata
    if expression := meta.get("License-Expression"):
        return expression
    kinds = [c for c in meta.get_all("Classifier") or () if c.startswith("License ::")]
    if kinds:
        return kinds[0].rpartition(" :: ")[2]
    return (meta.get("License") or "not stated").splitlines()[0]


def table(name: str) -> str:
    """Markdown: a line for each direct dependency, and the sum."""
    lines = [
        "| package | what for | version | licence | size | with what it needs |",
        "| --- " * 6 + "|",
    ]
    for wanted in direct(name):
        own = closure([wanted])
        if found := own.get(canonicalize_name(wanted.name)):
            total = sum(map(size, own.values()))
            lines.append(
                f"| {wanted.name} | {REASONS[wanted.name]} | {version(found)} | {licence(found)} "
                f"| {megabytes(size(found))} | {megabytes(total)}, {len(own)} in all |"
            )
    whole = closure(direct(name))
    together = megabytes(sum(map(size, whole.values())))
    return "\n".join(
        [*lines, "", f"Together, with what they need: {len(whole)} packages, {together}."]
    )


def version(found: Distribution) -> str:
    """Without the part after ``+``, which names a build for one device."""
    return found.version.partition("+")[0]


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def page() -> str:
    """All of docs/dependencies.md."""
    run, develop = map(table, LISTS)
    return PAGE.format(run=run, develop=develop)


def lock() -> str:
    """All of requirements-lock.txt: every package with the version installed here."""
    found = closure([wanted for name in LISTS for wanted in direct(name)])
    named = {name: d for name, d in found.items() if not name.startswith(CUDA)}
    return LOCK + "".join(sorted(f"{name}=={version(d)}\n" for name, d in named.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write docs/dependencies.md.")
    parser.add_argument("--lock", action="store_true", help="write requirements-lock.txt instead")
    if parser.parse_args().lock:
        (ROOT / "requirements-lock.txt").write_text(lock(), encoding="utf-8")
    else:
        (ROOT / "docs" / "dependencies.md").write_text(page(), encoding="utf-8")
