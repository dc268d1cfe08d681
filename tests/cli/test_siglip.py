"""SigLIP: attention pooling, text that isn't causal, biases; with Hugging Face's names and open_clip's, as data and as archives."""
import json
import unittest

import numpy as np
import torch

from siglip_torch import TOKENIZERS, Siglip, folder_with_tokenizer, open_clip_names
from support import MERGES, CliTest, trace, worst_cosine, write_coco
from test_checkpoint_kinds import save_safetensors

ALL_RECIPES = ("int8-dynamic", "int8-static", "int8-smooth", "int8-weight-only", "int4-weight-only", "int4-dynamic", "fp8-max", "fp8-weight-only",
               "fp16", "dq-clip")


def state_of(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


class SiglipTest(CliTest):
    def setUp(self):
        super().setUp()
        self.model = Siglip().eval()
        (self.folder / "merges.txt").write_text(MERGES)

    def with_samples(self, tensors, path, model=None, documents=None):
        model = model or self.model
        image, text = model.samples()
        with torch.no_grad():
            samples = {"clipq_samples.pixels": image, "clipq_samples.tokens": text,
                       "clipq_samples.image": model.encode_image(image), "clipq_samples.text": model.encode_text(text)}
        return save_safetensors(tensors | samples, path, {"bpe_vocab": MERGES} | (documents or {}))

    def inspected(self, path, *options):
        return json.loads(self.ok("inspect", path, "--json", *options))

    def assert_proven(self, path, dialect):
        found = self.inspected(path)
        self.assertEqual(found["dialect"], dialect)
        for tower in ("image", "text"):
            self.assertLess(found["parity"][tower]["error"], 5e-6)
        self.assertEqual((found["config"]["vision_pooling"], found["config"]["text_pooling"], found["config"]["text_causal"]),
                         ("attention", "last", False))
        return found

    def test_samples_prove_both_families(self):
        state = state_of(self.model)
        for names, dialect in ((state, "Hugging Face SiglipModel"), (open_clip_names(state), "open_clip SigLIP")):
            found = self.assert_proven(self.with_samples(names, self.folder / "a.safetensors"), dialect)
            settings = found["config"]["vision_settings"]
            self.assertEqual((settings["heads"], settings["mlp_width"], settings["activation"], settings["layer_norm_eps"]),
                             (2, 200, "gelu_tanh", 1e-6))

    def test_exact_gelu_is_found_by_samples(self):
        model = Siglip(approximate="none").eval()
        found = self.assert_proven(self.with_samples(open_clip_names(state_of(model)), self.folder / "a.safetensors", model),
                                   "open_clip SigLIP")
        self.assertEqual(found["config"]["vision_settings"]["activation"], "gelu")

    def test_pixels_beyond_the_last_whole_patch(self):
        """SO400M/14 at 384 has 27 patches a side."""
        model = Siglip(size=36).eval()
        found = self.assert_proven(self.with_samples(state_of(model), self.folder / "a.safetensors", model), "Hugging Face SiglipModel")
        self.assertEqual(found["config"]["image_resolution"], 36)
        self.ok("quantize", self.folder / "a.safetensors", "--recipe", "fp16", "-o", self.folder / "a.pt")
        image, _ = model.samples()
        with torch.no_grad():
            self.assertGreater(worst_cosine(torch.jit.load(self.folder / "a.pt").encode_image(image), model.encode_image(image)), 0.99999)

    def test_folder_of_hugging_face(self):
        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(state_of(self.model), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(self.model.config()))
        found = self.inspected(folder, "--bpe", self.folder / "merges.txt")
        self.assertEqual((found["config"]["vision_settings"]["heads"], found["config"]["text_settings"]["heads"]), (2, 4))
        self.assertEqual(found["settings_from"]["image"]["activation"], "the checkpoint's metadata")
        config = self.model.config()
        config["vision_config"]["vision_use_head"] = False
        (folder / "config.json").write_text(json.dumps(config))
        self.fails(3, "vision_use_head", "inspect", folder)

    def test_folder_of_open_clip(self):
        model = Siglip(approximate="none", heads=12).eval()
        folder = self.folder / "open_clip"
        folder.mkdir()
        torch.save(open_clip_names(state_of(model)), folder / "open_clip_pytorch_model.bin")
        bpe = ("--bpe", self.folder / "merges.txt")
        for name, activation in (("vit_base_patch16_siglip_224", "gelu"), ("vit_base_patch32_siglip_256", "gelu_tanh")):
            (folder / "open_clip_config.json").write_text(json.dumps(model.open_clip_config(name)))
            found = self.inspected(folder, *bpe)["config"]
            self.assertEqual((found["vision_settings"]["heads"], found["vision_settings"]["activation"], found["text_settings"]["activation"]),
                             (12, activation, "gelu"))
            self.assertEqual((found["text_pooling"], found["text_causal"]), ("last", False))
        for change, pattern in (({"timm_model_name": "convnext_base"}, "timm_model_name"), ({"timm_pool": "avg"}, "timm_pool"),
                                ({"timm_model_name": "vit_base_patch16_siglip_gap_224"}, "timm_model_name")):
            config = model.open_clip_config()
            config["model_cfg"]["vision_cfg"].update(change)
            (folder / "open_clip_config.json").write_text(json.dumps(config))
            self.fails(3, pattern, "inspect", folder, *bpe)

    def test_documents_of_another_family_or_library(self):
        folder = self.folder / "mixed"
        folder.mkdir()
        model = Siglip(approximate="none", heads=12).eval()
        save_safetensors(open_clip_names(state_of(model)), folder / "model.safetensors")
        bpe = ("--bpe", self.folder / "merges.txt")
        (folder / "config.json").write_text(json.dumps(model.config() | {"model_type": "clip"}))
        self.fails(3, "configuration is of model type clip, but its tensors are those of open_clip SigLIP", "inspect", folder, *bpe)
        (folder / "config.json").write_text(json.dumps(model.config()))  # whose GELU isn't timm's
        self.fails(2, "the activation can't be told.*gelu_tanh", "inspect", folder, *bpe)
        found = self.inspected(folder, *bpe, "--activation", "gelu")["config"]
        self.assertEqual(found["vision_settings"]["heads"], 12)

    def test_preprocessing_of_the_family_is_the_default(self):
        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(state_of(self.model), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(self.model.config()))
        for document in (None, {"size": {"height": 32, "width": 32}}, {"size": 32, "image_mean": None}):
            if document:
                (folder / "preprocessor_config.json").write_text(json.dumps(document))
            found = self.inspected(folder, "--bpe", self.folder / "merges.txt")["preprocess"]
            self.assertEqual((found["mean"], found["std"], found["resize_mode"]), ([0.5] * 3, [0.5] * 3, "squash"))

    def test_tokenizers_of_another_model_are_refused(self):
        path = self.with_samples(state_of(self.model), self.folder / "a.safetensors")
        (self.folder / "texts.txt").write_text("red\n")
        pieces = TOKENIZERS / "siglip" / "spiece.model"  # of 500 entries; the model has 519
        self.ok("embed", path, "--texts", self.folder / "texts.txt", "--bpe", pieces, "-o", self.folder / "rows.npy")
        model = Siglip(vocabulary=650).eval()
        self.with_samples(state_of(model), self.folder / "b.safetensors", model)
        self.fails(2, "tokenizer has 500 entries.*has 650", "embed", self.folder / "b.safetensors", "--texts", self.folder / "texts.txt",
                   "--bpe", pieces, "-o", self.folder / "rows.npy")

    def test_hostile_tokenizers(self):
        folder = self.folder / "hub"
        folder_with_tokenizer("gemma", folder, save_safetensors)
        deep, wide = "[" * 200000 + "]" * 200000, "[" + "[]," * 4000000 + "[]]"
        unigram = '{"normalizer": %s, "model": {"type": "Unigram", "unk_id": 0, "vocab": %s}}'
        for content, pattern in ((unigram % (deep, '[["a", 0.0]]'), "nested"), (unigram % ("null", wide), "values")):
            (folder / "tokenizer.json").write_text(content)
            self.fails(3, pattern, "inspect", folder)

    def test_texts_of_folders_with_their_own_tokenizers(self):
        for kind, shown in (("siglip", "SentencePiece"), ("gemma", "byte fallback")):
            folder = self.folder / kind
            model, golden = folder_with_tokenizer(kind, folder, save_safetensors)
            rows = [each for each in golden if each["text"].strip() and "\n" not in each["text"] and "\r" not in each["text"]
                    and each["text"] == each["text"].strip() and each["text"].isprintable()]
            self.assertGreater(len(rows), 60)
            (self.folder / "texts.txt").write_text("".join(each["text"] + "\n" for each in rows), encoding="utf-8")
            expected = model.encode_text(torch.tensor([each["row"] for each in rows]))
            self.ok("embed", folder, "--texts", self.folder / "texts.txt", "-o", self.folder / "rows.npy")
            self.assertGreater(worst_cosine(np.load(self.folder / "rows.npy"), expected), 0.999999, kind)
            self.ok("quantize", folder, "--recipe", "fp16", "-o", self.folder / f"{kind}.pt")
            self.ok("embed", self.folder / f"{kind}.pt", "--texts", self.folder / "texts.txt", "-o", self.folder / "artifact.npy")
            self.assertGreater(worst_cosine(np.load(self.folder / "artifact.npy"), expected), 0.99999, kind)
            self.assertIn(shown, self.ok("inspect", self.folder / f"{kind}.pt"))

    def test_archive_is_compared_with_its_own_code(self):
        image, text = self.model.samples()
        torch.jit.save(trace(self.model, image, text), str(self.folder / "a.pt"), _extra_files={"bpe_vocab": MERGES})
        self.assert_proven(self.folder / "a.pt", "Hugging Face SiglipModel")

    def test_every_recipe_gives_an_artifact_that_pytorch_runs(self):
        path = self.with_samples(state_of(self.model), self.folder / "a.safetensors")
        coco = write_coco(self.folder / "coco")
        image, text = self.model.samples(8)
        with torch.no_grad():
            expected = self.model.encode_image(image), self.model.encode_text(text)
        for recipe in ALL_RECIPES:
            artifact = self.folder / f"{recipe}.pt"
            self.ok("quantize", path, "--recipe", recipe, "-o", artifact, "--calib-data", f"coco:{coco}", "--calib-captions", coco / "captions.json")
            module = torch.jit.load(artifact)
            with torch.no_grad():
                found = module.encode_image(image), module.encode_text(text)
            for tower, ours, theirs in zip(("image", "text"), found, expected):
                self.assertGreater(worst_cosine(ours, theirs), 0.9 if "8" in recipe or "4" in recipe else 0.99, (recipe, tower))

    def test_broken_heads_are_refused(self):
        state = state_of(self.model)
        for change, pattern in (({"vision_model.head.probe": torch.zeros(1, 1, 71)}, "probe"),
                                ({"vision_model.head.attention.in_proj_weight": torch.zeros(4, 72)}, "in_proj_weight has shape"),
                                ({"vision_model.head.attention.in_proj_bias": None}, 'in_proj_bias" is missing'),
                                ({"vision_model.head.mlp.fc1.weight": torch.zeros(100, 72)}, "attn_pool.mlp.c_fc.weight"),
                                ({"text_model.head.weight": torch.zeros(64, 64)}, "72")):
            changed = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
            path = self.with_samples(changed, self.folder / "broken.safetensors")
            self.fails(3, pattern, "inspect", path)


if __name__ == "__main__":
    unittest.main()
