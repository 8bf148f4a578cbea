"""Short explanations of terms, collapsed until somebody opens them.

Sources: the article, and the papers that the topics name for further reading.
"""

from __future__ import annotations

import streamlit as st

TOPICS = {
    # ---------------------------------------------------------------- settings of a run
    "Epoch and batch": "An epoch is one pass over the training set, in a new random order. The "
    "images come in batches: for each batch the network computes predictions and the loss, and "
    "every weight takes one small step. 60,000 images in batches of 128 make 469 steps an epoch.",
    "Learning rate": "The gradient gives the direction in which the loss increases fastest; the "
    "learning rate sets how far each step goes the opposite way. Too low, and training takes "
    "forever. Too high, and steps overshoot until the loss jumps or becomes NaN. It is the "
    "setting that matters most.",
    "Momentum": "The gradient differs from batch to batch. Momentum adds a fraction of the "
    "previous step to each step, so that the direction batches agree on accumulates and their "
    "noise cancels out. At 0.9, steps in a steady direction become up to ten times as long, so "
    "the learning rate is set lower. The article uses none.",
    "Schedule": "Large steps help far from the minimum and overshoot close to it. During warmup "
    "the learning rate rises, because the first gradients of random weights are erratic; then it "
    "decays to 0. Much of the last few percent of accuracy is gained during the decay.",
    "Weight decay": "Every step also shrinks each weight slightly toward 0. Weights that the "
    "data does not keep reinforcing fade away, which reduces overfitting.",
    "Dropout": "During training, each step leaves out a random half of the units in fc6 and fc7 "
    "(or the fraction you set), so that no unit can rely on another. Most parameters are in these "
    "layers, so they overfit most easily; convolutions share their weights across the image and "
    "need dropout less. For predictions, all units are used.",
    "Data augmentation": "A mirrored, shifted, or partly covered shirt is still a shirt. Images "
    "that change randomly in every epoch cannot be memorized, so the network learns to ignore "
    "such changes. Synthetic drawings and photos serve the same purpose: a network generalizes "
    "only to images like those it was trained on.",
    "Batch normalization": "During training, each channel is normalized to mean 0 and standard "
    "deviation 1 over the batch, then scaled and shifted by two learned parameters. Layers learn "
    "faster if the range of their input is stable (Ioffe and Szegedy, 2015). After training, it "
    "is a fixed scale and shift per channel, which is folded into the convolutions: the layers "
    "are the article's again.",
    "Growth": "A network of a quarter of the width trains about ten times as fast and learns the "
    "coarse features just as well. To widen it, every unit is copied, and its outgoing weights "
    "are divided among the copies. The wider network computes the same function and continues "
    "training from there (Net2Net; Chen, Goodfellow, and Shlens, 2016).",
    "Weight initialization": "If the initial weights are too small, activations vanish from "
    "layer to layer; if they are too large, activations explode. He initialization preserves "
    "their variance through ReLU layers, so that all eight layers learn from the first step (He "
    "et al., 2015).",
    "Learning-rate range test": "The learning rate rises step by step while the loss is "
    "recorded. The loss is flat where the rate is too low, falls where it works, and jumps where "
    "it is too high. Choose a rate where the loss falls most steeply, well before the jump "
    "(Smith, 2017). The test trains a network of its own and discards it.",
    # ---------------------------------------------------------------- curves
    "Loss": "The loss is the mean of −ln p, where p is the probability of the true class. For "
    "uniform guesses among ten classes it is ln 10 ≈ 2.30; for confident correct predictions it "
    "is close to 0; a confident mistake costs a lot. Training minimizes the loss rather than the "
    "error rate, which changes in jumps and has no useful gradient.",
    "Training and test curves": "The test images are never trained on. While both curves "
    "improve, the network generalizes. If the training loss keeps falling while the test loss "
    "rises, the network memorizes training images: overfitting. Dropout and augmentation make "
    "training harder, not testing, so the test curve can even be the better one.",
    # ---------------------------------------------------------------- a prediction
    "Why images are preprocessed": "All training images look alike: one garment, light on black, "
    "centered, 28×28 pixels enlarged to 224×224. Anything else is out of distribution, however "
    "clear it is to you. So drawings are traced with a standard pen and shaded, photos lose their "
    "background, and both are brought to that format.",
    "What the percentages mean": "The last layer computes a number for each class, its logit. "
    "Softmax turns logits into probabilities: it exponentiates them and divides by the sum. So "
    "they always add up to 100%, even for an image of none of the ten classes.",
    "When to trust them": "Neural networks tend to be overconfident. For the included model, all "
    "logits are divided by a temperature, fitted on images it was not trained on, so that about "
    "nine in ten predictions with 90% confidence are correct (Guo et al., 2017). This holds for "
    "images like those; for drawings and photos it is only a rough guide.",
    # ---------------------------------------------------------------- the test set
    "Confusion matrix": "Each row holds the images of one class, each column those predicted as "
    "one class. Correct predictions are on the diagonal. The other cells show which classes are "
    "confused, and whether in both directions, which a single accuracy cannot.",
    "Wrong prediction or wrong label?": "A confident mistake has two common causes: the network "
    "is wrong, or the label is. Open an image and look at the most similar training images. If "
    "their labels agree with the prediction, the dataset is inconsistent.",
    "Precision, recall, and F1": "Precision is about predictions: of the images predicted as "
    "Shirt, how many are shirts? Recall is about images: of the shirts, how many are predicted as "
    "Shirt? Either is easy to raise at the other's expense. F1, their harmonic mean, is high only "
    "if both are.",
    "Calibration error": "Predictions are binned by confidence. The expected calibration error "
    "is the mean gap between confidence and accuracy in a bin, weighted by the size of the bin; 0 "
    "is perfect. It is not a measure of accuracy: a model that always predicts with 10% "
    "confidence and is right one time in ten is perfectly calibrated.",
    "Grad-CAM": "Grad-CAM weights each of conv5's 256 feature maps by how much the score of a "
    "class would rise if that map were stronger, and adds them up. Warm colors mark evidence for "
    "the class. The maps are only 12×12, so they show which part of a garment matters, not which "
    "pixel (Selvaraju et al., 2017).",
    "How the map is made": "In fc7 an image becomes 4,096 features, or fewer in a narrower "
    "network. Principal component analysis finds the directions in which they vary most, and PCA "
    "shows the first two: images far apart differ, but images close together may differ in a "
    "direction that is not shown. t-SNE keeps neighbors together instead (van der Maaten and "
    "Hinton, 2008): neighbors are meaningful, distances between clusters are not.",
    "Comparing two models": "Two models of equal accuracy can make different mistakes. Where "
    "they agree, they are usually right more often than either alone. Where they disagree, at "
    "least one is wrong, and the image often shows why.",
}


def explain(title: str, *topics: str) -> None:
    """A line that opens an explanation.

    Args:
        title: the line's text.
        topics: keys of `TOPICS` to show; the title itself if none are given.
    """
    with (
        st.expander(title, icon=":material/school:"),
        st.container(key=f"explain {title}", gap="small"),
    ):
        for topic in topics:
            st.markdown(f"**{topic}{'' if topic.endswith('?') else '.'}** {TOPICS[topic]}")
        if not topics:
            st.markdown(TOPICS[title])
