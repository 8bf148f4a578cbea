"""Drawings in SVG: to look at, and to save as SVG or PNG."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui.components.component import asset


def frontend(module: str, name: str) -> tuple[str, str]:
    """Style and script of a component that can save what it draws.

    Args:
        module: the ``__file__`` of the module beside which they lie.
        name: of the two files, without their endings.
    """
    style, script = (
        f"{asset(__file__, f'files.{ending}')}\n{asset(module, f'{name}.{ending}')}"
        for ending in ("css", "js")
    )
    return style, script


_css, _js = frontend(__file__, "drawing")
_mount = st.components.v2.component(
    "alexnet_demo.drawing",
    html='<div class="drawing"></div><div class="files"></div>',
    css=_css,
    js=_js,
)


def drawing(svg: str, name: str, key: str) -> None:
    """Show a drawing of `alexnet_demo.diagrams`, and two buttons that save it.

    Args:
        name: of the file that is saved, without its ending.
        key: unique on the page.
    """
    _mount(data={"svg": svg, "name": name}, key=key)
