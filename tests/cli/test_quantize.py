"""Quantizing, and what stock PyTorch makes of the artifact."""
import io
import json
import unittest
import zipfile

import numpy as np
import torch

from support import CONTEXT, CliTest, worst_cosine, write_coco

TEXTS = ["red", "blue", "a red thing", "something blue on red 3", "RED &amp; blue!"]


class Quantize(CliTest):
    def quantize(self, path, recipe, *options):
        coco = self.folder / "coco"
        if not coco.exists():
            write_coco(coco)
        output = self.folder / f"{recipe}.pt"
        report = self.ok("quantize", path, "--recipe", recipe, "--calib-data", f"coco:{coco}", "--calib-captions",
                         coco / "captions.json", "-o", output, *options)
        return output, report

    def embed(self, model, *options):
        self.ok("embed", model, *options, "-o", self.folder / "e.npy")
        return np.load(self.folder / "e.npy"), (self.folder / "e.txt").read_text().splitlines()

    def test_stock_pytorch_gives_the_same_numbers(self):
        path, float_model = self.checkpoint()
        (self.folder / "texts.txt").write_text("\n".join(TEXTS) + "\n")
        for recipe in ("int8-dynamic", "dq-clip", "fp8-max"):
            artifact, _ = self.quantize(path, recipe)
            stock = torch.jit.load(str(artifact))
            images, names = self.embed(artifact, "--images", self.folder / "coco")
            texts, lines = self.embed(artifact, "--texts", self.folder / "texts.txt")
            self.assertEqual(lines, TEXTS)
            self.assertEqual(len(names), len(images))
            pixels = self.preprocessed(names)
            with torch.no_grad():
                theirs = stock.encode_image(pixels).numpy()
                exact = float_model.encode_image(pixels).numpy()
            self.assertGreaterEqual(worst_cosine(images, theirs), 0.99999, recipe)
            self.assertLess(np.abs(images - theirs).max(), 1e-3, recipe)
            self.assertGreater(worst_cosine(images, exact), 0.98, recipe)
            self.assertGreater(np.abs(images - exact).max(), 0, recipe)
            self.check_texts(stock, texts, recipe)

    def preprocessed(self, names):
        from PIL import Image

        mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(3, 1, 1)
        std = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(3, 1, 1)
        rows = []
        for name in names:
            image = Image.open(self.folder / "coco" / name).convert("RGB")
            image = image.resize((40, 32), Image.Resampling.BICUBIC).crop((4, 0, 36, 32))
            rows.append((torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255 - mean) / std)
        return torch.stack(rows)

    def check_texts(self, stock, texts, recipe):
        ids = torch.zeros(2, CONTEXT, dtype=torch.long)
        ids[0, :3] = torch.tensor([517, 513, 518])  # "red"
        ids[1, :3] = torch.tensor([517, 516, 518])  # "blue"
        with torch.no_grad():
            both = stock.encode_text(ids).numpy()
            logits, _ = stock(torch.zeros(2, 3, 32, 32), ids)
        if recipe != "dq-clip":  # there a batch's range is its own, so that other batch mates change the numbers
            self.assertGreaterEqual(worst_cosine(texts[:2], both), 0.99999, recipe)
        self.assertEqual(logits.shape, (2, 2))

    def test_weights_are_stored_in_their_types(self):
        path, _ = self.checkpoint()
        for recipe, dtype in (("int8-dynamic", torch.int8), ("fp8-max", torch.float8_e4m3fn)):
            artifact, _ = self.quantize(path, recipe)
            state = torch.jit.load(str(artifact)).state_dict()
            self.assertEqual(state["visual.transformer.resblocks.0.mlp.c_fc.weight"].dtype, dtype)
            quantized_embedding = recipe == "int8-dynamic"
            self.assertEqual(state["token_embedding.weight"].dtype == torch.int8, quantized_embedding)
            stored = sum(t.numel() * t.element_size() for t in state.values())
            self.assertLess(artifact.stat().st_size - stored, 600_000)

    def test_component(self):
        path, float_model = self.checkpoint()
        artifact, report = self.quantize(path, "int8-dynamic", "--component", "text")
        self.assertRegex(report, r"coverage image: 0 of \d+ quantizers on, 0.0 % of parameters")
        pixels = torch.randn(2, 3, 32, 32)
        with torch.no_grad():
            difference = torch.jit.load(str(artifact)).encode_image(pixels) - float_model.encode_image(pixels)
        self.assertLess(difference.abs().max().item(), 1e-4)

    def test_manifest_says_how_it_came_about(self):
        path, _ = self.checkpoint()
        artifact, _ = self.quantize(path, "fp8-max", "--set", "calibration.samples=8")
        with zipfile.ZipFile(artifact) as archive:
            member = next(name for name in archive.namelist() if name.endswith("extra/clipq.json"))
            manifest = json.load(io.BytesIO(archive.read(member)))
        self.assertEqual(manifest["calibration"]["samples"], 8)
        self.assertEqual(manifest["calibration"]["images"], 6)
        self.assertEqual(manifest["recipe"]["calibration"]["samples"], 8)
        self.assertEqual(manifest["source"]["file"], "tiny.pt")
        by_name = {q["name"]: q for q in manifest["quantizers"]}
        self.assertFalse(by_name["visual.conv1.weight_quantizer"]["enabled"])
        amax = by_name["visual.transformer.resblocks.0.mlp.c_fc.weight_quantizer"]["amax"]["max"]
        weight = torch.jit.load(str(path)).state_dict()["visual.transformer.resblocks.0.mlp.c_fc.weight"]
        self.assertAlmostEqual(amax, weight.abs().max().item(), places=5)

    def test_the_same_input_gives_the_same_tensors(self):
        path, _ = self.checkpoint()
        first = torch.jit.load(str(self.quantize(path, "fp8-max")[0])).state_dict()
        second = torch.jit.load(str(self.quantize(path, "fp8-max")[0])).state_dict()
        for name, tensor in first.items():
            self.assertTrue(torch.equal(tensor.view(torch.uint8), second[name].view(torch.uint8)) if tensor.dim() else
                            tensor.item() == second[name].item(), name)

    def test_recipe_file_and_unused_data(self):
        path, _ = self.checkpoint()
        recipe = {"name": "mine", "rules": [{"match": "visual.*.mlp.*.weight_quantizer", "format": "int8"}]}
        (self.folder / "mine.json").write_text(json.dumps(recipe))
        coco = write_coco(self.folder / "coco")
        process = self.fails(2, "matches no quantizer.*did you mean", "quantize", path, "--recipe", self.folder / "mine.json",
                             "--set", "visual.*.mpl.*.enable=true", "-o", self.folder / "x.pt")
        self.assertFalse((self.folder / "x.pt").exists(), process)
        from support import clipq

        process = clipq("quantize", path, "--recipe", self.folder / "mine.json", "--calib-data", f"coco:{coco}",
                        "-o", self.folder / "x.pt")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("the data were not used for diagnostics either", process.stderr)


if __name__ == "__main__":
    unittest.main()
