"""CLIPs with a ModifiedResNet as image tower: read, quantized, run natively, evaluated and exported."""
import json
import pathlib
import subprocess
import sys
import unittest

import numpy as np
import torch

from resnet_torch import resnet_clip
from support import MERGES, CliTest, clipq, tokens, trace, worst_cosine
from test_checkpoint_kinds import save_safetensors

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "clip-demo-resnet.pt"
SIZE = 64
PER_CLASS = 10
LARGEST_LOSS = 0.5  # percentage points
HEADS = "--heads", "image=4,text=1", "--activation", "quick_gelu"


def pixels(count=3, seed=5):
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def export(model, path):
    torch.jit.save(trace(model, pixels(2), tokens(2)), str(path), _extra_files={"bpe_vocab": MERGES})
    return path


class Reading(CliTest):
    def inspected(self, *arguments):
        return json.loads(self.ok("inspect", *arguments, "--json"))

    def test_folded_embeddings_are_the_archives_own(self):
        inspection = self.inspected(export(resnet_clip(), self.folder / "clip.pt"))
        self.assertEqual(inspection["dialect"], "OpenAI CLIP with a ResNet")
        for tower in ("image", "text"):
            parity = inspection["parity"][tower]
            self.assertLess(parity["error"], 1e-4)
            self.assertGreater(parity["cosine"], 0.99999)
        self.assertEqual(inspection["config"]["vision_stage_blocks"], [1, 2, 1, 1])
        self.assertNotIn("activation", inspection["settings_from"]["image"])
        self.assertEqual(inspection["quantizable"]["image"], {"linear": 2, "attention": 1, "embedding": 0, "convolution": 22})

    def test_heads_are_tried_against_the_archive(self):
        clip = resnet_clip()
        clip.visual.attnpool.heads = 8
        inspection = self.inspected(export(clip, self.folder / "clip.pt"))
        self.assertEqual(inspection["config"]["vision_settings"]["heads"], 8)

    def test_a_layer_that_cannot_be_folded_is_named(self):
        state = resnet_clip().state_dict()
        norm = "visual.layer2.0.bn2"
        without = {name: tensor for name, tensor in state.items() if not name.startswith(norm + ".")}
        cases = (
            ({f"{norm}.running_var": None}, f"{norm} can't be folded into visual.layer2.0.conv2: it has no running_var"),
            ({f"{norm}.running_var": -torch.ones(16)}, f"{norm} can't be folded.*below 0"),
            ({f"{norm}.running_mean": torch.full((16,), torch.nan)}, f"{norm} can't be folded.*NaN"),
            ({f"{norm}.weight": torch.ones(15)}, f"{norm} can't be folded.*shape .15.*16 output channels"),
            ({"visual.layer1.0.downsample.1.weight": None}, "visual.layer1.0.downsample.1 can't be folded into visual.layer1.0.downsample.0"),
        )
        for changes, message in cases:
            changed = {name: tensor for name, tensor in (state | changes).items() if tensor is not None}
            path = save_safetensors(changed, self.folder / "a.safetensors")
            self.fails(3, message, "inspect", path, *HEADS)
        path = save_safetensors(without, self.folder / "a.safetensors")
        self.fails(3, f'visual.layer2.0.conv2 has neither a BatchNorm .*{norm}.weight.* nor a bias', "inspect", path, *HEADS)
        state.pop("visual.attnpool.k_proj.bias")
        path = save_safetensors(state, self.folder / "a.safetensors")
        self.fails(3, "visual.attnpool.k_proj.bias\" is missing", "inspect", path, *HEADS)


class DrawnTest(CliTest):
    """What tests need that quantize the trained model."""

    def quantized(self, recipe, *arguments, source=DEMO):
        path = self.folder / f"{recipe}.pt"
        self.ok("quantize", source, "--recipe", recipe, "-o", path, *arguments)
        return path

    def drawn(self, seed, per_class=PER_CLASS):
        folder = self.folder / f"drawn-{seed}"
        self.ok("demo", "--draw-only", "-o", folder, "--seed", seed, "--images-per-class", per_class)
        return folder

    def calibration(self):
        folder = self.drawn(1001, 2)
        return "--calib-data", f"coco:{folder / 'coco' / 'val'}", "--calib-captions", folder / "coco" / "captions.json"


class Quantizing(DrawnTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clip = resnet_clip()

    def accuracies(self, metric, models, data, task, *arguments):
        result = self.ok("eval", *models, "--task", task, "--data", f"imagefolder:{data / 'imagefolder' / 'val'}", "--json", *arguments)
        return [100 * each["metrics"][metric] for each in json.loads(result)["results"]]

    def zeroshot(self, models, data):
        words = "--classnames", data / "classnames.json", "--templates", data / "templates.json"
        return self.accuracies("acc1", models, data, "zeroshot_classification", *words)

    def assert_no_loss(self, accuracies):
        for accuracy in accuracies[1:]:
            self.assertGreaterEqual(accuracy, accuracies[0] - LARGEST_LOSS, accuracies)

    def test_recipes_keep_the_demos_accuracy(self):
        data, calibration = self.drawn(1), self.calibration()
        models = [DEMO]
        for recipe in ("int8-static", "int8-dynamic", "fp8-max"):
            for component in ("image", "text", "both"):
                models.append(self.quantized(recipe, "--component", component, *calibration).rename(
                    self.folder / f"{recipe}-{component}.pt"))
        accuracies = self.zeroshot(models, data)
        self.assertGreaterEqual(accuracies[0], 95)
        self.assert_no_loss(accuracies)
        train = self.drawn(2)
        training = "--train-data", f"imagefolder:{train / 'imagefolder' / 'val'}"
        self.assert_no_loss(self.accuracies("lp_acc1", models, data, "linear_probe", *training))

    def test_a_hard_twin_keeps_it_by_equalization(self):
        data = self.drawn(1)
        twin = self.folder / "hard.pt"
        command = [sys.executable, ROOT / "scripts" / "make_hard_twin.py", DEMO, "-o", twin, "--seed", "2"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        plain = self.quantized("int8-static", "--component", "image", "--set", "algorithms.cross_layer_equalization.enable=false",
                               *self.calibration(), source=twin).rename(self.folder / "plain.pt")
        equalized = self.quantized("int8-static", "--component", "image", *self.calibration(), source=twin)
        accuracies = self.zeroshot([twin, self.quantized("int8-dynamic", source=twin), equalized, plain], data)
        self.assertLess(accuracies.pop(), accuracies[0] - 20)
        self.assert_no_loss(accuracies)

    def test_native_and_stock_pytorch_compute_what_simulate_does(self):
        data, calibration = self.drawn(1, 1), self.calibration()
        for recipe in ("int8-dynamic", "int8-static", "fp8-max", "int4-weight-only"):
            path = self.quantized(recipe, *calibration)
            rows = {}
            for mode in ("native", "simulate"):
                self.ok("embed", path, "--images", data / "coco" / "val", "--mode", mode, "-o", self.folder / "rows.npy")
                rows[mode] = np.load(self.folder / "rows.npy")
            self.assertGreater(worst_cosine(rows["native"], rows["simulate"]), 0.999, recipe)
            samples = self.folder / recipe / "clipq"
            self.ok("export", path, "-o", samples.parent, "--verify", "never")
            own = torch.jit.load(path).encode_image(torch.from_numpy(np.load(samples / "pixel_values.npy")))
            self.assertGreater(worst_cosine(own, np.load(samples / "image_embeds.npy")), 0.99999, recipe)

    def test_dq_clip_says_that_the_image_tower_stays_float(self):
        result = clipq("quantize", DEMO, "--recipe", "dq-clip", "-o", self.folder / "dq.pt")
        self.assertIn("recipe dq-clip has nothing to do in the image tower", result.stderr)

    def test_one_tower_alone(self):
        state = {name.removeprefix("visual."): tensor for name, tensor in self.clip.state_dict().items() if name.startswith("visual.")}
        path = save_safetensors(state, self.folder / "visual.safetensors")
        self.ok("quantize", path, "--recipe", "int8-dynamic", "-o", self.folder / "q.safetensors", "--heads", "image=4")
        inspection = json.loads(self.ok("inspect", self.folder / "q.safetensors", "--json"))
        self.assertEqual(inspection["config"]["vision_stem_width"], 8)

    def test_layers_and_bench_treat_them_like_the_rest(self):
        data = self.drawn(1, 1)
        path = self.quantized("int8-dynamic")
        result = self.ok("eval", DEMO, path, "--task", "layers", "--data", f"imagefolder:{data / 'imagefolder' / 'val'}", "--limit", "4",
                         "--classnames", data / "classnames.json", "--templates", data / "templates.json", "--json")
        depth = json.loads(result)["results"][1]["details"]["depth"]["image"]
        self.assertEqual(len(depth["cosine"]), 6)
        static = self.quantized("int8-static", *self.calibration())
        result = self.ok("bench", path, static, "--tower", "image", "-b", "1,2", "--seconds", "0.1", "--profile", "--json")
        for each in json.loads(result)["results"]:
            profile = each["details"]["bench"]["profile_ms"]["image"]["2"]
            self.assertIn("visual.layer1.0.conv2", profile)
            self.assertIn("visual.attnpool.in_proj", profile)


class Exporting(DrawnTest):
    def test_graphs_compute_what_clipq_does(self):
        calibration = self.calibration()
        for recipe in ("int8-dynamic", "int8-static", "int8-smooth", "fp8-max", "int8-weight-only", "int4-weight-only", "int4-dynamic", "fp8-weight-only", "fp16"):
            path = self.quantized(recipe, *calibration)
            for target in ("any", "onnxruntime"):
                self.ok("export", path, "-o", self.folder / f"{recipe}-{target}", "--target", target, "--verify", "always")
        self.ok("export", DEMO, "-o", self.folder / "joint", "--joint", "--verify", "always")


if __name__ == "__main__":
    unittest.main()
