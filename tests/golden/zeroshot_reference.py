#!/usr/bin/env python3
"""Zero-shot classification of CIFAR-100 (binary layout) by stock PyTorch, Pillow and open_clip's tokenizer: the figure
that `clipq eval` must give. Needs ftfy, regex, pillow and open-clip-torch==3.3.0 (--no-deps) beside torch.

  zeroshot_reference.py MODEL.pt --data cifar-100-binary --classnames names.json --templates templates.json
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from PIL import Image

from make_tokenizer_golden import reference

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
RECORD = 3074


def tokenize(tokenizer, texts, context):
    ids = torch.zeros(len(texts), context, dtype=torch.long)
    for row, text in zip(ids, texts):
        codes = [tokenizer.sot_token_id] + tokenizer.encode(text)[: context - 2] + [tokenizer.eot_token_id]
        row[: len(codes)] = torch.tensor(codes)
    return ids


def pixels(records, size):
    images = []
    for record in records:
        image = Image.fromarray(record[2:].reshape(3, 32, 32).transpose(1, 2, 0))
        image = image.resize((size, size), Image.Resampling.BICUBIC)
        images.append(np.asarray(image, np.float32).transpose(2, 0, 1) / 255)
    mean, std = (np.asarray(v, np.float32).reshape(3, 1, 1) for v in (MEAN, STD))
    return torch.from_numpy((np.stack(images) - mean) / std)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--classnames", type=pathlib.Path, required=True)
    parser.add_argument("--templates", type=pathlib.Path, required=True)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--context", type=int, default=77)
    a = parser.parse_args()
    model = torch.jit.load(a.model).eval()
    names, templates = json.loads(a.classnames.read_text()), json.loads(a.templates.read_text())
    tokenizer = reference()
    classes = []
    for name in names:
        ids = tokenize(tokenizer, [t.replace("{c}", name) for t in templates], a.context)
        text = torch.nn.functional.normalize(model.encode_text(ids), dim=-1)
        classes.append(torch.nn.functional.normalize(text.mean(0), dim=0))
    classifier = torch.stack(classes)
    records = np.fromfile(a.data / "test.bin", np.uint8).reshape(-1, RECORD)
    logits = []
    for batch in np.array_split(records, max(1, len(records) // 64)):
        features = torch.nn.functional.normalize(model.encode_image(pixels(batch, a.image_size)), dim=-1)
        logits.append(features @ classifier.T)
    order = torch.cat(logits).argsort(dim=-1, descending=True, stable=True)
    labels = torch.from_numpy(records[:, 1].astype(np.int64))
    hits = order == labels[:, None]
    recalls = [hits[labels == c, 0].float().mean().item() for c in labels.unique()]
    print(json.dumps({"items": len(records), "acc1": hits[:, 0].float().mean().item(),
                      "acc5": hits[:, :5].any(1).float().mean().item(),
                      "mean_per_class_recall": sum(recalls) / len(recalls)}))


if __name__ == "__main__":
    main()
