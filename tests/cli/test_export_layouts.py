"""Exported folders as Immich and transformers.js read them: the tokenizer's ids by Hugging Face's `tokenizers`, the documents, and
the graphs by ONNX Runtime, loaded the way Immich does it."""
import html
import json
import re
import unittest

import numpy as np
import onnxruntime
import torch
from PIL import Image
from tokenizers import Tokenizer

from siglip_torch import folder_with_tokenizer
from support import GOLDEN, CliTest, export, pixels, tiny_clip, worst_cosine
from test_checkpoint_kinds import save_safetensors

from clip_torch import Clip, QuickGelu, Sizes, trace

CONTEXT, VOCABULARY, START, END = 77, 49408, 49406, 49407
# What tokenizer.json can't express of open_clip's cleaning: ligatures, full width, C1 controls, terminal escapes, and HTML references
# in capitals; others are told by `html.unescape`.
REPAIRED = re.compile("[\x1b\x80-\x9f\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06\uff01-\uffef]|&[A-Z]+;")
# A final sigma beside an apostrophe or a combining mark; a special token's spelling behind punctuation.
OTHERWISE = {"\u0391\u03a3'\u0391", "\u0391\u0301\u03a3\u0301", "!<end_of_text>"}
TEXTS = ["a red thing", "Something BLUE on red", "two  dogs, one cat's ball"]


def read(*path):
    file = path[0].joinpath(*path[1:])
    return json.loads(file.read_text(encoding="utf-8"))


def is_expressible(text):
    return html.unescape(text) == text and not REPAIRED.search(text) and text not in OTHERWISE


class Immich:
    """Its CLIP encoders' way from files to embeddings."""

    def __init__(self, folder):
        text = read(folder, "config.json")["text_cfg"]
        self.canonicalizes = (text.get("tokenizer_kwargs") or {}).get("clean") == "canonicalize"
        pad = read(folder, "textual", "tokenizer_config.json")["pad_token"]
        self.tokenizer = Tokenizer.from_file(str(folder / "textual" / "tokenizer.json"))
        length = text.get("context_length", 77)
        self.tokenizer.enable_padding(length=length, pad_token=pad, pad_id=self.tokenizer.token_to_id(pad))
        self.tokenizer.enable_truncation(max_length=length)
        self.preprocess = read(folder, "visual", "preprocess_cfg.json")
        self.visual, self.textual = (
            onnxruntime.InferenceSession(str(folder / tower / "model.onnx"), providers=["CPUExecutionProvider"])
            for tower in ("visual", "textual"))

    def ids(self, text):
        return np.array([self.tokenizer.encode(" ".join(text.split())).ids], dtype=np.int32)

    def embed_text(self, text):
        return self.textual.run(None, {"text": self.ids(text)})[0][0]

    def embed_image(self, image):
        size = self.preprocess["size"]
        size = size[0] if isinstance(size, list) else size
        resample = Image.Resampling[self.preprocess["interpolation"].upper()]
        if self.preprocess.get("resize_mode", "shortest") == "squash":
            image = image.resize((size, size), resample)
        else:
            scale = size / min(image.size)
            image = image.resize([size if side == min(image.size) else int(side * scale) for side in image.size], resample)
            left, top = (int(side / 2 - size / 2) for side in image.size)
            image = image.crop((left, top, left + size, top + size))
        mean, std = (np.array(self.preprocess[key], dtype=np.float32) for key in ("mean", "std"))
        array = (np.asarray(image.convert("RGB"), dtype=np.float32) / 255 - mean) / std
        return self.visual.run(None, {"image": array.transpose(2, 0, 1)[None]})[0][0]


class LayoutTest(CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
        self.images = self.folder / "images"
        self.images.mkdir()
        for i, shape in enumerate(((40, 40), (48, 32), (32, 64))):  # margins that every rounding halves alike
            picture = np.random.default_rng(i).integers(0, 256, (*shape, 3), np.uint8)
            Image.fromarray(picture).save(self.images / f"{i}.png")

    def exported(self, model, layout, *options):
        folder = self.folder / layout
        self.ok("export", model, "--format", "onnx", "--layout", layout, "-o", folder, "--verify", "never", *options)
        return folder

    def openai_vocabulary(self):
        """A small CLIP with OpenAI's vocabulary, which is the program's own."""
        torch.manual_seed(0)
        clip = Clip(Sizes(32, 8, 128, 2, 64, 2, 48, CONTEXT, VOCABULARY), QuickGelu).eval().requires_grad_(False)
        tokens = torch.randint(1, START, (2, CONTEXT))
        tokens[:, 0], tokens[:, 9] = START, END
        path = self.folder / "openai.pt"
        torch.jit.save(trace(clip, pixels(2), tokens), str(path))
        return path

    def embedded(self, model, *source):
        self.ok("embed", model, *source, "--normalize", "-o", self.folder / "rows.npy")
        return np.load(self.folder / "rows.npy")


class ImmichLayout(LayoutTest):
    def test_ids_of_openais_vocabulary(self):
        immich = Immich(self.exported(self.openai_vocabulary(), "immich"))
        golden = [each for each in read(GOLDEN, "data", "tokenizer.json") if is_expressible(each["text"])]
        self.assertGreater(len(golden), 480)
        for each in golden:
            row = [START, *each["ids"][:CONTEXT - 2], END]
            row += [0] * (CONTEXT - len(row))
            self.assertEqual(immich.tokenizer.encode(each["text"]).ids, row, each["text"])

    def test_ids_of_other_tokenizers(self):
        for kind in ("siglip", "gemma"):
            source = self.folder / kind
            _, golden = folder_with_tokenizer(kind, source, save_safetensors)
            folder = self.folder / f"{kind}-immich"
            self.ok("export", source, "--format", "onnx", "--layout", "immich", "-o", folder, "--verify", "never")
            immich = Immich(folder)
            for each in golden:
                if kind == "siglip" and re.search("</s>|<unk>", each["text"]):
                    continue  # what stands behind a special token's spelling continues a word
                self.assertEqual(immich.tokenizer.encode(each["text"]).ids, each["row"], each["text"])

    def test_embeddings(self):
        path = self.folder / "tiny.pt"
        export(tiny_clip(), path)
        immich = Immich(self.exported(path, "immich"))
        for session, name, kind in ((immich.visual, "image", "tensor(float)"), (immich.textual, "text", "tensor(int32)")):
            inputs = session.get_inputs()
            self.assertEqual([(each.name, each.type) for each in inputs], [(name, kind)])
        texts = np.stack([immich.embed_text(text) for text in TEXTS])
        self.assertGreater(worst_cosine(texts, self.embedded(path, "--texts", self.folder / "texts.txt")), 0.9999)
        images = np.stack([immich.embed_image(Image.open(file)) for file in sorted(self.images.iterdir())])
        self.assertGreater(worst_cosine(images, self.embedded(path, "--images", self.images)), 0.9999)
        np.testing.assert_allclose(np.linalg.norm([*texts, *images], axis=1), 1, rtol=1e-4)

    def test_documents(self):
        path, _ = self.checkpoint()
        folder = self.exported(path, "immich")
        config = read(folder, "config.json")
        self.assertEqual((config["embed_dim"], config["quick_gelu"]), (48, True))
        self.assertEqual(config["vision_cfg"], {"image_size": 32, "layers": 2, "width": 128, "head_width": 64, "patch_size": 8})
        self.assertEqual(config["text_cfg"]["context_length"], 16)
        self.assertFalse(Immich(folder).canonicalizes)
        preprocess = read(folder, "visual", "preprocess_cfg.json")
        self.assertEqual((preprocess["size"], preprocess["interpolation"], preprocess["resize_mode"]), ([32, 32], "bicubic", "shortest"))


class TransformersJsLayout(LayoutTest):
    def test_files(self):
        path = self.folder / "tiny.pt"
        export(tiny_clip(), path)
        folder = self.exported(path, "transformers.js")
        config, preprocessor = read(folder, "config.json"), read(folder, "preprocessor_config.json")
        self.assertEqual((config["model_type"], config["architectures"]), ("clip", ["CLIPModel"]))
        self.assertEqual(config["vision_config"]["image_size"], 32)
        self.assertEqual(config["text_config"]["max_position_embeddings"], 16)
        self.assertEqual((preprocessor["size"], preprocessor["crop_size"]), ({"shortest_edge": 32}, {"height": 32, "width": 32}))
        self.assertTrue(preprocessor["do_normalize"] and preprocessor["do_center_crop"])  # it assumes neither
        self.assertEqual(read(folder, "tokenizer_config.json")["model_max_length"], 16)

    def test_embeddings(self):
        path = self.folder / "tiny.pt"
        export(tiny_clip(), path)
        folder = self.exported(path, "transformers.js")
        files = {tower: sorted((folder / "onnx").glob(f"{tower}_model*.onnx")) for tower in ("vision", "text")}
        self.assertEqual([len(each) for each in files.values()], [1, 1])
        vision, text = (onnxruntime.InferenceSession(str(files[tower][0]), providers=["CPUExecutionProvider"])
                        for tower in ("vision", "text"))
        self.assertEqual([each.name for each in vision.get_inputs() + text.get_inputs()], ["pixel_values", "input_ids"])
        self.assertIn("image_embeds", [each.name for each in vision.get_outputs()])
        self.assertIn("text_embeds", [each.name for each in text.get_outputs()])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = np.array([tokenizer.encode(each).ids for each in TEXTS], dtype=np.int64)
        rows = text.run(["text_embeds"], {"input_ids": ids})[0]
        self.assertGreater(worst_cosine(rows, self.embedded(path, "--texts", self.folder / "texts.txt")), 0.9999)
        end = tokenizer.padding["pad_id"]  # pads, too
        for row, expected in zip(ids, rows, strict=True):  # it pads to the longest text only
            shorter = row[:1 + np.flatnonzero(row == end)[0]][None]
            np.testing.assert_allclose(text.run(["text_embeds"], {"input_ids": shorter})[0][0], expected, atol=1e-4)


if __name__ == "__main__":
    unittest.main()
