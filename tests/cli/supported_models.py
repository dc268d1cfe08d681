#!/usr/bin/env python3
"""Prints README's table of the models that load: a small random model of each family is written in each container, and counts if its
embeddings through clipq are the model's own. Run it with CLIPQ set to the program."""
import base64
import copy
import json
import pathlib
import re
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from torch import nn

from siglip_torch import TOKENIZERS, Siglip, open_clip_names, pieces_of
from resnet_torch import RESNET_CONFIG, resnet_clip
from support import CLIPQ, CONTEXT, MERGES, VOCABULARY, trace, worst_cosine
from test_checkpoint_kinds import (HUGGING_FACE_CONFIG, HUGGING_FACE_PREPROCESSOR, OPEN_CLIP_CONFIG, hugging_face_names, random_clip,
                                   save_safetensors, state_of)

SIZE, COUNT = 32, 3
IMAGE, TEXT = "image", "text"
MEAN, STD = 0.5, 0.25
PREPROCESS = {"mean": [MEAN] * 3, "std": [STD] * 3}


def custom_text_names(state):
    return {name if name.startswith("visual.") or name == "logit_scale" else f"text.{name}": tensor for name, tensor in state.items()}


def is_visual(name):
    return name.startswith(("visual.", "vision_model.", "visual_projection."))


class Tokenizer:
    """The files of a tokenizer in a folder and within a file, and the ids of some texts."""

    def __init__(self, files, extra, rows):
        self.files, self.extra, self.rows = files, extra, rows


def clips_tokenizer():
    rows = {}
    for text, word in (("red", 513), ("blue", 516)):
        rows[text] = [VOCABULARY - 2, word, VOCABULARY - 1] + [0] * (CONTEXT - 3)
    return Tokenizer({"merges.txt": MERGES.encode()}, {"bpe_vocab": MERGES}, rows)


def siglips_tokenizer():
    files = {name: (TOKENIZERS / "siglip" / name).read_bytes() for name in ("spiece.model", "tokenizer_config.json")}
    extra = {"spiece.model.base64": base64.b64encode(files["spiece.model"]).decode(),
             "tokenizer_config.json": files["tokenizer_config.json"].decode()}
    golden = json.loads((TOKENIZERS / "siglip" / "golden.json").read_text(encoding="utf-8"))
    rows = {each["text"]: each["row"] for each in golden if re.fullmatch("[a-z]+( [a-z]+)+", each["text"])}
    return Tokenizer(files, extra, dict(list(rows.items())[:3]))


class Family:
    """A small model, its tensors as a library names them, its configuration, its tokenizer, and what shapes don't tell."""

    def __init__(self, title, model, names, documents, tokenizer, options, text_options=()):
        self.title, self.model, self.documents, self.options = title, model.eval().requires_grad_(False), documents, options
        self.text_options = text_options  # what the names of a text tower alone don't tell
        self.tokenizer, self.state = tokenizer, names(state_of(model))
        self.extra = tokenizer.extra | {"clipq_checkpoint.json": json.dumps({"preprocess": PREPROCESS})}
        self.inputs = torch.randn(2, 3, SIZE, SIZE), torch.tensor(list(tokenizer.rows.values()))[:2]
        self.towers = IMAGE, TEXT

    def tower_alone(self, tower):
        """The same with the tensors, the documents and the code of one tower."""
        alone = copy.copy(self)
        alone.towers = (tower,)
        alone.state = {name: tensor for name, tensor in self.state.items()
                       if is_visual(name) == (tower == IMAGE) and not name.startswith("logit_")}
        config = self.documents.get("config.json")
        if config:
            kind = "vision" if tower == IMAGE else "text"
            own = config[f"{kind}_config"] | {"model_type": f"{config['model_type']}_{kind}_model"}
            alone.documents = self.documents | {"config.json": own}
        if tower == TEXT:
            alone.options += self.text_options
        return alone


def families():
    bpe, pieces = clips_tokenizer(), siglips_tokenizer()
    texts = {"context": len(next(iter(pieces.rows.values()))), "vocabulary": pieces_of("siglip")}
    clip, siglip = random_clip(), Siglip(SIZE, **texts)
    timm = Siglip(SIZE, approximate="none", heads=12, **texts)
    squashed = {"interpolation": "bicubic", "resize_mode": "squash"} | PREPROCESS
    open_clip = {"open_clip_config.json": OPEN_CLIP_CONFIG}
    hugging_face = {"config.json": HUGGING_FACE_CONFIG, "preprocessor_config.json": HUGGING_FACE_PREPROCESSOR}
    hugging_face_siglip = {"config.json": siglip.config(), "preprocessor_config.json": {
        "image_processor_type": "SiglipImageProcessor", "size": {"height": SIZE, "width": SIZE}, "image_mean": [MEAN] * 3, "image_std": [STD] * 3}}
    open_clip_siglip = {"open_clip_config.json": timm.open_clip_config() | {"preprocess_cfg": squashed}}
    clips = ("--heads", "2", "--activation", "quick_gelu")
    return [
        Family("OpenAI, open_clip `CLIP`", clip, dict, open_clip, bpe, clips),
        Family("OpenAI, open_clip ResNets", resnet_clip(SIZE), dict, {"open_clip_config.json": RESNET_CONFIG}, bpe,
               ("--heads", "image=4,text=1", "--activation", "quick_gelu")),
        Family("open_clip `CustomTextCLIP`", clip, custom_text_names, open_clip, bpe, clips),
        Family("Hugging Face `CLIPModel`", clip, hugging_face_names, hugging_face, bpe, clips),
        Family("Hugging Face `SiglipModel`", siglip, dict, hugging_face_siglip, pieces,
               ("--heads", "image=2,text=4", "--activation", "gelu_tanh")),
        Family("open_clip SigLIP", timm, open_clip_names, open_clip_siglip, pieces, ("--heads", "image=12,text=4", "--activation", "gelu"),
               ("--set", "checkpoint.text_causal=false", "--set", "checkpoint.text_pooling=last", "--set", "checkpoint.text_layer_norm_eps=1e-6"))]


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
    module = trace(module_with(family.state, Archived(family.model)), *family.inputs)
    torch.jit.save(module, str(folder / "model.pt"), _extra_files=dict(family.extra))
    return folder / "model.pt", family.options


class ArchivedTower(Archived):
    """What people trace for one tower: a forward of its input alone."""

    def __init__(self, model, tower):
        super().__init__(model)
        self.tower = tower

    def forward(self, x):
        return self.encode_image(x) if self.tower == IMAGE else self.encode_text(x)


def torchscript_tower(family, folder):
    tower, = family.towers
    module = module_with(family.state, ArchivedTower(family.model, tower))
    archive = torch.jit.trace(module, family.inputs[tower == TEXT], check_trace=False)
    torch.jit.save(archive, str(folder / "model.pt"), _extra_files=dict(family.extra))
    return folder / "model.pt", family.options


def write_tokenizer(family, folder):
    for name, content in family.tokenizer.files.items():
        (folder / name).write_bytes(content)


def beside(family, folder):
    """Writes what a file without documents needs beside it."""
    write_tokenizer(family, folder)
    (folder / "clipq_checkpoint.json").write_text(family.extra["clipq_checkpoint.json"])
    return family.options


def safetensors(family, folder):
    return save_safetensors(family.state, folder / "model.safetensors", family.extra), family.options


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


def legacy(family, folder):
    return torch_save(family.state, family, folder, _use_new_zipfile_serialization=False)


def exported_program(family, folder):
    module = module_with(family.state, Archived(family.model))
    torch.export.save(torch.export.export(module, family.inputs), folder / "model.pt2", extra_files=dict(family.extra))
    return folder / "model.pt2", family.options


def hub_folder(family, folder):
    for name, document in family.documents.items():
        (folder / name).write_text(json.dumps(document))
    write_tokenizer(family, folder)
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
    "`torch.save` as it was before PyTorch 1.6": legacy,
    "`torch.export.save` (`.pt2`), weights only": exported_program,
    "folder from a hub, with its configuration": hub_folder,
}


TOWER_CONTAINERS = {
    "{} tower alone: TorchScript archive": torchscript_tower,
    "{} tower alone: `.safetensors`": safetensors,
    "{} tower alone: `torch.save` of a state dict": state_dict,
    "{} tower alone: folder from a hub": hub_folder,
}


def embeddings_by_clipq(path, options, towers, folder):
    rows = []
    sources = {IMAGE: ("--images", folder / "images"), TEXT: ("--texts", folder / "texts.txt")}
    for tower in towers:
        source = sources[tower]
        arguments = [CLIPQ, "embed", path, *source, "-o", folder / "rows.npy", *options]
        process = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SystemExit(process.stderr)
        rows.append(np.load(folder / "rows.npy"))
    return rows


def own_embeddings(family, pictures):
    image = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(255).sub(MEAN).div(STD)
    own = {IMAGE: family.model.encode_image(image), TEXT: family.model.encode_text(torch.tensor(list(family.tokenizer.rows.values())))}
    return [own[tower] for tower in family.towers]


def is_equal(ours, own):
    return worst_cosine(ours, own) > 0.999999 and np.allclose(np.linalg.norm(ours, axis=1), own.norm(dim=1), rtol=1e-4)


def cell(family, write, pictures):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "images").mkdir()
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / "images" / f"{i}.png")
        (folder / "texts.txt").write_text("".join(text + "\n" for text in family.tokenizer.rows))
        (folder / "checkpoint").mkdir()
        path, options = write(family, folder / "checkpoint")
        pairs = zip(embeddings_by_clipq(path, options, family.towers, folder), own_embeddings(family, pictures))
        return "yes" if all(is_equal(ours, own) for ours, own in pairs) else "WRONG"


def table():
    every = families()
    lines = ["| | " + " | ".join(family.title for family in every) + " |", "|---" * (len(every) + 1) + "|"]
    pictures = np.random.default_rng(2).integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)
    rows = [(title, write, every) for title, write in CONTAINERS.items()]
    for tower in (IMAGE, TEXT):
        alone = [family.tower_alone(tower) for family in every]
        rows += [(title.format(tower), write, alone) for title, write in TOWER_CONTAINERS.items()]
    for title, write, models in rows:
        lines.append("| " + " | ".join([title] + [cell(model, write, pictures) for model in models]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
