"""What the tests of the program share: running it, and a tiny CLIP in plain PyTorch, written independently of clipq."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

CLIPQ = os.environ["CLIPQ"]
CACHE = tempfile.TemporaryDirectory()  # no test may find features that another run left
os.environ["XDG_CACHE_HOME"] = CACHE.name
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
MERGES = "#version: test\nr e\nre d</w>\nb l\nbl u\nblu e</w>\n"
VOCABULARY = 512 + 5 + 2
CONTEXT = 16


def clipq(*arguments, **options):
    """Runs clipq; returns the finished process with its text."""
    return subprocess.run([CLIPQ, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False, **options)


class Attention(nn.Module):
    """nn.MultiheadAttention's parameters with attention spelt out."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.randn(3 * width) * 0.1)
        self.out_proj = nn.Linear(width, width)
        self.heads, self.causal = heads, causal

    def forward(self, x):
        n, l, w = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (t.reshape(n, l, self.heads, w // self.heads).transpose(1, 2) for t in (q, k, v))
        scores = q @ k.transpose(-1, -2) * (w // self.heads) ** -0.5
        if self.causal:
            scores = scores + torch.full((l, l), float("-inf"), dtype=x.dtype).triu(1)
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, l, w))


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads, causal, activation):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, causal)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("act", activation())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Stack(nn.Module):
    def __init__(self, width, layers, causal, activation):
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(width, max(1, width // 64), causal, activation) for _ in range(layers)])

    def forward(self, x):
        return self.resblocks(x)


class Visual(nn.Module):
    def __init__(self, size, patch, width, layers, embed, activation):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn((size // patch) ** 2 + 1, width) * 0.3)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Stack(width, layers, False, activation)
        self.proj = nn.Parameter(torch.randn(width, embed) * width**-0.5)

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class TinyClip(nn.Module):
    def __init__(self, size=32, patch=8, width=128, layers=2, embed=48, activation=QuickGelu, text_width=64):
        super().__init__()
        self.visual = Visual(size, patch, width, layers, embed, activation)
        self.transformer = Stack(text_width, layers, True, activation)
        self.token_embedding = nn.Embedding(VOCABULARY, text_width)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, text_width) * 0.3)
        self.ln_final = nn.LayerNorm(text_width)
        self.text_projection = nn.Parameter(torch.randn(text_width, embed) * text_width**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        for tower in (self.visual.transformer, self.transformer):
            for block in tower.resblocks:  # a strong MLP, so that the GELUs can be told apart
                block.mlp.c_fc.weight.data.mul_(1.5)
                block.mlp.c_proj.weight.data.mul_(4)
                block.attn.out_proj.weight.data.mul_(0.3)

    def encode_image(self, image):
        return self.visual(image)

    def encode_text(self, text):
        x = self.transformer(self.token_embedding(text) + self.positional_embedding)
        return self.ln_final(x)[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

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
    inputs = {"forward": (pixels(2, size), tokens(2)), "encode_image": (pixels(2, size),), "encode_text": (tokens(2),)}
    with torch.no_grad():
        torch.jit.save(torch.jit.trace_module(model, inputs, check_trace=False), str(path), _extra_files=files)


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
