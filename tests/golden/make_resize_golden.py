"""Writes data/resizes.json: Pillow's resize of pictures of noise, many sizes, as digests. Needs Pillow 13.

    .venv/bin/python tests/golden/make_resize_golden.py
"""
import hashlib
import itertools
import json
import pathlib

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).parent / "data" / "resizes.json"
HEIGHTS = ((1, 1), (2, 9), (7, 3), (16, 16), (33, 8), (100, 41))  # before and after
WIDTHS = ((1, 5), (3, 1), (5, 5), (17, 4), (64, 21), (130, 129), (200, 23))


def noise(height, width):
    """Bytes of a linear congruential generator, which tests have, too."""
    state, values = height * 65537 + width, np.empty(height * width * 3, np.uint8)
    for i in range(values.size):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = state >> 24
    return Image.fromarray(values.reshape(height, width, 3))


def main():
    rows = []
    for (height, new_height), (width, new_width) in itertools.product(HEIGHTS, WIDTHS):
        picture = noise(height, width)
        for interpolation in ("bicubic", "bilinear"):
            resized = picture.resize((new_width, new_height), Image.Resampling[interpolation.upper()])
            corner = resized.crop((new_width // 2, new_height // 2, new_width, new_height))
            rows.append({"from": [height, width], "to": [new_height, new_width], "interpolation": interpolation,
                         "sha256": hashlib.sha256(resized.tobytes()).hexdigest(),
                         "corner_sha256": hashlib.sha256(corner.tobytes()).hexdigest()})
    OUT.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
