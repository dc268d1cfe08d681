"""`clipq eval --task layers` against PyTorch's own outputs of the blocks, and against the artifact's own tensors; search
examples of `--task drift`; sizes by part."""
import base64
import copy
import io
import json
import unittest

import numpy as np
import torch
from PIL import Image
from support import CliTest, export, write_cifar, write_coco

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
ITEMS = 6


def dequantized(model, artifact):
    """The float model with the values of the artifact's image blocks, of a recipe that quantizes weights only."""
    stored = torch.jit.load(str(artifact)).state_dict()
    model = copy.deepcopy(model)
    values = lambda name: stored[name + ".weight"].float() * stored[name + ".weight_scale"]  # noqa: E731
    for i, block in enumerate(model.visual.transformer.resblocks):
        name = f"visual.transformer.resblocks.{i}."
        block.attn.in_proj_weight.data = values(name + "attn.in_proj")
        block.attn.out_proj.weight.data = values(name + "attn.out_proj")
        block.mlp.c_fc.weight.data = values(name + "mlp.c_fc")
        block.mlp.c_proj.weight.data = values(name + "mlp.c_proj")
    model.visual.conv1.weight.data = values("visual.conv1").reshape(model.visual.conv1.weight.shape)
    return model


def pixels_of(cifar):
    records = np.frombuffer((cifar / "test.bin").read_bytes(), np.uint8).reshape(-1, 3074)[:ITEMS, 2:]
    planes = records.reshape(-1, 3, 32, 32).astype(np.float32) / 255
    return torch.from_numpy((planes - MEAN[:, None, None]) / STD[:, None, None])


def traced(model, pixels):
    """What each image block gives, and what each c_proj is given: float64 lists of [items, tokens, width]."""
    outputs, gelu = [], []
    for block in model.visual.transformer.resblocks:
        block.register_forward_hook(lambda module, inputs, output: outputs.append(output.double()))
        block.mlp.c_proj.register_forward_pre_hook(lambda module, inputs: gelu.append(inputs[0].double()))
    with torch.no_grad():
        model.encode_image(pixels)
    return outputs, gelu


def outliers(values, axis):
    """What layers says of the tokens (axis 2 is reduced) or the channels (axis 1) of values [items, tokens, channels]."""
    peaks = values.abs().amax(axis)
    ratios = torch.stack([row / row[row > 0].median() for row in peaks])
    beyond = ratios > 8
    counts = beyond.sum(0)
    places = sorted((-count, index) for index, count in enumerate(counts.tolist()) if count)[:8]
    return {"ratio": ratios.amax(1).mean().item(), "share": beyond.any(1).double().mean().item(),
            "places": [{"index": index, "share": -count / len(values)} for count, index in places]}


class Layers(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()
        self.cifar = write_cifar(self.folder / "cifar", labels=range(10))

    def quantized(self, *arguments, name="q.pt"):
        self.ok("quantize", self.path, *arguments, "-o", self.folder / name)
        return self.folder / name

    def layers(self, *models, data=None):
        arguments = data or ("--data", f"cifar100:{self.cifar}", "--limit", ITEMS)
        return json.loads(self.ok("eval", *models, "--task", "layers", *arguments, "--json"))["results"]

    def test_depth_is_what_pytorch_computes(self):
        artifact = self.quantized("--recipe", "int8-weight-only", "--component", "image")
        base, other = self.layers(self.path, artifact)
        pixels = pixels_of(self.cifar)
        before, _ = traced(copy.deepcopy(self.model), pixels)
        after, _ = traced(dequantized(self.model, artifact), pixels)
        depth = other["details"]["depth"]["image"]
        cosines = [torch.cosine_similarity(a, b, dim=-1).mean().item() for a, b in zip(before, after)]
        sqnr = [10 * torch.log10(a.square().sum() / (a - b).square().sum()).item() for a, b in zip(before, after)]
        np.testing.assert_allclose(depth["cosine"], cosines, atol=1e-6)
        np.testing.assert_allclose(depth["sqnr_db"], sqnr, atol=0.02)  # float32 against float32 in another order
        self.assertLess(depth["cosine"][-1], 0.999999)
        self.assertEqual(other["metrics"]["image_block_cosine_min"], min(depth["cosine"]))
        self.assertEqual(other["details"]["depth"]["text"]["sqnr_db"], [200, 200])  # the text tower is float
        self.assertEqual(base["details"]["depth"]["image"]["sqnr_db"], [200, 200])
        self.assertEqual(other["model"]["mode"], "simulate")
        self.assertEqual((other["data"]["items"], other["settings"]["texts"]), (ITEMS, ITEMS))

    def test_histograms(self):
        artifact = self.quantized("--recipe", "int8-weight-only")
        base, other = self.layers(self.path, artifact)
        _, gelu = traced(copy.deepcopy(self.model), pixels_of(self.cifar))
        for found, values in zip(base["details"]["gelu"]["image"], gelu):
            self.assertEqual(sum(found["counts"]), values.numel())
            np.testing.assert_allclose([found["low"], found["high"]], [values.min(), values.max()], rtol=1e-4)
            expected, _ = np.histogram(values.numpy(), len(found["counts"]), (found["low"], found["high"]))
            moved = np.abs(np.cumsum(expected) - np.cumsum(found["counts"])).max()
            self.assertLess(moved / values.numel(), 0.03)  # a bin of the finer histogram that lies across an edge
        name = "visual.transformer.resblocks.1.mlp.c_fc"
        weights = [next(each for each in result["details"]["weights"] if each["name"] == name) for result in (base, other)]
        values = self.model.visual.transformer.resblocks[1].mlp.c_fc.weight.detach().numpy()
        amax = float(np.abs(values).max())
        for found, expected in zip(weights, (values, dequantized(self.model, artifact).visual.transformer.resblocks[1].mlp.c_fc.weight)):
            self.assertAlmostEqual(found["high"], amax, places=6)
            counts, _ = np.histogram(np.asarray(expected.detach() if torch.is_tensor(expected) else expected), 97, (-amax, amax))
            self.assertLess(np.abs(counts - found["counts"]).sum(), 20)  # values on an edge
        self.assertEqual(len(weights[0]["counts"]), 97)

    def test_outlier_tokens_and_channels_are_those_of_pytorch(self):
        block = self.model.visual.transformer.resblocks[0]
        with torch.no_grad():  # one token of every image, and a channel
            self.model.visual.positional_embedding[5, 70] += 50
            self.model.visual.ln_pre.weight[70], block.mlp.c_proj.weight[:, 9], block.mlp.c_fc.bias[9] = 20, 0, 40
            block.mlp.c_proj.weight[70, 9] = 0.1
        path = self.folder / "outliers.pt"
        export(self.model, path)
        base, other = self.layers(path, self.quantized())
        outputs, gelu = traced(copy.deepcopy(self.model), pixels_of(self.cifar))
        tower = base["details"]["outliers"]["image"]
        found = [each["tokens"] for each in tower["blocks"]] + [each["channels"] for each in tower["blocks"]]
        expected = [outliers(each, 2) for each in outputs] + [outliers(each, 1) for each in outputs]
        names = [each["name"] for each in tower["inputs"]]
        self.assertEqual(names[:3], ["visual.conv1", *(f"visual.transformer.resblocks.0.attn.{name}" for name in ("in_proj", "out_proj"))])
        for i, values in enumerate(gelu):
            row = tower["inputs"][names.index(f"visual.transformer.resblocks.{i}.mlp.c_proj")]
            found += [row["tokens"], row["channels"]]
            expected += [outliers(values, 2), outliers(values, 1)]
        for ours, theirs in zip(found, expected, strict=True):
            self.assertAlmostEqual(ours["ratio"], theirs["ratio"], delta=1e-4 * theirs["ratio"])
            self.assertEqual((ours["share"], ours["places"]), (theirs["share"], theirs["places"]))
        self.assertEqual(found[0]["places"], [{"index": 5, "share": 1.0}])
        self.assertEqual(base["details"]["outliers"]["text"]["blocks"][0]["tokens"]["places"], [])
        self.assertNotIn("outliers", other["details"])

    def test_quantizers_and_ranges_are_the_manifests(self):
        coco = write_coco(self.folder / "coco", count=8)
        data = ("--data", f"coco:{coco}", "--captions", coco / "captions.json")
        artifact = self.quantized("--recipe", "int8-static", "--calib-data", f"coco:{coco}", "--calib-captions", coco / "captions.json")
        base, other = self.layers(self.path, artifact, data=data)
        manifest = json.loads(self.ok("inspect", artifact, "--json"))["manifest"]
        on = {each["name"]: each for each in manifest["quantizers"] if each["enabled"]}
        rows = {each["name"]: each for each in other["details"]["quantizers"]}
        self.assertEqual(list(rows), list(on))
        for name, row in rows.items():
            self.assertEqual((row.get("clipped"), row.get("sqnr_db")), (on[name].get("clipped"), on[name].get("sqnr_db")))
        for i, found in enumerate(other["details"]["gelu_ranges"]["text"]):
            record = on[f"transformer.resblocks.{i}.mlp.c_proj.input_quantizer"]
            self.assertEqual(found, [record["low"], record["high"]])
        self.assertNotIn("quantizers", base["details"])
        self.assertEqual(base["data"]["items"], 8)

    def test_images_alone_have_no_text_tower(self):
        coco = write_coco(self.folder / "coco", count=3)
        result = self.layers(self.path, self.quantized(), data=("--data", f"images:{coco}"))[1]
        self.assertEqual(list(result["details"]["depth"]), ["image"])
        self.assertEqual(list(result["metrics"]), ["image_block_cosine_min"])

    def test_models_must_be_alike(self):
        other, _ = self.checkpoint("other.pt", layers=3)
        self.fails(2, "layers: other has another architecture than tiny", "eval", self.path, other, "--task", "layers", "--data",
                   f"cifar100:{self.cifar}")

    def test_search_examples(self):
        coco = write_coco(self.folder / "coco", count=12)
        arguments = ("--task", "drift", "--data", f"coco:{coco}", "--captions", coco / "captions.json")
        base, other = json.loads(self.ok("eval", self.path, self.quantized(), *arguments, "--save-features", self.folder / "features",
                                         "--json"))["results"]
        captions = [each["caption"] for each in json.loads((coco / "captions.json").read_text())["annotations"]]
        for result, name in ((base, "tiny"), (other, "q")):
            images, texts = (np.load(self.folder / "features" / f"{name}-{kind}.npy").astype(np.float64) for kind in ("images", "texts"))
            unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
            cosines = unit(texts) @ unit(images).T
            examples = result["details"]["retrieval_examples"]
            self.assertGreaterEqual(len(examples), 3)
            for example in examples:
                query = captions.index(example["query"])
                best = np.argsort(-cosines[query], kind="stable")
                self.assertEqual([each["image"] for each in example["top"]], [f"{i:012d}.jpg" for i in best[:5]])
                np.testing.assert_allclose([each["cosine"] for each in example["top"]], cosines[query][best[:5]], atol=1e-9)
                right = query // 2
                self.assertEqual([each["right"] for each in example["top"]], [i == right for i in best[:5]])
                self.assertEqual(example["rank"], list(best).index(right) + 1)
        self.assertEqual([each["query"] for each in base["details"]["retrieval_examples"]],
                         [each["query"] for each in other["details"]["retrieval_examples"]])
        shown = {each["image"] for result in (base, other) for example in result["details"]["retrieval_examples"] for each in example["top"]}
        self.assertEqual(set(base["details"]["thumbnails"]), shown)
        picture = Image.open(io.BytesIO(base64.b64decode(base["details"]["thumbnails"][min(shown)].split(",")[1])))
        self.assertEqual((picture.format, picture.size), ("JPEG", (50, 40)))

    def test_sizes_by_part_sum_to_the_file(self):
        for path in (self.path, self.quantized()):
            result = json.loads(self.ok("eval", path, "--data", f"cifar100:{self.cifar}", "--json"))["results"][0]
            parts = result["model"]["parts"]
            self.assertEqual(sum(parts.values()), path.stat().st_size)
            stored = torch.jit.load(str(path)).state_dict()
            size = lambda prefix: sum(tensor.nbytes for name, tensor in stored.items() if name.startswith(prefix))  # noqa: E731
            self.assertEqual(parts["image blocks"], size("visual.transformer."))
            self.assertEqual(parts["token embedding"], size("token_embedding."))
            self.assertEqual(parts["text blocks"], size("transformer."))
        command = result["environment"]["command"]
        self.assertRegex(command, rf"^clipq eval .*q\.pt --data cifar100:{self.cifar} --json$")


if __name__ == "__main__":
    unittest.main()
