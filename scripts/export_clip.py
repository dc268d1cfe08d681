#!/usr/bin/env python3
"""Writes a CLIP of another library as one .safetensors file that clipq reads and can prove: weights, configuration, preprocessing,
tokenizer, and sample inputs with the embeddings that the library itself computes.

  export_clip.py --transformers openai/clip-vit-base-patch32 -o clip.safetensors     a name on the hub, or a folder
  export_clip.py --open-clip ViT-B-32 --pretrained laion2b_s34b_b79k -o clip.safetensors     a tag, or a file of weights

Needs the library (transformers or open_clip_torch) and safetensors.
"""
import argparse
import base64
import json
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import save_file

SAMPLES = 4
TEXTS = ["a photo of a cat", "Two DOGS running on the beach", "a red bus, 1984", "a diagram"]


def pixels_for(resolution):
    return torch.randn(SAMPLES, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))


def tokenizer_documents(tokenizer):
    """The files of one of transformers' tokenizers by name; metadata hold text only, so those with bytes are in base64."""
    documents = {}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for file in pathlib.Path(folder).iterdir():
            if file.name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"):
                documents[file.name] = file.read_text(encoding="utf-8")
            elif file.name in ("spiece.model", "tokenizer.model"):
                documents[file.name + ".base64"] = base64.b64encode(file.read_bytes()).decode()
    if "tokenizer.json" in documents:  # which has both
        documents.pop("vocab.json", None), documents.pop("merges.txt", None)
    return documents


def from_transformers(name):
    """The CLIPModel or SiglipModel, its documents, and token ids of the sample texts."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(name, torch_dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(name)
    ids = tokenizer(TEXTS, padding="max_length", max_length=model.config.text_config.max_position_embeddings,
                    truncation=True, return_tensors="pt").input_ids
    documents = {"config.json": model.config.to_json_string(use_diff=False),
                 "preprocessor_config.json": AutoImageProcessor.from_pretrained(name).to_json_string()}
    documents |= tokenizer_documents(tokenizer)

    def embed(pixels):
        image, text = model.get_image_features(pixel_values=pixels), model.get_text_features(input_ids=ids)
        return [getattr(rows, "pooler_output", rows) for rows in (image, text)]  # transformers 5 returns an object

    return model, documents, model.config.vision_config.image_size, ids, embed


def from_open_clip(name, pretrained):
    import open_clip

    model, _, _ = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    model = model.float().eval()
    tokenizer = open_clip.get_tokenizer(name)
    ids = tokenizer(TEXTS)
    config = open_clip.get_model_config(name)
    if config is None:
        sys.exit(f"{name}: not one of open_clip's built-in architectures")
    config = dict(config)
    # A property of the weights' tag, not of the architecture's name.
    config["quick_gelu"] = any(type(module).__name__ == "QuickGELU" for module in model.modules())
    preprocessing = dict(open_clip.get_model_preprocess_cfg(model))
    documents = {"open_clip_config.json": json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing})}
    if hasattr(tokenizer, "tokenizer"):  # of transformers, below open_clip's cleaning
        documents |= tokenizer_documents(tokenizer.tokenizer)
    size = preprocessing.get("size", config["vision_cfg"].get("image_size", 224))
    return (model, documents, size if isinstance(size, int) else size[0], ids,
            lambda pixels: (model.encode_image(pixels), model.encode_text(ids)))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--transformers", metavar="NAME", help="a CLIPModel or SiglipModel: its name on the hub, or its folder")
    source.add_argument("--open-clip", metavar="NAME", help="an architecture of open_clip")
    parser.add_argument("--pretrained", metavar="TAG", help="with --open-clip: a tag, or a file of weights")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="the .safetensors file to write")
    options = parser.parse_args()
    if options.open_clip and not options.pretrained:
        parser.error("--open-clip needs --pretrained: without it the weights are random")
    return options


def main():
    options = parse_options()
    if options.output.suffix != ".safetensors":
        sys.exit(f"{options.output}: expected a name that ends in .safetensors")
    if options.transformers:
        model, documents, resolution, ids, embed = from_transformers(options.transformers)
    else:
        model, documents, resolution, ids, embed = from_open_clip(options.open_clip, options.pretrained)
    pixels = pixels_for(resolution)
    with torch.no_grad():
        image, text = embed(pixels)
    # Tensors that share memory are stored once each: safetensors knows no views.
    tensors = {key: value.detach().clone().contiguous() for key, value in model.state_dict().items()}
    tensors |= {"clipq_samples.pixels": pixels, "clipq_samples.tokens": ids.long(),
                "clipq_samples.image": image.contiguous(), "clipq_samples.text": text.contiguous()}
    documents["clipq_samples.json"] = json.dumps({"texts": TEXTS})
    save_file(tensors, options.output, metadata={"format": "pt", **documents})
    print(f"wrote {options.output}, {options.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
