#!/usr/bin/env python3
"""What `clipq eval` must give for a float model, from features that stock PyTorch computes on Pillow's images and the ids of
open_clip's tokenizer. Needs ftfy, regex, pillow, scikit-learn and open-clip-torch==3.3.0 (--no-deps) beside torch.

  pytorch_reference.py MODEL.pt --cifar cifar-100-binary --classnames names.json --templates templates.json
                                --coco IMAGES --captions captions.json

data/pytorch_reference.json is its output for ../shared's clip-vit-cifar.pt, CIFAR-100 and COCO's val2017.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from PIL import Image

import metrics_reference as reference
from make_tokenizer_golden import reference as reference_tokenizer

MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32).reshape(3, 1, 1)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32).reshape(3, 1, 1)
RECORD = 3074
BATCH = 64


def tokenize(tokenizer, texts, context):
    ids = torch.zeros(len(texts), context, dtype=torch.long)
    for row, text in zip(ids, texts):
        codes = [tokenizer.sot_token_id] + tokenizer.encode(text)[: context - 2] + [tokenizer.eot_token_id]
        row[: len(codes)] = torch.tensor(codes)
    return ids


def pixels(image, size):
    """torchvision's Resize, CenterCrop and Normalize."""
    image = image.convert("RGB")
    width, height = image.size
    short, long = min(width, height), max(width, height)
    resized = int(size * long / short)
    image = image.resize((size, resized) if width <= height else (resized, size), Image.Resampling.BICUBIC)
    left, top = (int(round((length - size) / 2.0)) for length in image.size)
    image = image.crop((left, top, left + size, top + size))
    return (np.asarray(image, np.float32).transpose(2, 0, 1) / 255 - MEAN) / STD


def cifar(file):
    records = np.fromfile(file, np.uint8).reshape(-1, RECORD)
    return [Image.fromarray(r[2:].reshape(3, 32, 32).transpose(1, 2, 0)) for r in records], records[:, 1].astype(np.int64)


def captioned(folder, file):
    document = json.loads(file.read_text())
    images = sorted(document["images"], key=lambda image: image["id"])
    captions = {image["id"]: [] for image in images}
    for annotation in document["annotations"]:
        captions[annotation["image_id"]].append(annotation["caption"])
    images = [image for image in images if captions[image["id"]]]
    texts = [text for image in images for text in captions[image["id"]]]
    image_of = np.repeat(np.arange(len(images)), [len(captions[image["id"]]) for image in images])
    return [Image.open(folder / image["file_name"]) for image in images], texts, image_of


class Encoder:
    def __init__(self, model, size, context):
        self.model, self.size, self.context = torch.jit.load(model).eval(), size, context
        self.tokenizer = reference_tokenizer()

    @torch.no_grad()
    def images(self, images):
        batches = [np.stack([pixels(image, self.size) for image in images[i : i + BATCH]]) for i in range(0, len(images), BATCH)]
        return torch.cat([self.model.encode_image(torch.from_numpy(batch)) for batch in batches]).numpy()

    @torch.no_grad()
    def texts(self, texts):
        ids = tokenize(self.tokenizer, texts, self.context)
        return torch.cat([self.model.encode_text(batch) for batch in ids.split(BATCH)]).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    for option in ("--cifar", "--classnames", "--templates", "--coco", "--captions"):
        parser.add_argument(option, type=pathlib.Path, required=True)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--context", type=int, default=77)
    a = parser.parse_args()
    encoder = Encoder(a.model, a.image_size, a.context)
    names, templates = json.loads(a.classnames.read_text()), json.loads(a.templates.read_text())
    images, labels = cifar(a.cifar / "test.bin")
    features = encoder.images(images)
    prompts = encoder.texts([t.replace("{c}", name) for name in names for t in templates])
    metrics = {"zeroshot_classification": reference.zeroshot_classification(features, prompts, labels, len(names))}
    scores = 100 * reference.unit(features) @ reference.classifier(prompts, len(names)).T
    metrics["drift"] = {"ece": reference.expected_calibration_error(scores, labels)}
    train, train_labels = cifar(a.cifar / "train.bin")
    metrics["linear_probe"], _ = reference.linear_probe(encoder.images(train), train_labels, features, labels, 0.316)
    pictures, texts, image_of = captioned(a.coco, a.captions)
    metrics["zeroshot_retrieval"] = reference.zeroshot_retrieval(
        encoder.images(pictures), encoder.texts(texts), image_of, (1, 5, 10))
    print(json.dumps({task: {key: float(value) for key, value in values.items()} for task, values in metrics.items()}, indent=1))


if __name__ == "__main__":
    main()
