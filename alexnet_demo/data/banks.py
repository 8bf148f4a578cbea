"""Banks of images made by rules, which no Fashion-MNIST image can be turned into.

Made of nothing but strokes and shapes, they show what catalogs lack: shoes from above, coats with
lapels as people draw them, backpacks, and things that are no clothing at all. They are made once,
when a run starts, and stay on the training device; a step only picks some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from alexnet_demo.data.batch_random import SHOES, Label
from alexnet_demo.data.garment_drawings import garment_drawings
from alexnet_demo.data.garment_photos import garment_photos
from alexnet_demo.data.other_drawings import other_drawings
from alexnet_demo.data.other_photos import other_photos
from alexnet_demo.data.shoe_drawings import shoe_drawings
from alexnet_demo.data.shoe_photos import shoe_photos
from alexnet_demo.data.splits import derive_seed
from alexnet_demo.data.synthetic import ALL, synthesize
from alexnet_demo.settings.config import TrainConfig

PER_CLASS = 300
"""Images of each class and kind; of other things, ten times as many."""
SHARE_OF_BANK = 100
"""Training images for each image of a class and kind: small runs need small banks."""
PHOTOGRAPHED = {
    **dict.fromkeys(SHOES, shoe_photos),
    **dict.fromkeys((Label.BAG, Label.PULLOVER), garment_photos),
}
"""What catalogs hardly show: shoes from above, backpacks and bags on straps, and hoods.

Of the other classes, photos made of Fashion-MNIST's images are more like real ones.
"""
DRAWN = 0.6  # share of the picked images that are drawings


@dataclass(frozen=True)
class Bank:
    """Finished images of one size.

    Attributes:
        images: uint8 (K, side, side), 0 background to 255.
        labels: int64 (K,), 0 for other things than clothing.
    """

    images: Tensor
    labels: Tensor

    def pick(self, count: int, generator: torch.Generator, rows: slice) -> Bank:
        """Of ``count`` random images, half of them mirrored, those in ``rows``."""
        device = self.images.device
        chosen = torch.randint(len(self.images), (count,), generator=generator, device=device)
        mirrored = torch.rand(count, 1, 1, generator=generator, device=device) < 0.5
        images = self.images[chosen[rows]]
        return Bank(torch.where(mirrored[rows], images.flip(2), images), self.labels[chosen[rows]])


@dataclass(frozen=True)
class Banks:
    """Drawings and photos, in this order, of clothing and of other things."""

    clothing: Sequence[Bank]
    others: Sequence[Bank]

    def pick(
        self, config: TrainConfig, batch: int, generator: torch.Generator, rows: slice = ALL
    ) -> Banks:
        """What ``generated`` and ``others`` add to a batch; banks without images are left out.

        Args:
            batch: size of the batch, to which the shares are relative.
            generator: on the device of the banks.
            rows: the images of each bank to return. Each is the same as if all were returned.
        """
        picked = []
        for share, banks in ((config.generated, self.clothing), (config.others, self.others)):
            drawn = round(DRAWN * share * batch)
            counts = (drawn, round(share * batch) - drawn)
            pairs = zip(banks, counts, strict=True)
            picked.append([bank.pick(n, generator, rows) for bank, n in pairs if n])
        return Banks(*picked)


def banks_for(config: TrainConfig, device: torch.device) -> Banks | None:
    """The banks that a run needs, made at its first step; None without."""
    if not (config.generated or config.others):
        return None
    return load_banks(device, min(PER_CLASS, 1 + config.train_images // SHARE_OF_BANK))


@lru_cache(1)
def load_banks(device: torch.device, per_class: int = PER_CLASS, purpose: str = "banks") -> Banks:
    """Make all banks: half a minute of a processor's time at the usual size.

    Args:
        device: where they are kept.
        per_class: images of each class and kind.
        purpose: another one makes other images.
    """
    rng = np.random.default_rng(derive_seed(purpose, 0))
    drawings = {
        label: (shoe_drawings if label in SHOES else garment_drawings)(label, per_class, rng)
        for label in Label
    }
    cut_out = {label: make(label, per_class, rng) for label, make in PHOTOGRAPHED.items()}
    photos = _bank(cut_out, torch.device("cpu"))
    generator = torch.Generator().manual_seed(derive_seed(f"{purpose} photos", 0))
    pictures = synthesize(photos.images, photos.labels, 0, generator, rearrange=False)[1]
    others = (make(10 * per_class, rng) for make in (other_drawings, other_photos))
    return Banks(
        (_bank(drawings, device), Bank(pictures.to(device), photos.labels.to(device))),
        [_bank({Label.T_SHIRT: images}, device) for images in others],
    )


def _bank(images: Mapping[Label, np.ndarray], device: torch.device) -> Bank:
    labels = np.repeat(list(images), [len(of_label) for of_label in images.values()])
    pixels = np.concatenate(list(images.values()))
    return Bank(torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device))
