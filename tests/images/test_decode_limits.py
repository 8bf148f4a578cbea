"""Malicious image files: refused, or prepared within bounds of memory and time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.decode import open_image
from alexnet_demo.images.decode_limits import (
    LimitedReader,
    UnusualFileError,
    check_size,
    strip_jpeg_metadata,
)
from alexnet_demo.images.prepare import prepare
from alexnet_demo.settings.paths import ROOT
from tests.support import hostile
from tests.support.hostile import BOMBS, chunk, encode, garment, png
from tests.support.waiting import PATIENCE

REFUSED = {
    "PNG of 30,000 × 30,000": (ImageError, "50 million"),
    "PNG, one column of 50 million": (ImageError, "65,535"),
    "JPEG with a million segments": (UnusualFileError, None),
    "JPEG with ten thousand scans": (UnusualFileError, None),
    "TIFF of a million strips": (UnusualFileError, None),
    "TIFF of a huge tile": (ImageError, "damaged"),
    "BMP of 50 million pixels, nothing behind": (ImageError, "damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_excessive_demands_are_refused(name: str) -> None:
    error, fact = REFUSED[name]
    with pytest.raises(error, match=fact):
        open_image(BOMBS[name]())


@pytest.mark.parametrize("extra", [chunk(b"teSt") * 150_000, chunk(b"IDAT") * 400_000])
def test_a_png_of_endless_chunks_is_refused(extra: bytes) -> None:
    with pytest.raises(UnusualFileError):
        open_image(png(40, 40, extra=extra))


@pytest.mark.parametrize(
    ("kind", "pixels", "progressive"),
    [
        ("WEBP", 16_000_000, False),
        ("AVIF", 16_000_000, False),
        ("TIFF", 20_000_000, False),
        ("HEIF", 25_000_000, False),
        ("JPEG", 30_000_000, True),
    ],
)
def test_formats_that_take_more_memory_may_have_fewer_pixels(
    kind: str, pixels: int, progressive: bool
) -> None:
    image = Image.new("RGB", (1, 1))
    image.format = kind
    image.info = {"progressive": 1} if progressive else {}
    image._size = (pixels // 1_000, 1_000)
    check_size(image)
    image._size = (pixels // 1_000 + 1, 1_000)
    with pytest.raises(ImageError, match=f"{pixels // 10**6} million"):
        check_size(image)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_metadata_has_the_same_pixels(mode: str, options: dict) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a shirt"
    whole = encode(
        garment(mode=mode), "JPEG", exif=exif, icc_profile=bytes(70_000), comment="x", **options
    )
    bare, tags = strip_jpeg_metadata(whole + b"what phones append \xff\xd8\xff\xda")
    assert len(bare) < len(whole) - 70_000 and tags.startswith(b"Exif")
    images = [np.asarray(Image.open(LimitedReader(data))) for data in (whole, bare)]
    assert (images[0] == images[1]).all()


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_damaged_metadata_neither_rotates_nor_refuses_an_image() -> None:
    """An EXIF whose entries all claim the same 60 kB, one of noise, and none at all."""
    for exif in (hostile.ifd_bomb(5_000, 60_000), b"\xff" * 500, b""):
        for data in (hostile.exif_jpeg(exif), png(40, 40, extra=chunk(b"eXIf", exif))):
            assert open_image(data).size in ((300, 200), (40, 40))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_only_the_first_of_many_frames_is_read(kind: str) -> None:
    shades = [Image.new("L", (40, 30), shade) for shade in (200, 90, 20)]
    data = encode(shades[0], kind, save_all=True, append_images=shades[1:])
    assert abs(int(np.asarray(open_image(data).convert("L"))[5, 5]) - 200) < 3


@pytest.mark.parametrize("data", [encode(garment(), "JPEG") + b"<script>PK\x03\x04", b"GIF89a/*"])
def test_polyglots_are_read_as_images_or_not_at_all(data: bytes) -> None:
    try:
        assert open_image(data).mode == "RGB"
    except ImageError as error:
        assert "damaged or of a kind" in str(error)


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (2, 600)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1", "F", "I", "CMYK"])
def test_extreme_shapes_are_prepared_or_refused(size: tuple[int, int], mode: str) -> None:
    image = garment(size, mode)
    assert max(open_image(encode(image, "TIFF")).size) == min(512, max(size))
    try:
        assert prepare(image).views
    except ImageError as error:
        assert "shows no" in str(error)


def test_floats_may_span_their_whole_range() -> None:
    image = Image.fromarray(np.array([[-3e38, 3e38], [np.inf, np.nan]], np.float32))
    levels = np.asarray(open_image(encode(image, "TIFF")))[..., 0]
    assert levels.tolist() == [[0, 255], [128, 128]]


def test_converting_in_strips_equals_converting_at_once() -> None:
    """Also where transparent pixels have colors."""
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 256, (21, 15, 4), np.uint8), np.ones((143, 141, 1), np.uint8))
    for mode in ("RGBA", "RGB", "L"):
        image = Image.fromarray(pixels).convert(mode)
        # Premultiplied, since Pillow before 13 reduces no other image with transparency in steps
        expected = image.convert("RGBa" if mode == "RGBA" else "RGB")
        expected.thumbnail((512, 512), reducing_gap=2.0)
        expected = expected.convert("RGBA" if mode == "RGBA" else "RGB")
        opened = open_image(encode(image, "PNG"))
        assert opened.size == expected.size and opened.mode == expected.mode
        assert np.abs(np.asarray(opened, int) - np.asarray(expected, int)).max() <= 1


def test_malicious_uploads_do_not_affect_others() -> None:
    bad = [BOMBS["PNG of 30,000 × 30,000"](), BOMBS["JPEG with ten thousand scans"](), b"", b"x"]
    good = encode(garment(), "JPEG")
    expected = np.asarray(open_image(good))

    def pixels(data: bytes) -> np.ndarray | None:
        try:
            return np.asarray(open_image(data))
        except ImageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(pixels, [*bad, good] * 10))
    for position, result in enumerate(results):
        assert (result is None) == (position % 5 < 4)
        assert result is None or (result == expected).all()


MEASURE = """
import re, sys, time, warnings
from pathlib import Path
from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.decode import open_image

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

warnings.simplefilter("ignore")
for warm in Path(sys.argv[1]).glob("warm.*"):  # decoders load on first use
    open_image(warm.read_bytes())
data = Path(sys.argv[2]).read_bytes()
before, begin = peak(), time.process_time()
try:
    result = f"{open_image(data).size}"
except ImageError as error:
    result = str(error)
print(f"{time.process_time() - begin:.2f}|{(peak() - before) / 1e6:.0f}|{result}")
"""
MAX_SECONDS, MAX_MEGABYTES = 2.0, 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        (folder / f"warm.{kind}").write_bytes(encode(garment(), kind))
    return folder


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak is read from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_memory_and_time_are_bounded(name: str, folder: Path) -> None:
    """Each file in a process of its own, in processor time."""
    file = folder / "case"
    file.write_bytes(BOMBS[name]())
    command = [sys.executable, "-c", MEASURE, str(folder), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    seconds, megabytes, result = done.stdout.strip().split("|")
    size = file.stat().st_size / 1e6
    print(f"| {name} | {size:.2f} MB | {seconds} s | {megabytes} MB | {result}")
    assert float(seconds) < MAX_SECONDS and int(megabytes) < MAX_MEGABYTES
