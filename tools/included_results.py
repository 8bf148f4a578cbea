"""Write what the included model predicts for the test set: ``python tools/included_results.py``.

Predictions, the map by principal components and by t-SNE, the most similar training images, and
those test images that activate each channel most go to one file beside the weights, so that Results
and Architecture show them without running the model. They are those of PyTorch, the same on every
machine up to rounding, whatever answers on Predict there. Run it again after replacing the weights;
about 45 minutes of processor time on a CPU.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import cache, channel_tops, embedding, full_pass
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.settings import paths

MAP_COMPONENTS = 2
"""Of the embedding: the others serve only to compute the rest of the file."""


def write(classifier: Classifier, path: Path) -> None:
    """Compute the file's arrays and write them.

    Raises:
        DataError: when the dataset cannot be read.
        OSError: when the file cannot be written.
    """
    results, places = full_pass.predict_test_set(classifier)
    tops = channel_tops.search(classifier.model, load_split(train=False).images)
    parts = {
        "": asdict(results),
        embedding.PART: asdict(places.head(MAP_COMPONENTS)),
        embedding.TSNE_PART: {"points": full_pass.map_test_set(classifier, places)},
        channel_tops.PART: channel_tops.arrays(tops),
        embedding.NEIGHBOR_PART: {"indices": full_pass.nearest_training_images(classifier, places)},
    }
    cache.save_included(path, classifier.digest, parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=cache.included_path())
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    weights = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    write(Classifier.load_with_digest(weights, options.device), options.out)
    print(f"Wrote {options.out}, {options.out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
