"""File types and size limit of uploaded images."""

from __future__ import annotations

from streamlit.runtime.uploaded_file_manager import UploadedFile

from alexnet_demo.images.decode import SUFFIXES

IMAGE_TYPES = [suffix.removeprefix(".") for suffix in SUFFIXES]
MAX_FILE_MB = 20


def is_too_large(file: UploadedFile) -> bool:
    """Whether a file exceeds `MAX_FILE_MB`, which only the browser has checked so far."""
    return file.size > MAX_FILE_MB * 2**20
