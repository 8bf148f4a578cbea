"""Figures of the article "AlexNet: The Breakthrough CNN" and of Fashion-MNIST."""

AUTHOR_URL = "https://github.com/derekzhouai"
ARTICLE_CODE_URL = f"{AUTHOR_URL}/derekzhou-ai-blog-code/blob/main/mnist_alexnet.ipynb"

IMAGE_SIZE = 224
TRAIN_SAMPLES, TEST_SAMPLES = 60_000, 10_000
PIXEL_MEAN, PIXEL_STD = 0.2860, 0.3530  # of the training images' pixels in [0, 1]
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CLASS_PHRASES = {
    "T-shirt/top": "a T-shirt/top",
    "Trouser": "trousers",
    "Pullover": "a pullover",
    "Dress": "a dress",
    "Coat": "a coat",
    "Sandal": "a sandal",
    "Shirt": "a shirt",
    "Sneaker": "a sneaker",
    "Bag": "a bag",
    "Ankle boot": "an ankle boot",
}
"""What an image of each class shows, for sentences; labels have the name itself."""

# By epoch, as printed in section 4 of the article.
ARTICLE_TRAIN_ACCURACY = (
    *(0.4714, 0.8139, 0.8618, 0.8798, 0.8924),
    *(0.9010, 0.9089, 0.9150, 0.9214, 0.9262),
)
ARTICLE_TRAIN_LOSS = (
    *(1.3983, 0.4979, 0.3696, 0.3177, 0.2885),
    *(0.2625, 0.2430, 0.2260, 0.2093, 0.1968),
)
ARTICLE_TEST_ACCURACY = (
    *(0.7637, 0.8285, 0.8776, 0.8809, 0.8864),
    *(0.8928, 0.8999, 0.9045, 0.9135, 0.9047),
)
ARTICLE_TEST_LOSS = (
    *(0.5943, 0.4608, 0.3330, 0.3193, 0.3089),
    *(0.2878, 0.2703, 0.2697, 0.2414, 0.2596),
)

ARTICLE_CURVES = {
    "accuracy": {"training": ARTICLE_TRAIN_ACCURACY, "test": ARTICLE_TEST_ACCURACY},
    "loss": {"training": ARTICLE_TRAIN_LOSS, "test": ARTICLE_TEST_LOSS},
}
"""The article's run by epoch: metric → images that it is of → values."""

# The article's total is wrong: its FC#1 line is, which should say 256·5·5·4096 + 4096 = 26,218,496.
ARTICLE_PRINTED_PARAMETERS = 47_686_346
ARTICLE_PRINTED_FC1 = 27_140_096
PARAMETERS = 46_764_746
CALIBRATION_BINS = 15  # of top probabilities, as in Guo et al., "On Calibration" (2017)
