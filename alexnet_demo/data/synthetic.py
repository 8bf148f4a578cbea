"""Fashion-MNIST garments as people would draw or photograph them.

Fashion-MNIST shows garments only cut out, on black, in smooth tones. `synthesize` makes line
drawings and snapshots of them, a whole batch at once, on the training device. They look like what
`images.prepare` makes of real drawings and photos, which the network is to classify later.

On a GPU the host's time to launch an operation counts, hardly the operation's own. So drawings and
photos go through the same operations as far as possible, and no shape depends on values, for which
the host would have to wait.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet_demo.data.batch_random import BatchRandom, Label
from alexnet_demo.data.drawings import DRAWING, draw
from alexnet_demo.data.garments import (
    WARPS,
    add_handles,
    cut_garments,
    pair_shoes,
    sandals_from_above,
    with_silhouettes,
)
from alexnet_demo.data.photos import fill, photo_draws, photograph
from alexnet_demo.data.warp import RandomWarp, framing_grid
from alexnet_demo.images import redraw

ALL = slice(None)


def rows_between(rows: slice, start: int, stop: int) -> slice:
    """The rows that lie in [start, stop), counted from ``start``."""
    own = range(stop)[rows][len(range(start)[rows]) :]
    return slice(own[0] - start, own[-1] + 1 - start, own.step) if own else slice(0, 0)


def synthesize(
    images: Tensor,
    labels: Tensor,
    drawings: int,
    generator: torch.Generator,
    rows: slice = ALL,
    side: int | None = None,
    rearrange: bool = True,
) -> tuple[Tensor, Tensor]:
    """Line drawings of the first garments of a batch, and photos of the others.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,), which decide what is changed.
        drawings: number of drawings.
        generator: on the device of ``images``.
        rows: the images to make. Each is the same as if all were made.
        side: of the drawings, pixels, a multiple of 28; `redraw.SKETCH_SIDE` if None.
        rearrange: whether photos show some shoes as pairs, and some garments cut or folded; not if
            the images already show all there is.

    Returns:
        Drawings, uint8 (number of them in ``rows``, side, side), light strokes on black, and
        photos, uint8 (…, 28, 28), with the polarity that `images.prepare` leaves.
    """
    side = side or redraw.SKETCH_SIDE
    drawn, taken = rows_between(rows, 0, drawings), rows_between(rows, drawings, len(images))
    # All random numbers of the batch, whatever the rows.
    kinds = torch.cat([labels[:drawings], labels[drawings:] + len(Label)])
    warp = RandomWarp(BatchRandom(WARPS, kinds, generator, kinds=2 * len(Label)), rows)
    sketch = BatchRandom(DRAWING, labels[:drawings], generator, drawn)
    photo = BatchRandom(photo_draws(side), labels[drawings:], generator, taken)

    neighbors = images[drawings:].roll(1, 0)[taken]
    images, labels = images[rows], labels[rows]
    count = len(range(drawings)[drawn])
    garments = with_silhouettes(images, labels)
    sketched, worn = garments[:count], garments[count:]
    filled_rows = sketched[:, 1:].amax(3, keepdim=True)
    sketched, soles, pairs = sandals_from_above(sketched, filled_rows, sketch)
    sketched = add_handles(sketched, filled_rows, sketch)
    filled_rows = sketched[:, 1:].amax(3, keepdim=True)
    if rearrange:
        worn = cut_garments(pair_shoes(worn, photo), photo)
    masks = torch.cat([sketched[:, 1:], worn[:, 1:]])
    grid = framing_grid(masks, warp, side, torch.cat([sketch["fill"], fill(photo)]))
    sketches = draw(sketched, filled_rows, grid[:count], labels[:count], soles, pairs, sketch)
    photos = photograph(worn, grid[count:], labels[count:], neighbors, photo)
    return _gray_levels(sketches), _gray_levels(photos)


def _gray_levels(images: Tensor) -> Tensor:
    """float (N, 1, H, W) in [0, 1] → uint8 (N, H, W)."""
    return (images[:, 0] * 255).to(torch.uint8)


def as_drawings(
    images: Tensor, labels: Tensor, generator: torch.Generator, side: int | None = None
) -> Tensor:
    """Line drawings of garments, uint8 (N, side, side), see `synthesize`."""
    return synthesize(images, labels, len(images), generator, side=side)[0]


def as_photos(images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Snapshots of garments, uint8 (N, 28, 28), see `synthesize`."""
    return synthesize(images, labels, 0, generator)[1]
