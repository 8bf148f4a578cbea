"""The dataset's download on a disk that fills up."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from alexnet_demo.common.errors import DataError
from alexnet_demo.data import splits
from alexnet_demo.settings import paths
from tests.support.disks import mounted, remount


class Handler(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *_: object) -> None: ...


def test_a_full_disk_is_reported_and_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    published = paths.DATA_DIR / "FashionMNIST" / "raw"
    mirror = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(published)))
    Thread(target=mirror.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{mirror.server_port}/"
    monkeypatch.setattr(splits.FashionMNIST, "mirrors", [address])
    folder = tmp_path / "data"
    folder.mkdir()
    with mounted(folder, "size=8m"):
        with pytest.raises(DataError, match="train-images"):
            splits.load_split(train=True, root=folder)
        remount(folder, "size=128m")
        assert len(splits.load_split(train=True, root=folder)) == 60_000
    mirror.shutdown()
