"""The guided tour: ten stops from drawing to training to mistakes, on the real pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from alexnet_demo.ui.components.component import register
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, PREDICT, RESULTS, TOUR, TRAIN, link

STOP = "tour"  # in an address: the number of the stop that a page is visited for
_ON, _END = "go", "end"  # in the tour's own address: a stop to lead on to; that it is over
_ALONE = "Nothing"  # beside a network on Architecture

_guide = register("tour", __file__)


@dataclass(frozen=True)
class Stop:
    """A place to go, what to do and look for there, and something to think about.

    Attributes:
        title: a few words.
        script: the page.
        task: what to do and what to look for (Markdown).
        question: one that can be answered by looking.
        answer: true of the network that ships (Markdown).
        state: what the page's address says.
        to_visitors: the task for those who may not do it, on a closed server.
        place: the key of what it speaks of, where that stands further down the page.
    """

    title: str
    script: str
    task: str
    question: str
    answer: str
    state: Mapping[str, str] = field(default_factory=dict)
    to_visitors: str = ""
    place: str = ""

    @property
    def told(self) -> str:
        """The task, as this session is told it."""
        return self.task if access.can_control() or not self.to_visitors else self.to_visitors


STOPS = (
    Stop(
        "Draw a shirt",
        PREDICT,
        "Draw the outline of a shirt with long sleeves. Then add a collar and a row of buttons, "
        "and watch which bars move with each stroke.",
        "Which two classes does the network mix up most, and why these?",
        "Shirts and T-shirts: of all pairs these two are taken for one another most often, as the "
        "confusion matrix on Results shows. At 28×28 pixels a collar is a few grey dots, and a "
        "shirt with short sleeves has the outline of a T-shirt.",
        {"source": "Draw"},
    ),
    Stop(
        "What the network sees",
        PREDICT,
        "Your drawing is still there (if not, draw anything). Below it, under *What the network "
        "sees*, follow it from card to card until it is small, light and on black.",
        "Why is dark ink on white turned into light on black?",
        "Because all that the network has ever seen in training was light on black, and centred. "
        "It has no idea of its own that a drawing means the same either way round: what differs "
        "from everything in training gets an answer that means little. So the picture is brought "
        "to the network, not the network to the picture.",
        {"source": "Draw"},
        place="network-sees",
    ),
    Stop(
        "The first filters",
        ARCHITECTURE,
        "Below the diagram are the 96 filters of conv1, 11×11 weights each. Look for those that "
        "are light on one side and dark on the other: they answer to edges of that direction. "
        "Under *Beside it*, choose the untrained network to see filters before any training.",
        "Some come again and again. How many different ones are there?",
        "Twelve, each about eight times. The network that ships was *grown*: its training began "
        "at an eighth of the width, with 12 filters in conv1. Each time it was widened every "
        "filter was copied, and training has hardly moved these copies apart. In later layers "
        "they have become more different.",
        {"layer": "conv1", "view": "Weights", "beside": _ALONE},
        place="arch-layer",
    ),
    Stop(
        "A feature map",
        ARCHITECTURE,
        "Each small picture shows where one channel of conv3 found what it looks for in test "
        "picture 17, a coat. Choose some to see them large. Then choose conv1 and conv5 in the "
        "diagram.",
        "From conv1 to conv5, what is lost and what is gained?",
        "Places are lost: conv1 answers at 54×54 of them, conv3 to conv5 at 12×12. Meaning is "
        "gained: a unit of conv1 sees 11×11 pixels, enough for an edge; one of conv5 sees 163×163, "
        "enough for most of a garment. *In numbers* has both for every layer.",
        {"layer": "conv3", "view": "Output", "picture": "17", "beside": _ALONE},
        place="arch-layer",
    ),
    Stop(
        "One unit's sum",
        ARCHITECTURE,
        "One number of one feature map, worked out: the pixels under the filter, times its "
        "weights, added up, plus a bias. Choose another cell of the map to move the filter over "
        "the picture.",
        "How many multiplications is that, and how many for all of conv1?",
        "11 · 11 = 121 for one unit. There are 96 · 54 · 54 = 279,936 units, which makes "
        "33,872,256, yet only 96 · 121 + 96 = 11,712 parameters: the same filter is used at every "
        "place. *In numbers* shows the same sums.",
        {"layer": "conv1", "view": "One unit", "picture": "17", "beside": _ALONE},
        place="arch-layer",
    ),
    Stop(
        "Start a training",
        TRAIN,
        "The form is filled for a quick look: a narrow network on a third of the pictures. (While "
        "somebody trains already, *New training* opens it.) The line below the form says what it "
        "will cost on this machine. Press *Start training*, and go on while it learns.",
        "The loss begins a little above 2.3. Why there?",
        "At first the network knows nothing and gives each of the ten classes about a tenth. The "
        "loss is −ln of the probability of the right class, and −ln 0.1 ≈ 2.30. By chance it is "
        "surer of some classes than of others, which costs a little more. Whatever is below 2.30 "
        "has been learned.",
        {"recipe": "quick"},
        "Here a training begins, if you are the one who runs this server; visitors look on. If one "
        "runs now, its curves grow below. If none does, go on: the next stop has one on record.",
    ),
    Stop(
        "Watch it learn",
        TRAIN,
        "A training on record, with ten pictures pinned. Press play, or move the slider from the "
        "first moment to the last, and watch the bars below the pictures.",
        "Which picture leaves it undecided the longest, and what do all answers have in common at "
        "the very first moment?",
        "Test picture 6, a coat: up to the third epoch it is taken for a shirt again and again, "
        "while the drawn trouser and the drawn dress are known within the first. At the first "
        "moment all pictures get the same answer, and none a sure one: with random weights they "
        "look alike to the network.",
        {"watch": "best-watched", "moment": "0"},
    ),
    Stop(
        "Its mistakes",
        RESULTS,
        "These are the mistakes the network was surest of: above what it says, below what the "
        "label says. Go through the first dozen, and decide for each who is right.",
        "The label of test picture 3531 is T-shirt/top. Would you have said so?",
        "Hardly anybody would: it looks like a dress, and the network says so. Some labels of "
        "Fashion-MNIST can be doubted. That sets a limit to any test accuracy, and a network that "
        "came near 100 % would have learned the errors as well.",
        {"show": "Mistakes"},
    ),
    Stop(
        "Where it looks",
        RESULTS,
        "Test picture 5806 is labelled Shirt, and the network is sure that it is a T-shirt. Warm "
        "colours show what speaks for the one, and what for the other. Close the picture to go on.",
        "What speaks for a T-shirt, and what for a shirt?",
        "For a T-shirt the round neckline and the large letters, for a shirt the row of buttons. "
        "So it has seen the buttons; they only weigh less. The maps have 12×12 places, so they "
        "tell the part of a garment, not the pixel.",
        {"show": "Mistakes", "picture": "5806"},
    ),
    Stop(
        "When to believe it",
        RESULTS,
        "First: of the answers given with some confidence, how many were right. Then: what if it "
        "may decline to answer when it is not sure?",
        "When it says 90 %, is it right nine times in ten?",
        "On test pictures, nearly: the bars lie close to the dashed line. That is what "
        "*calibrated* means. It holds for pictures like those of the data set only. Show Predict a "
        "cup, and it still has ten names to choose from; there a second score says whether the "
        "picture may not be clothing at all.",
        {"show": "Confidence"},
    ),
)


def stop_at(text: str) -> int | None:
    """The number of a stop, from 1, as an address gives it; None where there is no such stop."""
    number = int(text) if text.isdecimal() and len(text) < 4 else 0
    return number if 1 <= number <= len(STOPS) else None


def state_of(number: int) -> dict[str, str]:
    """What the address of a stop's page says, the stop itself included."""
    return {**STOPS[number - 1].state, STOP: str(number)}


def bar() -> None:
    """On a page that is visited for the tour: the task, the question, and the way on."""
    number = stop_at(st.query_params.get(STOP, ""))
    if number is None:
        return
    stop = STOPS[number - 1]
    with st.container(border=True, key="tour-bar", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f":material/tour: **Stop {number} of {len(STOPS)}: {stop.title}**", width="content"
            )
            with st.container(
                horizontal=True,
                horizontal_alignment="right",
                vertical_alignment="center",
                gap="xsmall",
            ):
                with st.popover("Question", icon=":material/school:", type="tertiary"):
                    _question(stop)
                if number > 1:
                    _to(number - 1, "Back", ":material/arrow_back:", here=stop.script)
                if number < len(STOPS):
                    icon = ":material/arrow_forward:"
                    _to(number + 1, "Next", icon, icon_right=True, here=stop.script)
                else:
                    over = {_END: "1"}
                    link(TOUR, "The end", ":material/flag:", icon_right=True, state=over)
        st.markdown(stop.told)
        if stop.place:
            _guide(data={"stop": str(number), "place": stop.place}, key="tour-guide")


def remind() -> None:
    """In a panel that covers the bar: the task once more."""
    if number := stop_at(st.query_params.get(STOP, "")):
        st.caption(f":material/tour: {STOPS[number - 1].told}")


def _to(number: int, label: str, icon: str, *, icon_right: bool = False, here: str = "") -> None:
    """A link to a stop.

    Args:
        here: the script of the page it stands on. Pages read their address when they are opened,
            so a link from a page to itself goes by the tour's page, which leads on at once.
    """
    stop = STOPS[number - 1]
    by_way = stop.script == here
    script, state = (TOUR, {_ON: str(number)}) if by_way else (stop.script, state_of(number))
    link(script, label, icon, state=state, icon_right=icon_right)


def lead_on() -> None:
    """On the tour's page, before anything is shown: where the address names a stop, go there."""
    if number := stop_at(st.query_params.get(_ON, "")):
        st.switch_page(STOPS[number - 1].script, query_params=state_of(number))


def _question(stop: Stop) -> None:
    st.markdown(stop.question)
    with st.expander("Answer"):
        st.markdown(stop.answer)


def show() -> None:
    """The tour's own page."""
    with st.container(key="tour"):
        if st.query_params.get(_END):
            _closing()
        _opening()
        for number, stop in enumerate(STOPS, 1):
            _stop(number, stop)


def _closing() -> None:
    """After the last stop: where to go from here."""
    with st.container(border=True, key="tour-end", gap="xsmall"):
        st.markdown(
            ":material/flag: **That was the tour.** You have seen a network from its first filter "
            "to its last mistake. From here: try your own photos on Predict, look at what a "
            "training on this server has learned, or change one setting and see what it does."
        )
        with st.container(horizontal=True):
            link(PREDICT, "Your own pictures", ":material/draw:")
            link(TRAIN, "The training", ":material/model_training:")
            link(RESULTS, "All results", ":material/fact_check:")


def _opening() -> None:
    """How the tour goes, and what a teacher may want to know before a lesson."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Start the tour", icon=":material/tour:", type="primary"):
            st.switch_page(STOPS[0].script, query_params=state_of(1))
        st.caption("A bar on top of each page says what to do there and leads on.", width="content")
    with st.expander("With a class", icon=":material/groups:"):
        st.markdown(
            "- **Each at their own pace, or together.** Everyone who opens this server has a "
            "drawing and a place in the tour of their own. Trainings are shared: one runs at a "
            "time, others wait in line, and all show on everyone's Train page. So let one person "
            "start one at stop 6; where the server has a password, whoever knows it: *Unlock the "
            "controls* is below the menu.\n"
            "- **Send a state.** The address in the browser holds what you see: the stop, the "
            "layer, the test picture, the settings of a training. Copy it from there.\n"
            "- **Before the lesson**, open Results once. The network is then asked about all "
            "10,000 test pictures, and the answers are kept."
        )


def _stop(number: int, stop: Stop) -> None:
    with st.container(border=True, gap="xsmall", key=f"tour-{number}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(f"{number}. {stop.title}", anchor=False, width="stretch")
            _to(number, "Go there", ":material/arrow_forward:", icon_right=True)
        st.markdown(stop.told)
        with st.expander(stop.question, icon=":material/school:"):
            st.markdown(stop.answer)
