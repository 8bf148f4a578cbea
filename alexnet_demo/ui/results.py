"""Widgets of the Results page: figures over the test set, and the pictures behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo import charts
from alexnet_demo.config import ARTICLE_TEST_ACCURACY, CLASSES
from alexnet_demo.pictures import data_url, enlarge, heated, png
from alexnet_demo.results import Results, by_class
from alexnet_demo.ui import answers, links, models, sheet, sources, surveys
from alexnet_demo.ui.assets import asset
from alexnet_demo.ui.gallery import Tile, gallery
from alexnet_demo.ui.live_plot import live_plot
from alexnet_demo.ui.navigation import PREDICT
from alexnet_demo.ui.pin_button import pin_button
from alexnet_demo.ui.teaching import explain
from alexnet_demo.ui.wording import percent, plain

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.atlas import Atlas
    from alexnet_demo.predict import Classifier

PAGE = 48  # pictures that a gallery shows at first, and more with each click
LEVELS = np.linspace(0, 0.99, 100)
LIKE = 8  # nearest training pictures that are shown
_VIEW, _LAYOUT = "show", "map"  # as the address names them
_CELL, _MAP, _OPEN = "results cell", "results map", "results open"
PCA, TSNE = "PCA", "t-SNE"
_LAYOUTS = {
    PCA: "what looks alike to it lies together. The two widest directions are shown, with {wide} "
    "of the variance.",
    TSNE: "its nearest neighbours among 64 directions are kept near it. Who lies beside whom says "
    "something; how far clumps lie apart, and how wide they are, says little.",
}
_LINKED = "results link"  # session state: the link's picture that was opened already


_matrix = st.components.v2.component(
    "alexnet_demo.matrix",
    html='<div class="matrix"></div><p class="more">Swipe sideways: it goes on to the right →</p>',
    css=asset("matrix.css"),
    js=asset("matrix.js"),
)
_picture_map = st.components.v2.component(
    "alexnet_demo.map",
    html='<div class="map"><div class="legend"></div><div class="board"><canvas role="img" '
    'aria-label="Map of the test pictures"></canvas><div class="tip" hidden>'
    '<div class="picture"></div><div class="words"></div></div></div></div>',
    css=asset("map.css"),
    js=asset("map.js"),
)


# ------------------------------------------------------------------ the survey


@dataclass(frozen=True)
class Surveyed:
    """A network and what it says of the test pictures.

    Attributes:
        results: its answers.
        atlas: where the pictures lie for it.
    """

    classifier: Classifier
    results: Results
    atlas: Atlas


def surveyed(classifier: Classifier) -> Surveyed | None:
    """What the chosen network says of the test set; None while it is asked, after saying so."""
    return _surveyed(models.chosen(), classifier)


def _surveyed(option: models.Option, classifier: Classifier) -> Surveyed | None:
    survey = surveys.of_test_set(classifier)
    if survey.found:
        try:
            sources.test_set()  # the views show its pictures
        except RuntimeError as error:  # DataError, told without importing torch for its name
            st.error(plain(str(error)), icon=":material/error:")
            return None
        return Surveyed(classifier, *survey.found)
    asked = f"Asking “{plain(option.label)}” about every test picture"
    surveys.wait_for(survey, asked, lambda: surveys.of_test_set(classifier, again=True))
    return None


def totals(seen: Surveyed) -> None:
    """The figures that sum all up."""
    found = seen.results
    wrong = int((~found.hits).sum())
    figures = (
        (
            "Test accuracy",
            percent(found.accuracy, 2),
            "The share of the test pictures that are named rightly. The article reached "
            f"{percent(ARTICLE_TEST_ACCURACY[-1], 2)}.",
        ),
        ("Mistakes", f"{wrong:,}", f"Of {len(found.labels):,} pictures."),
        (
            "Mean confidence",
            percent(float(found.confidence.mean(dtype=np.float64))),
            "The mean probability of the class that was named. In a well calibrated network it "
            "equals the accuracy.",
        ),
        (
            "Calibration error",
            percent(found.calibration_error(), 2),
            "Expected calibration error: how far confidence is from the share of right answers, "
            "on average.",
        ),
    )
    with st.container(horizontal=True):
        for label, value, about in figures:
            st.metric(label, value, help=about, width=165)  # two beside each other on a phone


# ------------------------------------------------------------------ views


def choose() -> str:
    """Let the reader choose what to look at; only that is computed and shown."""
    return links.choice("What to look at", VIEWS, _VIEW)


def _confusion(seen: Surveyed) -> None:
    found = seen.results
    st.caption(
        "Rows are what the pictures show, columns what they were taken for. Choose a number, by "
        "click or arrow keys, to see the pictures behind it."
    )
    state = st.session_state.get(_CELL) or {}
    chosen = _cell(state.get("cell") if isinstance(state, Mapping) else None, found)
    result = _matrix(
        data={"classes": list(CLASSES), "counts": found.confusion.tolist(), "cell": chosen},
        default={"cell": chosen},
        key=_CELL,
        on_cell_change=lambda: None,
    )
    true, guess = _cell(result.cell, found)
    numbers = found.cell(true, guess)
    count = f"{len(numbers):,} test picture{'' if len(numbers) == 1 else 's'}"
    if true == guess:
        st.markdown(f"**{count}: {CLASSES[true]}, and known.** The surest answer first.")
    else:
        st.markdown(
            f"**{count}: {CLASSES[true]}, but taken for {CLASSES[guess]}.** The surest answer "
            "first."
        )
    _show(seen, numbers, f"cell {true} {guess}")


def _cell(sent: Any, found: Results) -> tuple[int, int]:
    """The chosen cell; the greatest mistake where none was chosen (a browser can send anything)."""
    try:
        true, guess = (int(place) for place in sent)
        if true in range(len(CLASSES)) and guess in range(len(CLASSES)):
            return true, guess
    except (TypeError, ValueError, OverflowError):
        pass
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    true, guess = divmod(int(wrong.argmax()), len(CLASSES))
    return true, guess


def _mistakes(seen: Surveyed) -> None:
    found = seen.results
    st.caption(
        "The mistakes the network was surest of. Look twice: some are its own, others are labels "
        "of the data set that one may doubt."
    )
    _show(seen, found.mistakes(), "mistakes")


def _narrow(seen: Surveyed) -> None:
    found = seen.results
    st.caption("Right, but only just: the answers with the least confidence first.")
    _show(seen, found.narrow_hits(), "narrow")


def _first(seen: Surveyed) -> None:
    found = seen.results
    st.caption("Test pictures in the data set's order, as the article shows its first ones.")
    _show(seen, np.arange(len(found.labels)), "first")


def _map(seen: Surveyed) -> None:
    found, layout = seen.results, _layout()
    wide = percent(seen.atlas.variance[:2].sum())
    st.caption(
        "Every point is a test picture, placed by what the network makes of it in fc7: "
        f"{_LAYOUTS[layout].format(wide=wide)} Point at one to see it, click to open it, draw a "
        "line around some to list them; the names above hide and show a class."
    )
    points = _places(seen, layout)
    if points is None:
        return
    low, high = points.min(0), points.max(0)
    inner = 0.02 + 0.96 * (points - low) / np.maximum(high - low, 1e-9)
    state = st.session_state.get(_MAP) or {}
    chosen = _numbers(state.get("chosen") if isinstance(state, Mapping) else None, len(points))
    result = _picture_map(
        data={
            "key": seen.classifier.digest,
            "x": inner[:, 0].round(4).tolist(),
            "y": (1 - inner[:, 1]).round(4).tolist(),
            "labels": found.labels.tolist(),
            "guesses": found.guesses.tolist(),
            "classes": list(CLASSES),
            "colors": list(charts.CLASS_COLORS.values()),
            "chosen": chosen,
            "sheet": sheet.of_test_pictures(),
        },
        default={"chosen": []},
        key=_MAP,
        on_chosen_change=lambda: None,
        on_opened_change=lambda: None,
    )
    numbers = np.array(_numbers(result.chosen, len(points)), np.int64)
    if result.opened is not None or not len(numbers):
        _open_if_asked(seen, result.opened, numbers)
    if len(numbers):
        wrong = int((~found.hits[numbers]).sum())
        st.markdown(f"**{len(numbers):,} pictures chosen**, {wrong:,} of them got wrong.")
        _show(seen, numbers[np.argsort(found.hits[numbers], kind="stable")], "map")


def _layout() -> str:
    """Let the reader choose which map."""
    return links.choice("Kind of map", _LAYOUTS, _LAYOUT)


def _places(seen: Surveyed, layout: str) -> np.ndarray | None:
    """The test pictures' places, float (10000, 2); None while they are sought, after saying so."""
    if layout == PCA:
        return seen.atlas.points[:, :2]
    digest = seen.classifier.digest
    survey = surveys.of_map(digest, seen.atlas)
    found = survey.found
    if found is None:
        anew = partial(surveys.of_map, digest, seen.atlas, again=True)
        surveys.wait_for(survey, "Laying out the map", anew)
    return found


def _numbers(sent: Any, count: int) -> list[int]:
    """The chosen pictures; a browser can send anything."""
    if not isinstance(sent, Sequence) or isinstance(sent, str):
        return []
    return sorted({n for n in sent if isinstance(n, int) and 0 <= n < count})


def _classes(seen: Surveyed) -> None:
    found = seen.results
    st.caption(
        "Precision: of the pictures named so, how many are. Recall: of the pictures that are, how "
        "many are named so. F1: their harmonic mean."
    )
    share = partial(st.column_config.ProgressColumn, format="percent", min_value=0, max_value=1)
    st.dataframe(
        [
            {
                "Class": line.name,
                "Precision": line.precision,
                "Recall": line.recall,
                "F1": line.f1,
                "Pictures": line.samples,
            }
            for line in by_class(found.confusion)
        ],
        column_config={name: share(name) for name in ("Precision", "Recall", "F1")},
        hide_index=True,
    )


def _confidence(seen: Surveyed) -> None:
    found = seen.results
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Is its confidence deserved?", anchor=False)
        live_plot(
            charts.calibration_figure(found.calibration()),
            "The share of right answers against confidence: calibration error "
            + percent(found.calibration_error(), 2),
            "calibration",
        )
        st.caption(
            "Each bar holds the answers of about that confidence and reaches as high as their "
            "share of right ones. On the dashed line they are equal; below it the network is too "
            "sure of itself. Pale bars hold fewer than 20 answers."
        )
    with right:
        st.subheader("What if it may decline to answer?", anchor=False)
        live_plot(
            charts.answered_figure(LEVELS, found.answered(LEVELS), found.accuracy),
            f"Accuracy against the share of pictures answered: {percent(found.accuracy, 2)} "
            "where all are",
            "accuracy against answered",
        )
        st.caption(
            "Were it to answer only from a certain confidence on, it would answer fewer pictures, "
            "and a larger share of its answers would be right."
        )


def _compare(seen: Surveyed) -> None:
    found = seen.results
    here = models.chosen()
    others = {option.id: option for option in models.options() if option.id != here.id}
    if not others:
        st.info("There is no second model to compare with: train one, or upload a weights file.")
        return
    chosen = st.selectbox(
        "Compare with", list(others), format_func=lambda i: others[i].label, key="results other"
    )
    try:
        other = models.load(others[chosen])
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    others_answers = _surveyed(others[chosen], other)
    if others_answers is None:
        return
    theirs = others_answers.results
    numbers = found.disputed(theirs)
    right = found.hits[numbers], theirs.hits[numbers]
    st.markdown(
        f"The other one reaches {percent(theirs.accuracy, 2)}. They differ on "
        f"**{len(numbers):,} pictures**: here {int(right[0].sum()):,} are right where the other is "
        f"wrong, there {int(right[1].sum()):,}, and {int((~right[0] & ~right[1]).sum()):,} are "
        "wrong in both. The widest apart first."
    )
    _show(seen, numbers, f"compare {chosen}", theirs)


VIEWS: dict[str, Callable[[Surveyed], None]] = {
    "Confusion": _confusion,
    "Mistakes": _mistakes,
    "Narrow hits": _narrow,
    "First pictures": _first,
    "Map": _map,
    "Classes": _classes,
    "Confidence": _confidence,
    "Compare": _compare,
}
EXPLAINED = {
    "Confusion": "Confusion matrix",
    "Mistakes": "Wrong, or wrongly labelled?",
    "Map": "The map",
    "Classes": "Precision, recall and F1",
    "Confidence": "Calibration error",
    "Compare": "Two networks",
}
"""The topic that explains a view."""


# ------------------------------------------------------------------ galleries


def _show(seen: Surveyed, numbers: np.ndarray, name: str, other: Results | None = None) -> None:
    """Pictures with what is said of them; a click opens one."""
    found = seen.results
    if not len(numbers):
        st.info("There are no such pictures.")
        return
    many = f"shown {name}"  # session state
    count = st.session_state.setdefault(many, PAGE)
    images = sources.test_set().images
    tiles = [
        Tile(
            int(n),
            data_url(Image.fromarray(images[int(n)].numpy()), 28),
            f"Test picture {n}",
            f"{'✓' if found.hits[n] else '✗'} {_says(found, n)}",
            _below(found, n, other),
        )
        for n in numbers[:count]
    ]
    opened = gallery(tiles, f"gallery {name}")
    if count < len(numbers):
        left = len(numbers) - count
        if st.button(f"Show more ({left:,} left)", key=f"more {name}"):
            st.session_state[many] = count + PAGE
            st.rerun()
    _open_if_asked(seen, opened, numbers)


def _open_if_asked(seen: Surveyed, sent: Any, numbers: np.ndarray) -> None:
    """Open the panel with the picture that was clicked, or with the one that a link names."""
    opened = _opened(sent, len(seen.results.labels))
    if opened is not None:
        st.session_state[_OPEN] = opened
        _panel(seen, [int(n) for n in numbers])


def _says(found: Results, number: int) -> str:
    return f"{CLASSES[found.guesses[number]]} {percent(float(found.confidence[number]), 0)}"


def _below(found: Results, number: int, other: Results | None) -> str:
    truth = CLASSES[found.labels[number]]
    if other is not None:
        return f"other: {_says(other, number)} · is: {truth}"
    return "" if found.hits[number] else f"is: {truth}"


def _opened(sent: Any, count: int) -> int | None:
    """The picture to open: the one clicked, or the one a link names, once."""
    if isinstance(sent, (int, float)) and 0 <= sent < count:
        return int(sent)
    link = st.query_params.get("picture", "")
    short = link.isdecimal() and len(link) <= len(str(count))
    if short and int(link) < count and st.session_state.get(_LINKED) != link:
        st.session_state[_LINKED] = link
        return int(link)
    return None


# ------------------------------------------------------------------ one picture


def _closed() -> None:
    st.query_params.pop("picture", None)
    st.session_state.pop(_LINKED, None)  # so that the same link opens it again


@st.dialog("A test picture", width="medium", on_dismiss=_closed)
def _panel(seen: Surveyed, numbers: Sequence[int]) -> None:
    """One picture: what is said of it and what it is, where the network looks, and its like."""
    found = seen.results
    number = int(st.session_state[_OPEN])
    _turn_page(numbers, number)
    st.query_params["picture"] = st.session_state[_LINKED] = str(number)
    image = Image.fromarray(sources.test_set().images[number].numpy())
    truth, guess = CLASSES[found.labels[number]], CLASSES[found.guesses[number]]
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        st.image(png(enlarge(image, 252)), width=252, alt=f"Test picture {number}: {truth}")
        st.caption(f"Test picture {number}, labelled {truth}")
    with right:
        answers.verdict(found.probabilities[number], truth)
    _where_it_looks(seen, number, truth, guess)
    _its_like(seen, number)
    with st.container(horizontal=True):
        if st.button("Open on Predict", icon=":material/draw:"):
            st.switch_page(PREDICT, query_params={"source": "Samples", "sample": str(number)})
        pin_button(np.asarray(image), f"Test picture {number}", int(found.labels[number]))


def _turn_page(numbers: Sequence[int], number: int) -> None:
    """Buttons to the neighbours in the list."""
    place = numbers.index(number) if number in numbers else None

    def go(step: int) -> None:
        assert place is not None
        st.session_state[_OPEN] = numbers[place + step]

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous", icon=":material/chevron_left:", disabled=not place, on_click=go, args=(-1,)
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            disabled=place is None or place + 1 >= len(numbers),
            on_click=go,
            args=(1,),
        )
        if place is not None:
            st.markdown(f":gray[{place + 1:,} of {len(numbers):,}]", width="content")


def _where_it_looks(seen: Surveyed, number: int, truth: str, guess: str) -> None:
    """Grad-CAM for the class that was named, and for the true one or else the second best."""
    ranked = seen.results.probabilities[number].argsort()
    second = truth if truth != guess else CLASSES[int(ranked[-2])]
    names = (f"{guess}, as it says", f"{second}, {'the label' if truth != guess else 'its second'}")
    pixels = sources.test_set().images[number].numpy()
    maps = _heat(seen.classifier, pixels, (CLASSES.index(guess), CLASSES.index(second)))
    st.markdown("**Where it looks**, if it is to speak for")
    for place, heat, name in zip(st.columns(2), maps, names, strict=True):
        place.image(heated(pixels, heat, 224), width=224, alt=f"Grad-CAM for {name}", caption=name)
    explain("What the colours mean", "Grad-CAM")


def _heat(classifier: Classifier, pixels: np.ndarray, classes: tuple[int, int]) -> np.ndarray:
    """float32 (2, h, w) in [0, 1], see `explain.grad_cam`."""
    import torch

    from alexnet_demo.explain import grad_cam

    return grad_cam(classifier.model, np.stack([pixels] * 2), torch.tensor(classes))


@st.fragment
def _its_like(seen: Surveyed, number: int) -> None:
    """The training pictures that lie nearest to one, with their labels."""
    key = f"like {seen.classifier.digest}"
    if not st.session_state.get(key):
        st.session_state[key] = st.button(
            "Show the training pictures most like it", icon=":material/image_search:"
        )
        if not st.session_state[key]:
            return
    survey = surveys.of_training_set(seen.classifier, seen.atlas)
    if survey.found is None:
        surveys.wait_for(
            survey,
            "Looking at every training picture",
            partial(surveys.of_training_set, seen.classifier, seen.atlas, again=True),
            # The rerun closes the panel: let the page's link open it again.
            before_rerun=lambda: st.session_state.pop(_LINKED, None),
        )
    else:
        from alexnet_demo.atlas import nearest

        split = sources.training_set()
        like, _ = nearest(survey.found, seen.atlas.points[number], LIKE)
        st.markdown(
            "**Most like it among the training pictures**, to the network, with their labels"
        )
        tiles = [
            Tile(
                int(n),
                data_url(Image.fromarray(split.images[int(n)].numpy()), 28),
                f"Training picture {n}",
                CLASSES[int(split.labels[int(n)])],
            )
            for n in like
        ]
        gallery(tiles, "gallery like", opens=False)
