"""The project's exceptions, here so that no handler has to import torch for a name.

Every message is one sentence for the user: what is wrong, and where possible how to fix it.
"""


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
    """The ONNX export failed, or its predictions differ from PyTorch's."""
