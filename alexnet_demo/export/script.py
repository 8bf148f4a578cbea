"""A training's settings → one script in plain PyTorch that trains the same, without this package.

Its loop is `templates/script.txt`, of which the settings keep the lines that they need; the
functions that the loop calls are copied from this package's own source, see `source`. So a plain
recipe gives a short script, and what is copied cannot differ from what trains here.

Imports no torch.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from string import Template

from alexnet_demo.export.source_copy import (
    Copied,
    import_block,
    module,
    names_from_outside,
    read,
)
from alexnet_demo.settings.article import PARAMETERS, TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.settings.schedule import channels, stages

TEMPLATE = Path(__file__).parent / "templates" / "script.txt"
SIDE = 5  # of pool5's feature map for 224×224 pixels
MACHINE = (
    *("device", "devices", "precision", "memory_format"),
    *("checkpoint_minutes", "keep_epochs", "seed"),
)
DEVICE = '"cuda" if torch.cuda.is_available() else "cpu"'


def training_script(config: TrainConfig) -> str:
    """The script's text, in lines of at most 100 characters, as ``ruff format`` leaves it.

    It trains in one process, whatever ``devices`` says, and keeps no checkpoints to go on from.
    Where ``precision`` is ``auto`` it takes bfloat16 on CUDA and float32 elsewhere, without
    measuring; where ``memory_format`` is ``auto``, channels-last.
    """
    lines = kept_lines(TEMPLATE.read_text(encoding="utf-8"), config)
    main = Template(lines).safe_substitute(_values(config))
    bare = read(Template(main).substitute(settings="", parts=""))
    copied = Copied(bare)
    settings = [*_constants(config, names_from_outside(bare.text)), *copied.constants()]
    text = Template(main).substitute(settings="\n".join(settings), parts=copied.functions())
    first, last = read(text).import_lines
    own = text.splitlines()
    own[first - 1 : last] = import_block(copied.imports)
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(own)) + "\n"


def file_name(config: TrainConfig) -> str:
    """What a script for these settings may be called."""
    return f"train_{config.recipe}.py"


# ------------------------------------------------------------------ what the settings decide


def kept_lines(template: str, config: TrainConfig) -> str:
    """The template's lines whose condition holds, without it.

    A condition stands behind a line, after ``#?``, in the names of the settings. Where it does not
    hold, what is indented below the line goes with it.
    """
    known = {
        **vars(config),
        "changed": any((config.flip, config.shift, config.erase, config.drawings, config.photos)),
        "all_images": config.train_images == TRAIN_SAMPLES - config.validation,
        "all_tests": config.test_samples == TEST_SAMPLES or config.validation > 0,
        # Whether a file of weights tells the width by its shapes alone.
        "told": channels(channels(config.width)[-1] / 4096) == channels(config.width),
    }
    kept: list[str] = []
    dropped: int | None = None  # how far the line is indented that was left out last
    for line in template.splitlines():
        text, _, condition = line.partition("  #? ")
        indent = len(text) - len(text.lstrip())
        if dropped is not None and text and indent > dropped:
            continue
        dropped = None
        if condition and not eval(condition, known):
            dropped = indent
        else:
            kept.append(text)
    return "\n".join(kept)


def _values(config: TrainConfig) -> dict[str, str]:
    """What stands in the template's places, but for the settings and the copied functions."""
    plain = TrainConfig.from_recipe(config.recipe)
    same = all(getattr(config, n) == getattr(plain, n) for n in vars(config) if n not in MACHINE)
    begun = [stage.width for stage in stages(config)[:-1]]
    shares = [float(part.partition(":")[2]) for part in config.grow.split(",") if part]
    return {
        "title": f'the recipe "{config.recipe}"' + ("" if same else " with other settings"),
        "file": file_name(config),
        "size": f": {PARAMETERS:,} parameters" if config.width == 1 else f", {config.width:g} wide",
        "growth": "\n    ".join(f"{pair}," for pair in zip(begun, shares, strict=True)),
        "width_argument": ", width: float" if config.grow else "",
        "labels_argument": ", labels: Tensor" if config.drawings or config.photos else "",
        "layers": _layers(config),
        "initialise": _method("initialize_he"),
        "device": DEVICE if config.device == "auto" else json.dumps(config.device),
        "tested": config.eval_split.capitalize(),
    }


def _constants(config: TrainConfig, used: set[str]) -> Iterator[str]:
    """A line for each setting that the script uses."""
    for setting in fields(TrainConfig):
        name, value = setting.name, getattr(config, setting.name)
        if name == "lr":
            value *= config.lr_scale
        if name.upper() in used:
            label = SETTINGS[name].label
            known = label.lower() == name.replace("_", " ")
            yield f"{name.upper()} = {value!r}" + ("" if known else f"  # {label.lower()}")


def _layers(config: TrainConfig) -> str:
    """The statement that builds the layers, with numbers for what is settled."""
    source = module("network.alexnet")
    tree = next(n for n in ast.walk(source.tree) if isinstance(n, ast.ClassDef))
    statement = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "self.net"
    )
    text = source.statement(statement)
    settled = {"in_channels": 1, "num_classes": 10, "side": SIDE}
    if not config.grow:
        names, plain = ("c1", "c2", "c3", "c5", "units"), channels(1.0)
        counts = dict(zip(names, channels(config.width), strict=True))
        settled |= counts
        shapes = dict(zip(plain, counts.values(), strict=True))
        shapes |= {10: 10, plain[3] * SIDE**2: counts["c5"] * SIDE**2}
        text = re.sub(r"(?<=# → )\d+", lambda found: str(shapes[int(found[0])]), text)
    text = re.sub(r"\b[a-z]\w*\b(?!=)", lambda found: str(settled.get(found[0], found[0])), text)
    if config.dropout != 0.5:
        text = text.replace("nn.Dropout()", "nn.Dropout(DROPOUT)")
    return text.strip()


def _method(name: str) -> str:
    """A method of the package's network as it stands there."""
    source = module("network.alexnet")
    node = next(
        n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef) and n.name == name
    )
    return source.statement(node).strip()
