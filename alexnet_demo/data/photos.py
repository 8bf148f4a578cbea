"""Snapshots of garments: lit, worn, cut out badly or on some background."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from alexnet_demo.data.batch_random import SHOES, TOPS, BatchRandom, Draws, Label, constant
from alexnet_demo.data.garments import CUTS, PAIRS, SIDE
from alexnet_demo.data.pen_strokes import box_blur
from alexnet_demo.data.warp import pixel_grid, sample

PATCH = slice(6, 22)  # of another image, as background


Part = tuple[float, float, float, float, float, float, float]
"""A part of a person: least and greatest distance from the middle, least and greatest y, 1 if it
may be longer, 1 for skin or 0 for another garment, 1 if on both sides or 0 on the left only."""
NECK: Part = (-1, 0.12, -1.25, -0.8, 0, 1, 1)
ARM: Part = (0.46, 0.64, -0.5, 0.7, 1, 1, 1)
TROUSERS: Part = (0.04, 0.42, 0.6, 9, 0, 0, 1)
LEG: Part = (0.07, 0.27, 0.6, 9, 0, 1, 1)
TORSO: Part = (-1, 0.45, -9, -0.7, 0, 0, 1)
FOOT: Part = (0.09, 0.41, 0.85, 1.15, 0, 1, 1)
ANKLE: Part = (0.1, 0.6, -9, 0, 0, 1, 0)
NOTHING: Part = (0, 0, 0, 0, 0, 0, 0)
HEAD = 0.28**2  # squared radius


def worn_with(label: Label) -> tuple[float, Sequence[Part]]:
    """The share of a class that a person wears, and the parts of the person that show."""
    if label in TOPS:
        return 0.35, (NECK, ARM, TROUSERS)
    if label == Label.DRESS:
        return 0.35, (NECK, ARM, LEG)
    if label == Label.TROUSER:
        return 0.5, (TORSO, FOOT, NOTHING)
    if label in SHOES:
        return 0.15, (ANKLE, NOTHING, NOTHING)
    return 0, (NOTHING, NOTHING, NOTHING)


PERSON = tuple(
    tuple((*part, HEAD * (part is NECK)) for part in parts) for _, parts in map(worn_with, Label)
)
"""For each label the parts of a person, each with the squared radius of the head above it."""
BACKGROUND = Draws(
    {
        "stripes right": (-5, 5),
        "stripes down": (-5, 5),
        "stripe width": (0.05, 0.5),
        "stripe depth": (-0.25, 0.25),
        "carpet": (0, 0.06),
        "crumpled": (0, 0.12),
        "other things": (-0.35 / 255, 0.7 / 255),
        "background": (0, 0.95),
        "joint width": (-0.08, 0.08),
    },
    {"stripes": 0.5, "things": 0.3},
    {"carpet": 28, "crumpled": 4},
)
PHOTO = (
    PAIRS
    | CUTS
    | BACKGROUND
    | Draws(
        {
            "fill": (0.6, 1.2),
            "off center x": (-0.2, 0.2),
            "off center y": (-0.2, 0.2),
            "contrast": (0.4, 1.2),
            "contrast sign": (-0.25, 0.75),
            "level": (0.45, 0.95),
            "light right": (-0.25, 0.25),
            "light down": (-0.25, 0.25),
            "folds": (0, 0.1),
            "skin": (0.2, 0.85),
            "other garment": (0.15, 1.0),
            "longer": (0, 0.4),
            "grain": (0, 0.06),
            "cut": (-0.3, 0.3),
        },
        {
            "on background": 0.35,
            "loose": 0.4,
            "worn": {label: worn_with(label)[0] for label in Label},
            "blurred": 0.3,
            "negative": 0.25,
        },
        {"folds": 7, "cut": 7},
    )
)
"""All that is random in a photo, apart from the warp and the grain of each pixel."""


def photo_draws(side: int) -> Draws:
    """`PHOTO` with the grain of photos that are made at this size."""
    return PHOTO | Draws(normals=side**2)


def fill(random: BatchRandom) -> Tensor:
    """The share of the frame that garments fill, (N, 1, 1, 1); all of it in some cut-out ones."""
    loose = random["on background"] | random["loose"]
    return torch.where(loose, random["fill"], constant(1.0, random.device))


def photograph(
    garments: Tensor, grid: Tensor, labels: Tensor, neighbors: Tensor, random: BatchRandom
) -> Tensor:
    """Snapshots of warped garments, cut out or on a background.

    Args:
        garments: see `garments`.
        grid: where to sample them, (N, 2, side, side); side is a multiple of 28.
        labels: int64 (N,).
        neighbors: uint8 (N, 28, 28), other images, for backgrounds.
        random: with `photo_draws`.

    Returns:
        float (N, 1, 28, 28) in [0, 1].
    """
    side, on_background = grid.shape[-1], random["on background"]
    noise = random.noise(side)
    offset = torch.cat([random["off center x"], random["off center y"]], 1)
    grid = grid + offset * on_background
    cloth, body = sample(garments, grid).split(1, 1)
    cloth = add_lighting(change_contrast(cloth, random), noise["folds"], random)
    background = random_backgrounds(neighbors, noise, random) * on_background
    # A person or hanger stays with the garment when it is cut out.
    scene = add_person(background, labels, grid, random)
    ragged = torch.addcmul(body, noise["cut"], random["cut"]) > 0.5
    body = torch.where(on_background, body, ragged)
    clean = torch.addcmul(scene, cloth - scene, body)
    photo = torch.where(random["blurred"], box_blur(clean, 1), clean)
    photo = torch.addcmul(photo, random.normal(1, side, side), random["grain"])
    photo = photo * ((clean > 0.02) | on_background)
    photo = torch.where(on_background & random["negative"], 1 - photo, photo)
    return avg_pool2d(photo, side // SIDE).clamp(0, 1)


def change_contrast(cloth: Tensor, random: BatchRandom) -> Tensor:
    """Cloth of another color: its contrast scaled or reversed, around another gray level."""
    contrast = random["contrast"].copysign(random["contrast sign"])
    return torch.addcmul(random["level"], cloth - 0.5, contrast).clamp(0.2, 1)


def add_lighting(images: Tensor, folds: Tensor, random: BatchRandom) -> Tensor:
    """Light from one side, and folds (N, 1, H, W)."""
    x, y = pixel_grid(images.shape[-1], images.device).split(1, 1)
    light = torch.addcmul(constant(1.0, images.device), random["light right"], x)
    light = torch.addcmul(light, random["light down"], y)
    return torch.addcmul(folds * random["folds"], images, light).clamp(0.08, 1)


def random_backgrounds(neighbors: Tensor, noise: dict[str, Tensor], random: BatchRandom) -> Tensor:
    """Plain surfaces, planks, tiles, carpet, crumpled cloth, and patches of other images.

    Args:
        neighbors: uint8 (N, 28, 28), the other images.
        noise: of `BACKGROUND`, (N, 1, side, side).
        random: with `BACKGROUND`.

    Returns:
        float (N, 1, side, side) in [0, 1].
    """
    carpet, crumpled = noise["carpet"], noise["crumpled"]
    side = carpet.shape[-1]
    x, y = pixel_grid(side, random.device).split(1, 1)
    right, down = random["stripes right"], random["stripes down"]
    planks = torch.addcmul(x * right, y, down) % 1 < random["stripe width"]
    joints = torch.addcmul(y * right, x, down, value=-1) % 1 < random["joint width"]
    lines = (planks | joints) * (random["stripe depth"] * random["stripes"])
    # Enlarged patches of other images look like edges and folds of cloth.
    patch = neighbors[:, None, PATCH, PATCH].float()
    patch = interpolate(patch, size=(side, side), mode="bilinear", align_corners=False)
    # Mostly darker than the garment, as after `images.prepare` has set the polarity.
    level = random["background"].square()
    scene = torch.addcmul(level + lines, patch, random["other things"] * random["things"])
    scene = torch.addcmul(scene, carpet, random["carpet"])
    return torch.addcmul(scene, crumpled, random["crumpled"]).clamp(0, 1)


def add_person(scene: Tensor, labels: Tensor, grid: Tensor, random: BatchRandom) -> Tensor:
    """Some garments worn, by a person around them, where the garment's own image has its edges.

    Head, neck, and arms, legs or trousers below a top or dress, a top above trousers, a leg in a
    shoe.
    """
    x, y = grid.split(1, 1)
    table = constant(PERSON, scene.device)[labels][..., None, None]
    near, far, top, bottom, varies, is_skin, both_sides, head = table.unbind(2)
    across = (-x).maximum(x * both_sides[:, :1])
    inside = (across > near) & (across < far) & (y > top)
    inside = inside & (y < torch.addcmul(bottom, varies, random["longer"]))
    upward = y + 0.53
    inside = (inside | (torch.addcmul(x.square(), upward, upward) < head)) & random["worn"]
    shades = random["other garment"].lerp(random["skin"], is_skin)
    for part in range(inside.shape[1]):
        scene = torch.where(inside[:, part : part + 1], shades[:, part : part + 1], scene)
    return scene
