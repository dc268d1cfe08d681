"""What the tests of the program share: running it, and a tiny CLIP in plain PyTorch."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from clip_torch import Clip, QuickGelu, Sizes, trace

CLIPQ = os.environ["CLIPQ"]
CACHE = tempfile.TemporaryDirectory()  # no test may find features that another run left
os.environ["XDG_CACHE_HOME"] = CACHE.name
os.environ["CLIPQ_PYTHON"] = sys.executable  # which has onnxruntime
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
MERGES = "#version: test\nr e\nre d</w>\nb l\nbl u\nblu e</w>\n"
VOCABULARY = 512 + 5 + 2
CONTEXT = 16


def clipq(*arguments, **options):
    """Runs clipq; returns the finished process with its text."""
    options = {"timeout": 600} | options
    return subprocess.run([CLIPQ, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


class TinyClip(Clip):
    """Small, with weights that make every part of it count."""

    def __init__(self, size=32, patch=8, width=128, layers=2, embed=48, activation=QuickGelu, text_width=64):
        super().__init__(Sizes(size, patch, width, layers, text_width, layers, embed, CONTEXT, VOCABULARY), activation)
        nn.init.normal_(self.visual.class_embedding)
        nn.init.normal_(self.token_embedding.weight)
        nn.init.constant_(self.logit_scale, 2.66)
        for tower in (self.visual, self):
            nn.init.normal_(tower.positional_embedding, std=0.3)
            for block in tower.transformer.resblocks:  # a strong MLP, so that the GELUs can be told apart
                nn.init.normal_(block.attn.in_proj_bias, std=0.1)
                block.mlp.c_fc.weight.data.mul_(1.5)
                block.mlp.c_proj.weight.data.mul_(4)
                block.attn.out_proj.weight.data.mul_(0.3)

    def forward(self, image, text):
        return self.encode_image(image) @ self.encode_text(text).t()


def pixels(count=3, size=32, seed=5):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def tokens(count=3, seed=6):
    ids = torch.randint(1, VOCABULARY - 2, (count, CONTEXT), generator=torch.Generator().manual_seed(seed))
    for i, row in enumerate(ids):
        row[0], row[4 + i], row[5 + i :] = VOCABULARY - 2, VOCABULARY - 1, 0
    return ids


def export(model, path, extra=None):
    """Traces the three methods and saves the archive with the test vocabulary in it."""
    files = {"bpe_vocab": MERGES}
    files.update(extra or {})
    model = model.eval()
    size = model.visual.conv1.kernel_size[0] * round((model.visual.positional_embedding.shape[0] - 1) ** 0.5)
    torch.jit.save(trace(model, pixels(2, size), tokens(2)), str(path), _extra_files=files)


def tiny_clip(seed=0, **options):
    torch.manual_seed(seed)
    return TinyClip(**options)


def worst_cosine(a, b):
    return F.cosine_similarity(torch.as_tensor(a).double(), torch.as_tensor(b).double(), dim=-1).min().item()


def write_cifar(folder, labels=range(40), seed=3, name="test.bin"):
    """CIFAR-100's binary layout with random pictures and 100 class names."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    records = [bytes([0, label]) + generator.integers(0, 256, 3072, np.uint8).tobytes() for label in labels]
    (folder / name).write_bytes(b"".join(records))
    (folder / "fine_label_names.txt").write_text("".join(f"class_{i}\n" for i in range(100)))
    (folder / "coarse_label_names.txt").write_text("".join(f"coarse_{i}\n" for i in range(20)))
    return folder


def write_coco(folder, count=6, seed=4):
    """Pictures and a captions file in COCO's layout, two captions an image."""
    from PIL import Image  # only where pictures are needed

    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    images, annotations = [], []
    for i in range(count):
        picture = Image.fromarray(generator.integers(0, 256, (40, 50, 3), np.uint8))
        picture.save(folder / f"{i:012d}.jpg")
        images.append({"id": i, "file_name": f"{i:012d}.jpg", "height": 40, "width": 50})
        for j, words in enumerate(("a red thing", "something blue on red")):
            annotations.append({"id": 10 * i + j, "image_id": i, "caption": f"{words} {i}"})
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder


class CliTest(unittest.TestCase):
    """A test case with a temporary folder and assertions about clipq runs."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def ok(self, *arguments, **options):
        process = clipq(*arguments, **options)
        self.assertEqual(process.returncode, 0, process.stderr)
        return process.stdout

    def fails(self, code, message, *arguments, **options):
        process = clipq(*arguments, **options)
        self.assertEqual(process.returncode, code, process.stdout + process.stderr)
        self.assertRegex(process.stderr, message)
        self.assertNotRegex(process.stderr, "(Exception raised from|frame #|internal error)")
        return process

    def checkpoint(self, name="tiny.pt", **options):
        extra = options.pop("extra", None)
        path = self.folder / name
        model = tiny_clip(**options)
        export(model, path, extra)
        return path, model

    def calibration(self, count=6):
        """Options of `quantize` for a data set of drawn pictures with captions."""
        coco = self.folder / "coco"
        if not coco.exists():
            write_coco(coco, count)
        return ["--calib-data", f"coco:{coco}", "--calib-captions", coco / "captions.json"]
