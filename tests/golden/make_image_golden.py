#!/usr/bin/env python3
"""Makes tests/golden/data/images: small pictures and what Pillow and torchvision's rules make of them.

  .venv/bin/python tests/golden/make_image_golden.py        (Pillow 13.0.0, numpy, libturbojpeg.so.0)

For each input NAME: NAME.decoded.rgb is Image.open(NAME).convert("RGB") as bytes [height, width, 3], and NAME.SIZE.rgb the
same after Resize(SIZE, BICUBIC) and CenterCrop(SIZE), as torchvision computes their sizes. Some have squares made in other
ways, NAME.SIZE.MODE.INTERPOLATION.rgb. index.json lists the cases; "exact" says that not even one level of difference is allowed. The one case that isn't Pillow's is 16-bit grey, whose expected values
are the high bytes (Pillow clips at 255).
"""
import ctypes
import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parent / "data" / "images"
RNG = np.random.default_rng(20240131)


def picture(height, width, noise=12.0):
    """Smooth colours, a few edges and some noise, so that aliasing, ringing and clipping show."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [127 + 120 * np.sin(x / (3.0 + c) + y / (9.0 - c) + c) for c in range(3)]
    rgb = np.stack(planes, -1)
    rgb[height // 4 : height // 2, width // 3 : width // 2] = (255, 0, 255)
    rgb += RNG.normal(0, noise, rgb.shape)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def png_bytes(samples, depth, color_type, extra=b""):
    """A PNG written by hand: Pillow writes neither 16-bit colour nor broken profiles."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def ycck_jpeg(cmyk):
    """TurboJPEG stores CMYK as YCCK, which Pillow can read and not write."""
    jpeg = ctypes.CDLL("libturbojpeg.so.0")
    jpeg.tjInitCompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(jpeg.tjInitCompress())
    out, size = ctypes.c_void_p(), ctypes.c_ulong()
    height, width = cmyk.shape[:2]
    tjpf_cmyk, tjsamp_444 = 11, 0
    failed = jpeg.tjCompress2(handle, cmyk.ctypes.data_as(ctypes.c_void_p), width, 0, height, tjpf_cmyk, ctypes.byref(out),
                              ctypes.byref(size), tjsamp_444, 90, 0)
    assert not failed
    data = ctypes.string_at(out, size.value)
    jpeg.tjFree(out)
    jpeg.tjDestroy(handle)
    return data


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_tag(tiff, tag, value):
    """A little-endian TIFF with one of its short tags given another value."""
    at = tiff.index(struct.pack("<HHI", tag, 3, 1), 8) + 8
    return tiff[:at] + struct.pack("<H", value) + tiff[at + 2 :]


def frames_and_alpha(rgb):
    """Formats with frames or with alpha, and files that aren't quite as they should be."""
    rgba = rgb(24, 31)
    rgba.putalpha(Image.fromarray(picture(24, 31)[:, :, 0]))
    other = rgb(24, 31)
    yield "animated.webp", encoded(rgba, "WEBP", lossless=True, save_all=True, append_images=[other]), 16, True, None
    yield "alpha.webp", encoded(rgba, "WEBP", quality=80), 16, True, None
    yield "interlaced.gif", encoded(rgb(29, 20).quantize(16), "GIF"), 16, True, None
    animated = encoded(rgb(20, 23).quantize(64), "GIF", save_all=True, append_images=[rgb(20, 23).quantize(64)])
    yield "animated.gif", animated, 16, True, None
    frame = encoded(rgb(20, 23).quantize(64), "GIF", transparency=5)
    yield "larger_screen.gif", frame[:6] + struct.pack("<HH", 30, 25) + frame[10:], 16, True, None
    yield "alpha.tif", encoded(rgba, "TIFF"), 16, True, None
    yield "alpha_lzw.tif", encoded(rgba, "TIFF", compression="tiff_lzw"), 16, True, None
    yield "multiplied_alpha.tif", with_tag(encoded(rgba, "TIFF"), 338, 1), 16, True, None
    yield "grey_alpha.tif", encoded(rgba.convert("LA"), "TIFF"), 16, True, None
    for orientation in range(1, 9):
        for name, image in (("orientation", rgb(20, 27)), ("alpha_orientation", rgba)):
            yield f"{name}_{orientation}.tif", encoded(image, "TIFF", tiffinfo={274: orientation}), 16, True, None
    jpeg = encoded(rgb(40, 41, noise=4), "JPEG")
    yield "bytes_before_end.jpg", jpeg[:-2] + bytes(7) + jpeg[-2:], 16, False, None
    tables = jpeg.index(b"\xff\xdb")
    yield "bytes_between_headers.jpg", jpeg[:tables] + b"\x12\x34" + jpeg[tables:], 16, False, None
    yield "two_pictures.jpg", encoded(rgb(24, 31), "MPO", save_all=True, append_images=[other]), 16, False, None
    levels = RNG.integers(0, 101, (20, 23, 3)).astype(np.uint8)
    yield "hundred_levels.ppm", b"P6\n# a comment with 9\n23 20\n100\n" + levels.tobytes(), 16, True, None
    yield "seven_levels.pgm", b"P5 23 20 7\n" + (levels[:, :, 0] % 8).tobytes(), 16, True, None
    yield "no_iend.png", encoded(rgb(20, 21), "PNG")[:-12], 16, True, None


def inputs():
    """(name, bytes, size, exact, decoded or None for Pillow's) for each case."""
    rgb = lambda height, width, **options: Image.fromarray(picture(height, width, **options))
    yield "downscale.png", encoded(rgb(77, 101), "PNG"), 32, True, None
    yield "upscale.png", encoded(rgb(9, 12), "PNG"), 32, True, None
    yield "offset_2_5_down.png", encoded(rgb(48, 64), "PNG"), 16, True, None  # 21 - 16 = 5
    yield "offset_3_5_up.png", encoded(rgb(75, 51), "PNG"), 16, True, None  # 23 - 16 = 7
    yield "square_unchanged.png", encoded(rgb(24, 24), "PNG"), 24, True, None
    yield "short_side_unchanged.png", encoded(rgb(24, 41), "PNG"), 24, True, None
    yield "tall.png", encoded(rgb(107, 40), "PNG"), 24, True, None  # columns first in Pillow 13
    yield "not_quite_tall.png", encoded(rgb(80, 40), "PNG"), 24, True, None
    yield "thin.png", encoded(rgb(2, 60), "PNG"), 8, True, None
    yield "grey.png", encoded(rgb(30, 33).convert("L"), "PNG"), 16, True, None
    yield "grey_alpha.png", encoded(rgb(30, 33).convert("LA"), "PNG"), 16, True, None
    alpha = Image.fromarray(picture(33, 30)[:, :, 0])
    rgba = rgb(33, 30)
    rgba.putalpha(alpha)
    yield "alpha.png", encoded(rgba, "PNG"), 16, True, None
    palette = rgb(40, 30).quantize(16, dither=Image.Dither.NONE)
    yield "palette.png", encoded(palette, "PNG"), 16, True, None
    yield "palette_transparent.png", encoded(palette, "PNG", transparency=bytes(range(0, 160, 10))), 16, True, None
    yield "one_bit.png", encoded(rgb(30, 31).convert("1"), "PNG"), 16, True, None
    deep = RNG.integers(0, 65536, (20, 23, 3)).astype(">u2")
    yield "rgb_16_bit.png", png_bytes(deep, 16, 2), 16, True, None
    grey = deep[:, :, 0]
    high = np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, 2)
    yield "grey_16_bit.png", png_bytes(grey, 16, 0), 16, True, high
    gamma = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 20000)
    gamma += struct.pack(">I", zlib.crc32(gamma[4:]))
    yield "gamma_ignored.png", png_bytes(picture(20, 20), 8, 2, gamma), 16, True, None
    yield "colour.jpg", encoded(rgb(60, 83, noise=4), "JPEG", quality=85), 32, False, None
    yield "progressive.jpg", encoded(rgb(41, 37, noise=4), "JPEG", quality=85, progressive=True), 16, False, None
    yield "grey.jpg", encoded(rgb(40, 41, noise=4).convert("L"), "JPEG"), 16, False, None
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "exif_rotated.jpg", encoded(rgb(30, 44, noise=4), "JPEG", exif=exif), 16, False, None
    yield "exif_rotated.png", encoded(rgb(30, 44), "PNG", exif=exif), 16, True, None
    cmyk = np.concatenate([picture(32, 35, noise=4), picture(32, 35, noise=4)[:, :, :1] // 2], 2)
    yield "cmyk.jpg", encoded(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=90), 16, False, None
    yield "ycck.jpg", ycck_jpeg(np.ascontiguousarray(255 - cmyk)), 16, False, None
    yield "colour.bmp", encoded(rgb(20, 21), "BMP"), 16, True, None
    yield "lossless.webp", encoded(rgb(20, 21), "WEBP", lossless=True), 16, True, None
    yield from frames_and_alpha(rgb)
    yield "strip.png", encoded(rgb(301, 1), "PNG"), 7, True, None
    yield "wide_strip.png", encoded(rgb(3, 257), "PNG"), 19, True, None


# Inputs and the sizes of squares that are made of them in every way.
SQUARES = {"downscale.png": (32, 33), "upscale.png": (31,), "short_side_unchanged.png": (24,), "tall.png": (23,),
           "not_quite_tall.png": (24,), "thin.png": (8,), "square_unchanged.png": (24, 17), "strip.png": (7,), "wide_strip.png": (19,)}
FILL_COLOR = 200


def resize_and_crop(image, size, interpolation=Image.Resampling.BICUBIC):
    """torchvision's Resize(size, interpolation) and CenterCrop(size)."""
    short, long = sorted(image.size)
    new_long = int(size * long / short)
    width, height = (size, new_long) if image.width <= image.height else (new_long, size)
    if image.size != (width, height):
        image = image.resize((width, height), interpolation)
    top, left = int(round((height - size) / 2.0)), int(round((width - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def squash(image, size, interpolation):
    return image.resize((size, size), interpolation)


def resize_and_pad(image, size, interpolation):
    """open_clip's ResizeKeepRatio(size, longest=1) and CenterCropOrPad(size); it fails where a side would round to 0."""
    ratio = max(image.size) / size
    resized = image.resize([max(1, round(side / ratio)) for side in image.size], interpolation)
    square = Image.new("RGB", (size, size), (FILL_COLOR,) * 3)
    square.paste(resized, ((size - resized.width) // 2, (size - resized.height) // 2))
    return square


def write_squares(name, image):
    """Writes a picture's squares; the rows that list them."""
    modes = {"shortest": resize_and_crop, "squash": squash, "longest": resize_and_pad}
    rows = []
    for size in SQUARES.get(name, ()):
        for mode, make in modes.items():
            for interpolation in ("bicubic", "bilinear"):
                file = f"{name}.{size}.{mode}.{interpolation}.rgb"
                (OUT / file).write_bytes(make(image, size, Image.Resampling[interpolation.upper()]).tobytes())
                rows.append({"file": file, "preprocess": {"size": size, "resize_mode": mode, "interpolation": interpolation,
                                                          "fill_color": FILL_COLOR}})
    return rows


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    index = []
    for name, data, size, exact, decoded in inputs():
        (OUT / name).write_bytes(data)
        image = Image.fromarray(decoded) if decoded is not None else Image.open(io.BytesIO(data)).convert("RGB")
        (OUT / f"{name}.decoded.rgb").write_bytes(image.tobytes())
        (OUT / f"{name}.{size}.rgb").write_bytes(resize_and_crop(image, size).tobytes())
        index.append({"file": name, "height": image.height, "width": image.width, "size": size, "exact": exact,
                      "squares": write_squares(name, image)})
    (OUT / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
