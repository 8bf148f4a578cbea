"""SVG images, with buttons that save them as SVG or PNG."""

from __future__ import annotations

from alexnet_demo.ui.components.component import register

_mount = register("drawing", __file__)


def drawing(svg: str, name: str, key: str) -> None:
    """Show an image of `figures.architecture_svg`, and two buttons that save it.

    Args:
        name: of the saved file, without its suffix.
        key: unique on the page.
    """
    _mount(data={"svg": svg, "name": name}, key=key)
