"""Story: why AlexNet mattered in 2012, with the figures of its paper, and the article's version."""

from __future__ import annotations

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.story import story

page(
    "Story",
    "In 2012, convolutional networks cut the error of the best image classifiers from 26.2% to "
    "15.3%. What was new, what each part brought, and what came before and after.",
    heading="Why AlexNet mattered",
)
story.show()
