#!/usr/bin/env python3
"""Trains demo/clip-demo.pt, the tiny CLIP that `clipq demo` quantizes, on data that clipq draws itself.

  .venv/bin/python scripts/train_demo.py                         (torch 2.13, numpy, pillow, regex; CPU, two threads)
  .venv/bin/python scripts/train_demo.py --data DIR --held-out DIR     data drawn before

The archive is TorchScript with OpenAI's parameter names and forward(image, text), encode_image, encode_text. Its extra files
are bpe_vocab (the merges of its own small tokenizer, in the layout of OpenAI's bpe_simple_vocab_16e6.txt) and
clipq_checkpoint.json (activation and preprocessing, which a state dict doesn't tell). Nothing is written unless zero-shot
top-1 on held-out pictures is at least 90 %.
"""
import argparse
import collections
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
import regex
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
SIZE, PATCH, CONTEXT, EMBED = 32, 4, 32, 64
VISION_WIDTH, VISION_LAYERS, TEXT_WIDTH, TEXT_LAYERS, HEAD_WIDTH = 128, 4, 64, 2, 64
TRAIN_SEED, HELD_OUT_SEED = 1000, 1
LEAST_TOP1 = 0.90

# Ways to speak of one shape, besides the templates that the drawer writes.
WORDINGS = (
    "a {size} {color} {shape} on a background", "the {size} {color} {shape}", "there is a {size} {color} {shape} in the picture",
    "a {size} {shape} that is {color}", "one {size} {color} {shape} and nothing else", "a {color} {shape}, {size} in size",
    "a {shape} painted {color}, and it is {size}", "{size} {color} {shape}", "a dark background with a {size} {color} {shape} on it",
)
OTHER_SIZES = {"large": "big", "small": "little"}


# ---------------------------------------------------------------- tokenizer


def byte_symbols():
    """The printable stand-ins of the 256 bytes, in the order of OpenAI's vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + n) for n, b in enumerate(others)}


SYMBOLS = byte_symbols()
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE)


def spelled(word):
    symbols = [SYMBOLS[b] for b in word.encode("utf-8")]
    return (*symbols[:-1], symbols[-1] + "</w>")


def merged(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if symbols[i : i + 2] == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return tuple(out)


def learn_merges(texts):
    """Merges, most frequent pair first, until every word of the texts is one token."""
    counts = collections.Counter(word for text in texts for word in WORDS.findall(text.lower()))
    words = {word: spelled(word) for word in counts}
    merges = []
    while True:
        pairs = collections.Counter()
        for word, symbols in words.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += counts[word]
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {word: merged(symbols, best) for word, symbols in words.items()}


class Tokenizer:
    def __init__(self, merges):
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        vocabulary = [*SYMBOLS.values(), *(s + "</w>" for s in SYMBOLS.values()), *("".join(pair) for pair in merges)]
        self.ids = {token: i for i, token in enumerate(vocabulary)}
        assert len(self.ids) == len(vocabulary), "two merges make the same token"
        self.start, self.end, self.size = len(vocabulary), len(vocabulary) + 1, len(vocabulary) + 2
        self.cache = {}

    def word(self, word):
        if word not in self.cache:
            symbols = spelled(word)
            while len(symbols) > 1:
                best = min(zip(symbols, symbols[1:]), key=lambda pair: self.ranks.get(pair, math.inf))
                if best not in self.ranks:
                    break
                symbols = merged(symbols, best)
            self.cache[word] = [self.ids[s] for s in symbols]
        return self.cache[word]

    def __call__(self, texts):
        out = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
        for row, text in zip(out, texts):
            ids = [self.start, *(i for word in WORDS.findall(text.lower()) for i in self.word(word))][: CONTEXT - 1]
            row[: len(ids) + 1] = torch.tensor([*ids, self.end])
        return out


# ---------------------------------------------------------------- model


class Attention(nn.Module):
    def __init__(self, width, causal):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.causal = causal

    def forward(self, x):
        batch, length, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = (part.view(batch, length, -1, HEAD_WIDTH).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        hidden = self.c_fc(x)
        return self.c_proj(hidden * torch.sigmoid(1.702 * hidden))


class Block(nn.Module):
    def __init__(self, width, causal):
        super().__init__()
        self.attn, self.mlp = Attention(width, causal), Mlp(width)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, causal):
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width, causal) for _ in range(layers)))

    def forward(self, x):
        return self.resblocks(x)


def grid_waves(side, width):
    """Sines and cosines of both coordinates of a grid, [side * side, width]: a start from which neighbours are easy to find."""
    angles = torch.arange(side).float()[:, None] * torch.pi * 0.5 ** (torch.arange(width // 4) * 4.0 / (width // 4))
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = axis[:, None].expand(-1, side, -1), axis[None].expand(side, -1, -1)
    return torch.cat([rows, columns], -1).reshape(side * side, width)


class VisionTower(nn.Module):
    def __init__(self):
        super().__init__()
        width = VISION_WIDTH
        self.conv1 = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positional_embedding = nn.Parameter(torch.cat([torch.zeros(1, width), 0.5 * grid_waves(SIZE // PATCH, width)]))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, VISION_LAYERS, causal=False)
        self.proj = nn.Parameter(torch.randn(width, EMBED) * width**-0.5)

    def forward(self, image):
        patches = self.conv1(image).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(image.shape[0], 1, -1)
        x = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        return self.ln_post(self.transformer(x)[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.visual = VisionTower()
        self.token_embedding = nn.Embedding(vocabulary, TEXT_WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, TEXT_WIDTH) * 0.01)
        self.transformer = Transformer(TEXT_WIDTH, TEXT_LAYERS, causal=True)
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_projection = nn.Parameter(torch.randn(TEXT_WIDTH, EMBED) * TEXT_WIDTH**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def encode_image(self, image):
        return self.visual(image)

    def encode_text(self, text):
        x = self.token_embedding(text) + self.positional_embedding[: text.shape[1]]
        x = self.ln_final(self.transformer(x))
        return x[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

    def forward(self, image, text):
        image, text = F.normalize(self.encode_image(image), dim=-1), F.normalize(self.encode_text(text), dim=-1)
        logits = self.logit_scale.exp() * image @ text.t()
        return logits, logits.t()


# ---------------------------------------------------------------- data


def draw(clipq, folder, seed, images_per_class):
    command = [clipq, "demo", "--draw-only", "-o", folder, "--seed", seed, "--images-per-class", images_per_class]
    subprocess.run([str(part) for part in command], check=True)
    return folder


def resized(file):
    """The picture's centre at the model's size: torchvision's Resize and CenterCrop."""
    image = Image.open(file).convert("RGB")
    width, height = (max(SIZE, int(SIZE * side / min(image.size))) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - SIZE) / 2.0), round((height - SIZE) / 2.0)
    return np.asarray(image.crop((left, top, left + SIZE, top + SIZE))).transpose(2, 0, 1)


def read_singles(folder):
    """(uint8 images [n, 3, 32, 32], labels) of both layouts that have classes."""
    records = np.fromfile(folder / "cifar-100-binary" / "test.bin", np.uint8).reshape(-1, 2 + 3 * SIZE * SIZE)
    images, labels = [records[:, 2:].reshape(-1, 3, SIZE, SIZE)], [records[:, 1]]
    for label, sub in enumerate(sorted((folder / "imagefolder" / "val").iterdir())):
        files = sorted(sub.iterdir())
        images.append(np.stack([resized(file) for file in files]))
        labels.append(np.full(len(files), label))
    return torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(labels).astype(np.int64))


def read_captioned(folder):
    """(uint8 images [n, 3, 32, 32], a list of captions for each)."""
    content = json.loads((folder / "coco" / "captions.json").read_text())
    captions = collections.defaultdict(list)
    for annotation in content["annotations"]:
        captions[annotation["image_id"]].append(annotation["caption"])
    images = [resized(folder / "coco" / "val" / image["file_name"]) for image in content["images"]]
    return torch.from_numpy(np.stack(images)), [captions[image["id"]] for image in content["images"]]


def normalized(images):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (images.float() / 255 - mean) / std


class Words:
    """The class names, the prompt templates, and sentences about a class for training."""

    def __init__(self, folder):
        self.names = json.loads((folder / "classnames.json").read_text())
        self.templates = json.loads((folder / "templates.json").read_text())

    def sentences(self, label):
        size, color, shape = self.names[label].split()
        said = [template.replace("{c}", self.names[label]) for template in self.templates]
        for word in (size, OTHER_SIZES[size]):
            said += [wording.format(size=word, color=color, shape=shape) for wording in WORDINGS]
        return said


# ---------------------------------------------------------------- training


class AttributeHeads(nn.Module):
    """Size, colour and shape guessed from the image tower's last norm. They only help the tower to see shapes early, and are
    not part of the checkpoint."""

    def __init__(self, tower, names):
        super().__init__()
        words = [name.split() for name in names]
        values = [sorted({word[i] for word in words}) for i in range(3)]
        self.targets = torch.tensor([[values[i].index(word[i]) for i in range(3)] for word in words])
        self.sizes = [len(each) for each in values]
        self.guess = nn.Linear(VISION_WIDTH, sum(self.sizes))
        tower.ln_post.register_forward_hook(self.keep)

    def keep(self, module, inputs, output):
        self.features = output

    def loss(self, labels):
        guesses = self.guess(self.features).split(self.sizes, dim=1)
        return sum(F.cross_entropy(guess, target) for guess, target in zip(guesses, self.targets[labels].t()))


def shifted(images, rng):
    """Pictures moved by up to one pixel each way."""
    dy, dx = rng.randint(0, 2), rng.randint(0, 2)
    return F.pad(images, (1, 1, 1, 1), mode="replicate")[:, :, dy : dy + SIZE, dx : dx + SIZE]


def train(model, tokenizer, words, singles, options, evaluate):
    """Each picture against one sentence of every class: CLIP's loss with all classes as negatives."""
    images, labels = singles
    rng, order = random.Random(options.seed), torch.Generator().manual_seed(options.seed)
    sentences = [tokenizer(words.sentences(label)) for label in range(len(words.names))]
    heads = AttributeHeads(model.visual, words.names)
    parameters = [*model.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW([{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.05},
                                   {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}],
                                  options.lr, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=options.steps, pct_start=0.08,
                                                   cycle_momentum=False)
    start = time.time()
    for step in range(1, options.steps + 1):
        chosen = torch.randint(len(images), (options.batch,), generator=order)
        tokens = torch.stack([rng.choice(each) for each in sentences])
        tokens = tokens[:, : int(tokens.argmax(1).max()) + 1]
        logits, _ = model(shifted(normalized(images[chosen]), rng), tokens)
        loss = F.cross_entropy(logits, labels[chosen]) + heads.loss(labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        if step % 200 == 0:
            print(f"step {step}/{options.steps}: loss {loss.item():.3f}, top-1 {evaluate():.4f}, {time.time() - start:.0f} s",
                  flush=True)


# ---------------------------------------------------------------- evaluation


@torch.no_grad()
def image_features(model, images):
    return torch.cat([F.normalize(model.encode_image(normalized(part)), dim=-1) for part in images.split(500)])


@torch.no_grad()
def zero_shot_top1(model, tokenizer, words, images, labels):
    prompts = [[t.replace("{c}", name) for t in words.templates] for name in words.names]
    classes = torch.stack([F.normalize(model.encode_text(tokenizer(p)), dim=-1).mean(0) for p in prompts])
    guesses = (image_features(model, images) @ F.normalize(classes, dim=-1).t()).argmax(1)
    return (guesses == labels).float().mean().item()


@torch.no_grad()
def retrieval(model, tokenizer, images, captions, k):
    """(text to image, image to text) recall at k."""
    owner = torch.tensor([i for i, each in enumerate(captions) for _ in each])
    texts = F.normalize(model.encode_text(tokenizer([text for each in captions for text in each])), dim=-1)
    similar = texts @ image_features(model, images).t()
    found_images = similar.topk(k, dim=1).indices == owner[:, None]
    found_texts = owner[similar.topk(k, dim=0).indices] == torch.arange(len(images))
    return found_images.any(1).float().mean().item(), found_texts.any(0).float().mean().item()


@torch.no_grad()
def save(model, tokenizer, merges, out):
    image, text = torch.zeros(2, 3, SIZE, SIZE), tokenizer(["a", "a circle"])
    inputs = {"forward": (image, text), "encode_image": (image,), "encode_text": (text,)}
    extra = {
        "bpe_vocab": "\n".join(["#version: clipq demo", *(" ".join(pair) for pair in merges)]) + "\n",
        "clipq_checkpoint.json": json.dumps({"activation": "quick_gelu", "preprocess": {"mean": MEAN, "std": STD}}),
    }
    torch.jit.save(torch.jit.trace_module(model, inputs, check_trace=False), str(out), _extra_files=extra)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clipq", type=pathlib.Path, default=ROOT / "build/release/clipq", help="the program that draws")
    parser.add_argument("--data", type=pathlib.Path, help="training data drawn before")
    parser.add_argument("--held-out", type=pathlib.Path, help="held-out data drawn before")
    parser.add_argument("--images-per-class", type=int, default=300)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--out", type=pathlib.Path, default=ROOT / "demo/clip-demo.pt")
    return parser.parse_args()


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        data = options.data or draw(options.clipq, scratch / "train", TRAIN_SEED, options.images_per_class)
        held_out = options.held_out or draw(options.clipq, scratch / "held-out", HELD_OUT_SEED, 20)
        words, singles, captioned = Words(data), read_singles(data), read_captioned(data)
        test, test_captioned = read_singles(held_out), read_captioned(held_out)
    texts = [text for label in range(len(words.names)) for text in words.sentences(label)]
    merges = learn_merges(texts + [text for captions in captioned[1] for text in captions])
    tokenizer = Tokenizer(merges)
    model = Clip(tokenizer.size)
    print(f"{len(singles[0])} + {len(captioned[0])} pictures, {tokenizer.size} tokens, "
          f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train(model, tokenizer, words, singles, options,
          evaluate=lambda: zero_shot_top1(model, tokenizer, words, *test))
    model.eval()
    top1 = zero_shot_top1(model, tokenizer, words, *test)
    to_image, to_text = retrieval(model, tokenizer, *test_captioned, k=5)
    print(f"held out: zero-shot top-1 {top1:.4f} of {len(test[0])}, R@5 text to image {to_image:.4f}, image to text {to_text:.4f} "
          f"of {len(test_captioned[0])} pictures")
    if top1 < LEAST_TOP1:
        sys.exit(f"top-1 {top1:.4f} is below {LEAST_TOP1}: nothing written; train longer (--steps) or on more (--images-per-class)")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save(model, tokenizer, merges, options.out)
    print(f"wrote {options.out}, {options.out.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
