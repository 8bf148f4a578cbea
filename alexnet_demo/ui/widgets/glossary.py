"""Short explanations beside the thing itself, collapsed until somebody asks.

The sources are the article and the papers that the topics name; the papers' names stand in the
text where a reader may want to look further.
"""

from __future__ import annotations

import streamlit as st

TOPICS = {
    # ---------------------------------------------------------------- settings of a training
    "Epoch and batch": "An epoch shows the network every training picture once, in a new order. "
    "They come in batches: for each batch the network answers, the loss is measured, and all "
    "weights take one small step. With 60,000 pictures in batches of 128 that makes 469 steps an "
    "epoch.",
    "Learning rate": "The gradient says in which direction the loss falls fastest; the learning "
    "rate says how far to go that way. Too low, and nothing is learned in the time there is. Too "
    "high, and each step overshoots, until the loss jumps or becomes no number at all. It is the "
    "setting that matters most.",
    "Momentum": "Each batch gives a slightly different direction. Momentum keeps a share of the "
    "last step's direction, as a rolling ball does, so that what the batches agree on adds up and "
    "their noise cancels. At 0.9 a steady direction is followed up to ten times as fast, which is "
    "why the learning rate is chosen lower with it. The article does without.",
    "Schedule": "Far from the goal, large steps are good; close to it they jump over it. So the "
    "rate rises for a moment, while the first weights are still random and gradients wild, and "
    "then falls to 0. Much of the last few percent of accuracy is won while it falls.",
    "Weight decay": "Every step also pulls each weight a little towards 0. What the pictures do "
    "not speak for again and again fades away, which works against learning single pictures by "
    "heart.",
    "Dropout": "During training a random half of the units in fc6 and fc7 (or the share that is "
    "set) is left out of each step, so that no unit can rely on another one being there. It is "
    "used where most of the parameters sit and overfitting is nearest; filters are shared by all "
    "places of a picture and need it less. When the network is used, all units take part.",
    "Changed pictures": "A mirrored, shifted or partly hidden shirt is still a shirt. Shown "
    "changed each time, the pictures cannot be learned by heart, and the network learns to pass "
    "over what was changed. Drawings and photos made of them serve the same end: a network knows "
    "only what it was shown.",
    "Batch normalisation": "In training, every channel is shifted and scaled so that its values "
    "over the batch have mean 0 and standard deviation 1, and two learned numbers then stretch "
    "and move it. Layers learn faster where their input stays in one range (Ioffe and Szegedy, "
    "2015). Afterwards it is a fixed factor and sum for each channel, so it is worked into the "
    "convolutions, and the network is the article's again.",
    "Growth": "A network of a quarter of the width trains about ten times as fast and learns the "
    "coarse things as well. When it is widened every unit is copied, and what the next layer "
    "takes from it is divided among the copies: the wider network gives the same answers and goes "
    "on learning from there (Net2Net; Chen, Goodfellow and Shlens, 2016).",
    "Initial weights": "If the first weights are too small, signals fade from layer to layer; if "
    "too large, they grow. Kaiming's choice keeps their size through layers with ReLU, so that "
    "all eight learn from the first step (He and others, 2015).",
    "The learning-rate test": "The rate rises step by step, and the loss answers: flat where the "
    "rate is too low to matter, falling where it works, jumping where it is too high. The rate "
    "to take lies where it falls steepest, well before the jump (Smith, 2017). The test uses a "
    "network of its own, so nothing of it stays.",
    # ---------------------------------------------------------------- curves
    "Loss": "The loss is −ln of the probability that the network gave to the right class, on "
    "average. For a network that guesses among ten it is ln 10 ≈ 2.30; for one that is sure and "
    "right it is close to 0; a single answer that is sure and wrong costs a great deal. Training "
    "lowers the loss, since accuracy moves in jumps and has no gradient.",
    "Training and test curve": "The test pictures are never trained on. As long as both curves "
    "get better, what is learned holds for new pictures. Where the training curve goes on while "
    "the test loss turns up again, pictures are being learned by heart: overfitting. With dropout "
    "and changed pictures the test curve can even be the better one, since the test has neither.",
    # ---------------------------------------------------------------- an answer
    "Why the picture is prepared": "The network has learned from pictures that were all made "
    "alike: one garment, light on black, centred, 28×28 pixels enlarged to 224×224. Anything else "
    "is foreign to it, however clear it is to you. So a drawing is traced with one pen and shaded, "
    "a photo loses its background, and both are brought to that form.",
    "What the percentages mean": "The last layer gives a number for each class, a logit. Softmax "
    "makes probabilities of them: each logit goes into the exponential function, and each result "
    "is divided by their sum. So they always add up to 100 %, even for a picture that is none of "
    "the ten.",
    "When to believe them": "A network that was only trained tends to be too sure. For the one "
    "that ships, all logits are divided by one number, the temperature, which was fitted on "
    "pictures it had not been trained on, so that of the answers with 90 % nine in ten are right "
    "(Guo and others, 2017). This holds for pictures like those; for drawings and photos take it "
    "as a hint.",
    # ---------------------------------------------------------------- the test set
    "Confusion matrix": "A row holds all pictures of one class, a column all that were taken for "
    "one. Right answers lie on the diagonal. What stands beside it shows what is mixed up with "
    "what, and whether both ways: it says more than the one number of the accuracy.",
    "Wrong, or wrongly labelled?": "A confident mistake has two common causes: the network fell "
    "for something, or the label is not what most people would say. Open a picture and look at "
    "the training pictures most like it. If those carry the network's answer as their label, the "
    "data set contradicts itself there.",
    "Precision, recall and F1": "Precision is about the answers: of the pictures named Shirt, how "
    "many are? Recall is about the pictures: of the shirts, how many are named so? One is easily "
    "had at the other's cost, by naming everything or hardly anything Shirt. F1, their harmonic "
    "mean, is high only where both are.",
    "Calibration error": "Answers are sorted by confidence into bins. In each the mean "
    "confidence is compared with the share of right answers; the expected calibration error is "
    "the mean of these gaps, weighted by the bins' sizes. 0 would be perfect. It says nothing of "
    "accuracy: one that always says 10 % and is right once in ten is perfectly calibrated.",
    "Grad-CAM": "Grad-CAM asks how much the score of a class would grow if each of conv5's 256 "
    "feature maps were a little stronger, and adds the maps up with these weights. Warm colours "
    "are places that speak for the class. The maps are only 12×12, so that the picture is "
    "coarse: it says which part of a garment counts, not which pixel (Selvaraju and others, 2017).",
    "The map": "In fc7 a picture becomes 4,096 numbers, or fewer in a narrower network. Principal "
    "component analysis looks for the directions in which these differ most from picture to "
    "picture; the map by PCA shows the first two. What lies far apart there differs; what lies "
    "close together may still differ in a direction that is not shown. The map by t-SNE keeps "
    "neighbours together instead (van der Maaten and Hinton, 2008): who lies beside whom says "
    "something, how far clumps lie apart says little.",
    "Two networks": "Two networks of equal accuracy can make different mistakes. Where they "
    "agree, they are usually right more often than either is by itself; where they differ, at "
    "least one is wrong, and a look at the picture often says why.",
}


def explain(title: str, *topics: str) -> None:
    """A line that opens an explanation.

    Args:
        title: what the line says.
        topics: which of the `TOPICS` stand behind it; the one called as the line if none are given.
    """
    with (
        st.expander(title, icon=":material/school:"),
        st.container(key=f"explain {title}", gap="small"),
    ):
        for topic in topics:
            st.markdown(f"**{topic}{'' if topic.endswith('?') else '.'}** {TOPICS[topic]}")
        if not topics:
            st.markdown(TOPICS[title])
