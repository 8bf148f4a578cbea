"""What each setting of a training means, in a sentence or two: for the form and for ``--help``."""

from __future__ import annotations

HELP = {
    "epochs": "How often the network sees every training image.",
    "batch_size": "Images per step. Larger batches use a GPU better and need more memory.",
    "lr": "How far each step goes. Too high and the loss explodes, too low and nothing moves.",
    "momentum": "How much of the last step's direction is kept. The article uses none.",
    "nesterov": "Look ahead along the kept direction before each step. Needs momentum.",
    "weight_decay": "Pulls weights towards zero at each step.",
    "label_smoothing": "Share of the right answer that is spread over all classes, against "
    "overconfidence.",
    "schedule": "How the learning rate goes over the training; constant, or up and then down to 0.",
    "warmup": "Share of all steps in which the learning rate rises, before it falls.",
    "train_samples": "A subset trains faster and learns less.",
    "flip": "Show every second picture mirrored, at random.",
    "shift": "Move each picture by up to so many of its 28 pixels each way, at random.",
    "erase": "How often a random rectangle of a picture is hidden.",
    "drawings": "Share of the pictures that are shown as line drawings, so that the network gets "
    "to know what people draw.",
    "photos": "Share of the pictures that are shown as photos: lit, bent, worn or lying somewhere.",
    "width": "Multiplies the channels of every layer. 1 is the article's network.",
    "grow": "Train narrower networks first: 0.25:0.6,0.5:0.3 takes a quarter of the width for "
    "60 % of the steps, half of it for 30 %, and the whole for the rest. Empty for none.",
    "dropout": "Share of the fully connected units that are left out of each step. The article "
    "takes 0.5.",
    "init": "The article takes PyTorch's default; Kaiming's lets deep ReLU networks learn at once.",
    "norm": "Keep every channel's values in one range while training, so that the network learns "
    "faster. The trained network needs it no longer: it is the article's again.",
    "seed": "The same seed gives the same initial weights and order of images.",
    "test_samples": "Images used to test after each epoch.",
    "validation": "Training images held back to test on instead, so that settings are not chosen "
    "on the test images. 0 for none.",
    "patience": "Stop early after so many epochs without a better test accuracy. 0 for never.",
    "devices": "GPUs that share the training.",
    "precision": "bf16 and fp16 are faster on hardware made for them, and slower elsewhere.",
    "memory_format": "How pictures lie in memory. It changes the speed, not the result.",
    "checkpoint_minutes": "A training that is killed loses no more than this. 0 for only after "
    "each epoch.",
    "keep_epochs": "Keep the weights of so many epochs, evenly spread, to look inside them later. "
    "An epoch of the whole network takes 47 MB.",
}
