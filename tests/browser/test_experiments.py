"""The Experiments page in real Chromium: its arithmetic against PyTorch, and its lessons in use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from torch.nn.functional import conv2d, max_pool2d

from alexnet_demo.network.input import to_input
from alexnet_demo.ui.experiments import convolution
from tests.support.server import settle

pytestmark = pytest.mark.browser
MATH = Path(convolution.__file__).with_name("convolution_math.js")
LOAD = """async ([source, call]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return await new Function("math", `return (${call})`)(await import(url));
}"""


def run(page: Page, call: str) -> Any:
    """The value of a JavaScript expression in which ``math`` is the lesson's arithmetic."""
    return page.evaluate(LOAD, [MATH.read_text(encoding="utf-8"), call])


def as_map(image: torch.Tensor) -> str:
    return f"{{ side: {image.shape[-1]}, values: {image.flatten().tolist()} }}"


# ------------------------------------------------------------------ arithmetic


@pytest.mark.parametrize("side", [7, 28])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(1, 1, 0), (3, 2, 1), (4, 3, 5), (5, 4, 0)]
)
def test_convolution_relu_and_pooling_equal_pytorchs(
    page: Page, side: int, size: int, stride: int, padding: int
) -> None:
    torch.manual_seed(side + size)
    image, kernel = (torch.rand(1, 1, n, n, dtype=torch.float64) - 0.5 for n in (side, size))
    layer = f"{{ kernel: {kernel.flatten().tolist()}, bias: 0.1, size: {size}, stride: {stride}, "
    layer += f"padding: {padding} }}"
    output = conv2d(image, kernel, torch.tensor([0.1], dtype=torch.float64), stride, padding)
    got = run(page, f"Array.from(math.convolve({as_map(image)}, {layer}).values)")
    torch.testing.assert_close(torch.tensor(got, dtype=torch.float64), output.flatten())
    if output.shape[-1] > 1:
        pooled = max_pool2d(output.relu(), 2)
        call = f"math.maxPool(math.relu(math.convolve({as_map(image)}, {layer})))"
        got = run(page, f"Array.from({call}.values)")
        torch.testing.assert_close(torch.tensor(got, dtype=torch.float64), pooled.flatten())
    windows = conv2d(torch.ones_like(image), torch.ones_like(kernel), None, stride, padding)
    weights = torch.ones_like(kernel)
    cover = torch.autograd.functional.vjp(
        lambda x: conv2d(x, weights, None, stride, padding), image, torch.ones_like(windows)
    )[1]
    reached = torch.tensor(run(page, f"math.reached({side}, {layer})"))
    assert torch.equal(reached[:, None] & reached, cover[0, 0] > 0)


@pytest.mark.parametrize("side", [7, 14, 224])
def test_images_are_resized_as_for_the_network(page: Page, side: int) -> None:
    pixels = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    expected = torch.nn.functional.interpolate(
        pixels[None].double() / 255, size=(side, side), mode="bilinear", align_corners=False
    )
    got = run(page, f"Array.from(math.resize({as_map(pixels / 255)}, {side}).values)")
    torch.testing.assert_close(torch.tensor(got), expected.float().flatten(), atol=1e-6, rtol=0)
    if side == 224:
        torch.testing.assert_close(torch.tensor(got), to_input(pixels).flatten(), atol=1e-5, rtol=0)


# ------------------------------------------------------------------ convolution by hand


def open_convolution(page: Page, url: str, **query: object) -> Locator:
    address = "&".join(f"{name}={value}" for name, value in query.items())
    page.goto(f"{url}/Experiments?lesson=Convolution&{address}")
    lesson = page.locator(".convolution")
    expect(lesson.locator(".formula")).to_contain_text("⌊")
    settle(page)
    return lesson


def slide(lesson: Locator, name: str, value: int) -> None:
    lesson.locator(f"input.{name}").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
        value,
    )


def test_sizes_follow_the_sliders_and_stay_in_the_address(page: Page, app_url: str) -> None:
    lesson = open_convolution(page, app_url)
    expect(lesson.locator(".formula")).to_contain_text("⌊(28 + 2·0 − 3)/1⌋ + 1 = 26")
    slide(lesson, "stride", 2)
    expect(lesson.locator(".formula")).to_contain_text("= 13")
    expect(lesson.locator(".notice")).to_contain_text("55 of 784 pixels")
    slide(lesson, "padding", 1)
    expect(lesson.locator(".notice")).not_to_contain_text("in no window")
    expect(page).to_have_url(re.compile("stride=2"))
    page.reload()
    expect(lesson.locator(".formula")).to_contain_text("⌊(28 + 2·1 − 3)/2⌋ + 1 = 14")
    lesson.locator(".side").select_option("7")
    slide(lesson, "padding", 0)
    slide(lesson, "size", 11)
    expect(lesson.locator(".notice")).to_contain_text("larger than the image: 11 > 7")
    expect(lesson.locator(".results")).to_be_hidden()


def test_the_window_moves_by_click_and_key_and_fills_the_output(page: Page, app_url: str) -> None:
    lesson = open_convolution(page, app_url, side=7)
    where, play = lesson.locator(".where"), lesson.locator(".play")
    output = lesson.locator(".conv .frame")
    output.click(position={"x": 3, "y": 3})
    expect(where).to_have_text("Row 0, column 0 of 5×5")
    output.press("ArrowDown")
    expect(where).to_have_text("Row 1, column 0 of 5×5")
    lesson.locator(".first").click()
    assert shown(lesson) == 1
    lesson.locator(".next").click()
    assert shown(lesson) == 2
    lesson.locator(".rate").select_option("120")
    play.click()
    expect(where).to_have_text("Row 4, column 4 of 5×5")
    expect(play).to_have_attribute("aria-label", "Play")
    assert shown(lesson) == 25


def shown(lesson: Locator) -> int:
    """How many values of the output are filled in."""
    return lesson.locator(".conv canvas").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".filter((value, n) => n % 4 === 3 && value).length"
    )


def test_with_reduced_motion_play_shows_the_result(page: Page, app_url: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    lesson = open_convolution(page, app_url)
    lesson.locator(".first").click()
    assert shown(lesson) == 1
    lesson.locator(".play").click()
    assert shown(lesson) == 26 * 26


def test_a_weight_is_edited_and_the_sum_follows(page: Page, app_url: str) -> None:
    lesson = open_convolution(page, app_url, kernel="Identity", side=7)
    lesson.locator(".conv .frame").click(position={"x": 3, "y": 3})
    cells = lesson.locator(".kernel input")
    cells.nth(4).fill("0")
    expect(lesson.locator(".equation p").first).to_have_text(re.compile(r"= 0$"))
    expect(lesson.locator(".kernel-name")).to_have_value("Your own")
    expect(page).to_have_url(re.compile("kernel=0%2C0"))


def test_a_phone_shows_conv1_of_the_model(new_context: Any, app_url: str) -> None:
    page = new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    lesson = open_convolution(page, app_url, stride=4, side=224)
    lesson.locator(".kernel-name").select_option(convolution.CONV1)
    expect(lesson.locator(".filters button")).to_have_count(6)
    expect(lesson.locator(".formula")).to_contain_text("⌊(224 + 2·0 − 11)/4⌋ + 1 = 54")
    expect(lesson.locator(".kernel input")).to_have_count(121)
    expect(lesson.locator("input.size")).to_be_disabled()
    lesson.locator(".filters button").nth(1).tap()
    expect(lesson.locator(".filters button").nth(1)).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# ------------------------------------------------------------------ one step


def test_a_step_is_taken_phase_by_phase(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/Experiments?lesson=One+step&lr=0.01")
    taken = page.get_by_text(re.compile(r"^\d+ steps? taken"))
    expect(taken).to_contain_text("0 steps taken")
    following = page.get_by_role("button", name="Next phase")
    for phase in ("Forward", "Loss", "Backward", "Update", "Loss after"):
        expect(page.get_by_role("radio", name=phase, exact=True)).to_be_checked()
        settle(page)
        following.click()
    expect(taken).to_contain_text("1 step taken")
    expect(page.locator(".step-layers tbody tr")).to_have_count(8)
    expect(page).to_have_url(re.compile("lr=0.01"))


def test_play_goes_through_the_phases_by_itself(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app_url}/Experiments?lesson=One+step&phase=Update")
    expect(page.locator(".step-equation")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("1 step taken")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
