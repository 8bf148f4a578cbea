"""The project's exceptions, here so that no handler has to import torch for a name.

Every message is one sentence for the user: what is wrong, and where possible how to fix it.
"""

OUT_OF_MEMORY = "This needs more memory than there is."
_NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "failed to map segment",  # of a library, when it is loaded
    "can't start new thread",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, PyTorch, or a library's loading means that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in text for phrase in _NO_MEMORY)


def explain_import(error: BaseException) -> str:
    """One sentence about a library that could not be loaded."""
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    reason = str(error).strip().partition("\n")[0]
    return f"A library cannot be loaded ({reason}). Try `pip install -r requirements.txt`."


class ConfigError(ValueError):
    """A setting or argument cannot be used."""


class CheckpointError(ValueError):
    """A file cannot be used as a checkpoint."""


class ImageError(ValueError):
    """An image or drawing cannot be used."""


class AccessError(ValueError):
    """The role does not permit this, or the password is wrong."""


class DataError(RuntimeError):
    """The dataset cannot be read."""


class TrainError(RuntimeError):
    """Training cannot continue."""


class BusyError(RuntimeError):
    """Too many requests are waiting."""


class OnnxError(RuntimeError):
    """An ONNX model cannot be made or loaded, or its predictions differ from PyTorch's."""
