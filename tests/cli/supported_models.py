#!/usr/bin/env python3
"""Prints README's table of the models that load: a small random model of each family is written in each container, and counts if its
embeddings through clipq are the model's own. Run it with CLIPQ set to the program."""
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from torch import nn

from siglip_torch import Siglip, open_clip_names
from support import CLIPQ, CONTEXT, MERGES, VOCABULARY, trace, worst_cosine
from test_checkpoint_kinds import (HUGGING_FACE_CONFIG, HUGGING_FACE_PREPROCESSOR, OPEN_CLIP_CONFIG, hugging_face_names, random_clip,
                                   save_safetensors, state_of)

SIZE, COUNT = 32, 3
MEAN, STD = 0.5, 0.25
PREPROCESS = {"mean": [MEAN] * 3, "std": [STD] * 3}
TEXTS = {"red": 513, "blue": 516}  # with their ids


def custom_text_names(state):
    return {name if name.startswith("visual.") or name == "logit_scale" else f"text.{name}": tensor for name, tensor in state.items()}


class Family:
    """A small model, its tensors as a library names them, its configuration, and what shapes don't tell."""

    def __init__(self, title, model, names, documents, options):
        self.title, self.model, self.documents, self.options = title, model.eval().requires_grad_(False), documents, options
        self.state = names(state_of(model))


def families():
    clip, siglip = random_clip(), Siglip(SIZE, context=CONTEXT, vocabulary=VOCABULARY)
    clip_options, siglip_options = ("--heads", "2", "--activation", "quick_gelu"), ("--heads", "image=2,text=4", "--activation", "gelu_tanh")
    timm = Siglip(SIZE, context=CONTEXT, vocabulary=VOCABULARY, approximate="none", heads=12)
    timm_options = ("--heads", "image=12,text=4", "--activation", "gelu")
    hugging_face = {"config.json": HUGGING_FACE_CONFIG, "preprocessor_config.json": HUGGING_FACE_PREPROCESSOR}
    open_clip = {"open_clip_config.json": OPEN_CLIP_CONFIG}
    images = {"mean": [MEAN] * 3, "std": [STD] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    open_clip_siglip = {"open_clip_config.json": timm.open_clip_config() | {"preprocess_cfg": images}}
    hugging_face_siglip = {"config.json": siglip.config(), "preprocessor_config.json": {
        "image_processor_type": "SiglipImageProcessor", "size": {"height": SIZE, "width": SIZE}, "image_mean": [MEAN] * 3, "image_std": [STD] * 3}}
    return [
        Family("OpenAI, open_clip `CLIP`", clip, dict, open_clip, clip_options),
        Family("open_clip `CustomTextCLIP`", clip, custom_text_names, open_clip, clip_options),
        Family("Hugging Face `CLIPModel`", clip, hugging_face_names, hugging_face, clip_options),
        Family("Hugging Face `SiglipModel`", siglip, dict, hugging_face_siglip, siglip_options),
        Family("open_clip SigLIP", timm, open_clip_names, open_clip_siglip, timm_options)]


def module_with(state, module):
    """Gives the module the tensors under their names."""
    for name, tensor in state.items():
        *path, last = name.split(".")
        parent = module
        for part in path:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            parent = parent._modules[part]
        parent.register_buffer(last, tensor)
    return module


class Archived(nn.Module):
    """Computes what the model does; the model's own names are hidden from the archive in a list."""

    def __init__(self, model):
        super().__init__()
        self.models = [model]

    def encode_image(self, image):
        return self.models[0].encode_image(image)

    def encode_text(self, text):
        return self.models[0].encode_text(text)

    def forward(self, image, text):
        return self.encode_image(image), self.encode_text(text)


def torchscript(family, folder):
    extra = {"bpe_vocab": MERGES, "clipq_checkpoint.json": json.dumps({"preprocess": PREPROCESS})}
    module = trace(module_with(family.state, Archived(family.model)), torch.randn(2, 3, SIZE, SIZE), torch.ones(2, CONTEXT, dtype=torch.int64))
    torch.jit.save(module, str(folder / "model.pt"), _extra_files=extra)
    return folder / "model.pt", family.options


def beside(family, folder):
    """Writes what a file without documents needs beside it."""
    (folder / "merges.txt").write_text(MERGES)
    (folder / "clipq_checkpoint.json").write_text(json.dumps({"preprocess": PREPROCESS}))
    return family.options


def safetensors(family, folder):
    path = save_safetensors(family.state, folder / "model.safetensors",
                            {"bpe_vocab": MERGES, "clipq_checkpoint.json": json.dumps({"preprocess": PREPROCESS})})
    return path, family.options


def sharded(family, folder):
    names = sorted(family.state)
    files = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in files.items():
        save_safetensors({name: family.state[name] for name in part}, folder / file)
    index = {"weight_map": {name: file for file, part in files.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder, beside(family, folder)


def torch_save(content, family, folder, **options):
    torch.save(content, folder / "pytorch_model.bin", **options)
    return folder, beside(family, folder)


def state_dict(family, folder):
    return torch_save(family.state, family, folder)


def training_checkpoint(family, folder):
    wrapped = {f"module.{name}": tensor for name, tensor in family.state.items()}
    return torch_save({"epoch": 3, "state_dict": wrapped, "optimizer": {"state": {0: torch.zeros(2)}}}, family, folder)


def whole_module(family, folder):
    return torch_save(module_with(family.state, nn.Module()), family, folder)


def hub_folder(family, folder):
    for name, document in family.documents.items():
        (folder / name).write_text(json.dumps(document))
    (folder / "merges.txt").write_text(MERGES)
    name = "open_clip_model.safetensors" if "open_clip_config.json" in family.documents else "model.safetensors"
    save_safetensors(family.state, folder / name)
    return folder, ()


CONTAINERS = {
    "TorchScript archive (`torch.jit.save`)": torchscript,
    "`.safetensors`": safetensors,
    "`.safetensors`, sharded by an index": sharded,
    "`torch.save` of a state dict": state_dict,
    "`torch.save` of a training checkpoint": training_checkpoint,
    "`torch.save` of a module": whole_module,
    "folder from a hub, with its configuration": hub_folder,
}


def embeddings_by_clipq(path, options, folder):
    rows = []
    for source in (("--images", folder / "images"), ("--texts", folder / "texts.txt")):
        arguments = [CLIPQ, "embed", path, *source, "-o", folder / "rows.npy", *options]
        process = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SystemExit(process.stderr)
        rows.append(np.load(folder / "rows.npy"))
    return rows


def own_embeddings(model, pictures):
    image = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(255).sub(MEAN).div(STD)
    text = torch.zeros(len(TEXTS), CONTEXT, dtype=torch.int64)
    text[:, 0], text[:, 1], text[:, 2] = VOCABULARY - 2, torch.tensor(list(TEXTS.values())), VOCABULARY - 1
    return model.encode_image(image), model.encode_text(text)


def is_equal(ours, own):
    return worst_cosine(ours, own) > 0.999999 and np.allclose(np.linalg.norm(ours, axis=1), own.norm(dim=1), rtol=1e-4)


def table():
    every = families()
    lines = ["| | " + " | ".join(family.title for family in every) + " |", "|---" * (len(every) + 1) + "|"]
    pictures = np.random.default_rng(2).integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)
    for title, write in CONTAINERS.items():
        cells = [title]
        for family in every:
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                (folder / "images").mkdir()
                for i, picture in enumerate(pictures):
                    Image.fromarray(picture).save(folder / "images" / f"{i}.png")
                (folder / "texts.txt").write_text("".join(text + "\n" for text in TEXTS))
                (folder / "checkpoint").mkdir()
                path, options = write(family, folder / "checkpoint")
                pairs = zip(embeddings_by_clipq(path, options, folder), own_embeddings(family.model, pictures))
                cells.append("yes" if all(is_equal(ours, own) for ours, own in pairs) else "WRONG")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
