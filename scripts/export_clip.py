#!/usr/bin/env python3
"""Writes a CLIP of another library as one .safetensors file that clipq reads and can prove: weights, configuration, preprocessing,
tokenizer, and sample inputs with the embeddings that the library itself computes.

  export_clip.py --transformers openai/clip-vit-base-patch32 -o clip.safetensors     a name on the hub, or a folder
  export_clip.py --open-clip ViT-B-32 --pretrained laion2b_s34b_b79k -o clip.safetensors     a tag, or a file of weights
  export_clip.py --transformers openai/clip-vit-base-patch32 --tower image -o image.safetensors     one tower alone

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


def model_of(name):
    """The model that embeds, for a configuration of a whole model or of one tower, and that configuration."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(name)
    classes = {"clip_vision_model": "CLIPVisionModelWithProjection", "clip_text_model": "CLIPTextModelWithProjection",
               "siglip_vision_model": "SiglipVisionModel", "siglip_text_model": "SiglipTextModel"}
    model_class = getattr(transformers, classes.get(config.model_type, "AutoModel"))
    return model_class.from_pretrained(name, torch_dtype=torch.float32).eval(), config


def rows_of(output):
    """The embeddings in what a model of transformers returns, whichever its class and version."""
    for name in ("image_embeds", "text_embeds", "pooler_output"):
        if getattr(output, name, None) is not None:
            return getattr(output, name)
    return output


def from_transformers(name, tower):
    """The model, its documents, its resolution, token ids of the sample texts, and how it embeds images and texts."""
    from transformers import AutoImageProcessor, AutoTokenizer

    model, config = model_of(name)
    documents = {"config.json": config.to_json_string(use_diff=False)}
    resolution = ids = None
    embed_image, embed_text = (getattr(model, f"get_{kind}_features", model) for kind in ("image", "text"))
    if tower != "text" and not config.model_type.endswith("_text_model"):
        resolution = getattr(config, "vision_config", config).image_size
        documents["preprocessor_config.json"] = AutoImageProcessor.from_pretrained(name).to_json_string()
    if tower != "image" and not config.model_type.endswith("_vision_model"):
        tokenizer = AutoTokenizer.from_pretrained(name)
        ids = tokenizer(TEXTS, padding="max_length", max_length=getattr(config, "text_config", config).max_position_embeddings,
                        truncation=True, return_tensors="pt").input_ids
        documents |= tokenizer_documents(tokenizer)
    return (model, documents, resolution, ids, lambda pixels: rows_of(embed_image(pixel_values=pixels)),
            lambda ids: rows_of(embed_text(input_ids=ids)))


def from_open_clip(name, pretrained, tower):
    import open_clip

    model, _, _ = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    model = model.float().eval()
    config = open_clip.get_model_config(name)
    if config is None:
        sys.exit(f"{name}: not one of open_clip's built-in architectures")
    config = dict(config)
    # A property of the weights' tag, not of the architecture's name.
    config["quick_gelu"] = any(type(module).__name__ == "QuickGELU" for module in model.modules())
    preprocessing = dict(open_clip.get_model_preprocess_cfg(model))
    documents = {"open_clip_config.json": json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing})}
    resolution = ids = None
    if tower != "text":
        size = preprocessing.get("size", config["vision_cfg"].get("image_size", 224))
        resolution = size if isinstance(size, int) else size[0]
    if tower != "image":
        tokenizer = open_clip.get_tokenizer(name)
        ids = tokenizer(TEXTS)
        if hasattr(tokenizer, "tokenizer"):  # of transformers, below open_clip's cleaning
            documents |= tokenizer_documents(tokenizer.tokenizer)
    return model, documents, resolution, ids, model.encode_image, model.encode_text


def is_image_tensor(name):
    return name.startswith(("visual.", "vision_model.", "visual_projection."))


def tensors_of(model, tower):
    """The tensors of the tower, or of all that the model has. Those that share memory are stored once each: safetensors knows no views."""
    state, tensors = model.state_dict(), {}
    has_both = any(map(is_image_tensor, state)) and not all(map(is_image_tensor, state))
    for name, tensor in state.items():
        if tower == "both" or not has_both or (is_image_tensor(name) == (tower == "image") and not name.startswith("logit_")):
            tensors[name] = tensor.detach().clone().contiguous()
    return tensors


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--transformers", metavar="NAME", help="a CLIPModel, a SiglipModel or one of their towers: its name on the hub, or its folder")
    source.add_argument("--open-clip", metavar="NAME", help="an architecture of open_clip")
    parser.add_argument("--pretrained", metavar="TAG", help="with --open-clip: a tag, or a file of weights")
    parser.add_argument("--tower", choices=("image", "text", "both"), default="both", help="which tower to write (default: both)")
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
        model, documents, resolution, ids, embed_image, embed_text = from_transformers(options.transformers, options.tower)
    else:
        model, documents, resolution, ids, embed_image, embed_text = from_open_clip(options.open_clip, options.pretrained, options.tower)
    if resolution is None and ids is None:
        sys.exit(f"{options.transformers}: has no {options.tower} tower")
    tensors = tensors_of(model, options.tower)
    with torch.no_grad():
        if resolution is not None:
            pixels = pixels_for(resolution)
            tensors |= {"clipq_samples.pixels": pixels, "clipq_samples.image": embed_image(pixels).contiguous()}
        if ids is not None:
            tensors |= {"clipq_samples.tokens": ids.long(), "clipq_samples.text": embed_text(ids).contiguous()}
            documents["clipq_samples.json"] = json.dumps({"texts": TEXTS})
    save_file(tensors, options.output, metadata={"format": "pt", **documents})
    print(f"wrote {options.output}, {options.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
