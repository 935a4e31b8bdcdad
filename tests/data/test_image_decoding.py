"""What a file under an image's name may hold: the formats of the reference, or a message that names the file."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from dartsl.data.readers.image_file import FORMATS, SUFFIXES, read_image
from dartsl.lang.codes.diagnostics import UserError

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(run) print\nshowpage\n%%EOF\n"


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of these sides, and no pixels but those in `chunks`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    framed = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def saved(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (8, 8), 200 if mode == "L" else (200, 100, 50)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_formats_of_the_reference_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"  # what a file holds counts
    path.write_bytes(saved(kind))
    image = read_image(path, 3)
    assert image.size == (8, 8)
    pixel = image.getpixel((4, 4))
    assert isinstance(pixel, tuple)
    assert abs(pixel[0] - 200) <= 3


def test_their_suffixes_belong_to_them() -> None:
    Image.init()
    assert {Image.EXTENSION[suffix] for suffix in SUFFIXES} == set(FORMATS)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_ghostscript_is_never_started(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started")
    )
    path = tmp_path / f"x{suffix}"
    path.write_bytes(EPS)
    with Image.open(path) as image:
        assert image.format == "EPS"  # as Pillow alone would take it
    with pytest.raises(UserError, match=f"x{suffix}: not a readable image .it holds none of BMP"):
        read_image(path, 3)


@pytest.mark.parametrize("kind", ["ICO", "PCX", "TGA", "PDF", "SGI"])
def test_other_formats_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(saved(kind))
    with pytest.raises(UserError, match="not a readable image") as caught:
        read_image(path, 3)
    assert caught.value.help


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing",
        png(8, 8),  # no pixels
        png(8, 8, (b"IDAT", b"no zlib")),
        png(20_000, 20_000, (b"IDAT", zlib.compress(b"\0"))),  # a bomb: Pillow raises an error
        png(10_000, 10_000, (b"IDAT", zlib.compress(b"\0"))),  # a smaller one: Pillow only warns
        png(8, 8, (b"zTXt", b"x\0\0" + zlib.compress(bytes(1 << 26)))),  # 64 MB of text
        b"P6\n99999999 99999999\n255\n",
        b"P6\n8 8\n255\n" + bytes(10),
        b"P5\n-8 8\n255\n",
        b"BM" + bytes(100),
        b"II*\0\x08\0\0\0\xff\xff" + bytes(40),
        b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(30),
        b"GIF89a\x08\0\x08\0\x80\0\0",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(20),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.png: not a readable image") as caught:
        read_image(path, 3)
    assert caught.value.help


@pytest.mark.parametrize("kind", FORMATS)
def test_files_cut_anywhere_or_with_flipped_bytes_never_give_a_traceback(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"
    whole = saved(kind)
    changed = [whole[:length] for length in range(0, len(whole), max(1, len(whole) // 30))]
    changed += [
        whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        for place in range(0, len(whole), max(1, len(whole) // 60))
    ]
    for content in changed:
        path.write_bytes(content)
        with suppress(UserError):  # anything else fails
            assert read_image(path, 3).mode == "RGB"
