"""A run's settings → a script in plain PyTorch that trains the same way, without this package.

The template `templates/script.py.jinja` holds the training loop; the functions it calls are copied
from this package, see `source`. Thus a simple recipe gives a short script, and the copies cannot
differ from what trains here.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from alexnet_demo.common.templates import environment
from alexnet_demo.export.source import format_definitions, format_imports, free_names, used_by
from alexnet_demo.settings.article import PARAMETERS, TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.settings.schedule import channels, stages

IMPORTS = {  # of the template itself; those of the copied functions are added
    *(("argparse", ""), ("collections", "OrderedDict"), ("torch", ""), ("torch", "nn")),
    *(("safetensors.torch", "save_file"), ("torch", "Tensor")),
    *(("torch.nn.functional", "cross_entropy"), ("torchvision.datasets", "FashionMNIST")),
}
NOT_PART_OF_A_RECIPE = {
    *("device", "devices", "precision", "memory_format", "sync_batchnorm", "compile"),
    *("checkpoint_minutes", "keep_epochs", "seed"),
}


def training_script(config: TrainConfig) -> str:
    """The script's text, in lines of at most 100 characters, as ``ruff format`` leaves it.

    It trains in one process, whatever ``devices`` says, and cannot resume. With ``precision``
    ``auto`` it uses bfloat16 on CUDA and float32 elsewhere, and with ``memory_format`` ``auto``
    channels-last, without measuring.
    """
    template = environment(Path(__file__).with_name("templates")).get_template("script.py.jinja")
    context = _context(config)
    parts = {"imports": "", "constants": "", "definitions": ""}
    # Rendered without these parts first, to see what it uses.
    used = free_names(template.render(context, **parts))
    parts["constants"] = "\n".join(_constants(config, used))
    definitions, imports = used_by(template.render(context, **parts))
    imports |= IMPORTS | {(name, "") for name in ("json", "math") if name in used}
    imports |= {("safetensors.torch", "load_file")} if config.validation else set()
    # Constants of the settings open the script; those of other modules stay with the functions.
    head = [d for d in definitions if d.is_constant and d.module.startswith("settings.")]
    return template.render(
        context,
        imports=format_imports(imports),
        constants="\n".join([parts["constants"], *(d.text for d in head)]),
        definitions=format_definitions([d for d in definitions if d not in head]),
    )


def file_name(config: TrainConfig) -> str:
    """A file name for the script."""
    return f"train_{config.recipe}.py"


def _context(config: TrainConfig) -> dict[str, Any]:
    """The template's variables: the settings, and what the template cannot derive from them."""
    shares = [float(part.partition(":")[2]) for part in config.grow.split(",") if part]
    counts = channels(config.width)
    names = ("c1", "c2", "c3", "c5", "units")
    # In a network that grows, these are variables.
    layers = dict(zip(names, names if config.grow else counts, strict=True))
    return {
        **vars(config),
        **layers,
        "shapes": channels(1.0) if config.grow else counts,
        "changed": config.changes().keys() - NOT_PART_OF_A_RECIPE,
        "file": file_name(config),
        "parameters": PARAMETERS,
        "growth": [(s.width, share) for s, share in zip(stages(config), shares, strict=False)],
        "all_train_images": config.train_images == TRAIN_SAMPLES - config.validation,
        "all_test_images": config.test_samples == TEST_SAMPLES,
        "eval_split": config.eval_split,
        "activation_layer": {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid"}[
            config.activation
        ],
        # Whether the shapes of the stored weights determine the width.
        "width_in_shapes": channels(counts[-1] / 4096) == counts,
    }


def _constants(config: TrainConfig, used: set[str]) -> Iterator[str]:
    """One line for each setting that the script uses."""
    for setting in fields(TrainConfig):
        name, value = setting.name, getattr(config, setting.name)
        if name == "lr":
            value *= config.lr_scale
        if name.upper() in used:
            label = SETTINGS[name].label.lower()
            comment = "" if label == name.replace("_", " ") else f"  # {label}"
            yield f"{name.upper()} = {value!r}{comment}"
