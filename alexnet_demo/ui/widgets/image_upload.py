"""Uploaded images: their formats, in words, and their size limit.

Uploaders admit all files, so that a file that is no image is named with what to do: see
`images.file_types`.
"""

from __future__ import annotations

from streamlit.runtime.uploaded_file_manager import UploadedFile

FORMATS_NOTE = (
    "PNG, JPEG, WebP, GIF, BMP, TIFF, and AVIF files. HEIC, the photos of iPhones, where the "
    "server has pillow-heif."
)
MAX_FILE_MB = 20


def is_too_large(file: UploadedFile) -> bool:
    """Whether a file exceeds `MAX_FILE_MB`, which only the browser has checked so far."""
    return file.size > MAX_FILE_MB * 2**20
