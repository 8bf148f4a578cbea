"""Numbers as people say them. Imports no torch."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Such as ``45 s``, ``2 min 05 s`` or ``7 h 24 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def memory(size: float) -> str:
    """Bytes, such as ``850 MB`` or ``1.6 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def percent(share: float, digits: int = 1) -> str:
    """A share of 1, such as ``90.5 %``."""
    return f"{100 * share:.{digits}f} %"


def whole_percent(share: float) -> str:
    """A share of 1, such as ``90 %``; ``> 99 %`` for what only rounding would make 100."""
    return "> 99 %" if 0.99 < share < 1 else percent(share, 0)
