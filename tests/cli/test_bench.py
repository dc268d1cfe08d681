"""`clipq bench` and native kernels: figures recomputed from each other, every path, runs on request."""

import json
import re
import unittest

import numpy as np

from support import CliTest, clipq


def peak_name(kernels):
    """The peak that most linears' kernels are compared with."""
    first = re.split("[ ,]", kernels)[0]
    if first in ("", "float32"):
        return "float32_gops"
    return "fp8_gops" if "bf16" in first else "int8_gops"


class Bench(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.artifact = self.folder / "int8.pt"
        self.ok("quantize", self.path, "-o", self.artifact)

    def bench(self, *arguments):
        return json.loads(self.ok("bench", *arguments, "--seconds", "0.1", "--json"))["results"]

    def test_figures_follow_from_each_other(self):
        weights = self.folder / "weights.pt"
        self.ok("quantize", self.path, "--recipe", "fp8-weight-only", "-o", weights)
        fp8 = self.folder / "fp8.pt"
        self.ok("quantize", self.path, "--recipe", "fp8-max", *self.calibration(), "-o", fp8)
        for result in self.bench(self.path, self.artifact, weights, fp8, "--batch-size", "1,3"):
            details = result["details"]["bench"]
            peak = details["gemm_peak"][peak_name(result["model"].get("kernels", ""))]
            self.assertGreater(peak, 0)
            for what, batches in result["latency"].items():
                for batch, times in batches.items():
                    rates = details["rates"][what][batch]
                    gops = rates["operations"] / times["median_ms"] / 1e6
                    self.assertAlmostEqual(rates["items_per_second"], int(batch) * 1000 / times["median_ms"], 6)
                    self.assertAlmostEqual(rates["gops"], gops, 6)
                    self.assertAlmostEqual(rates["share_of_peak"], gops / peak, 9)
                    bandwidth = details["memory_bandwidth"]["gigabytes_per_second"]
                    read = rates["weight_bytes"] / times["median_ms"] / 1e6
                    self.assertAlmostEqual(rates["share_of_bandwidth"], read / bandwidth, 9)
            self.assertGreater(details["load"]["load_seconds"], 0)
            self.assertGreater(details["load"]["start_seconds"], 0)
            self.assertGreater(details["load"]["first_run_seconds"], 0)
            self.assertGreater(details["load"]["peak_resident_bytes"], 0)

    def test_the_artifact_runs_on_integer_kernels(self):
        base, quantized = self.bench(self.path, self.artifact, "--tower", "text")
        self.assertEqual(base["model"]["mode"], "float")
        self.assertNotIn("kernels", base["model"])
        self.assertEqual(quantized["model"]["mode"], "native")
        self.assertTrue(quantized["model"]["kernels"])

    def test_table(self):
        text = self.ok("bench", self.path, self.artifact, "--seconds", "0.1", "--batch-size", "2", "--tower", "image")
        self.assertRegex(text, r"image b2 +tiny\.pt +[\d.]+ +[\d.]+ +[\d.]+ +\d+")
        self.assertRegex(text, r"GEMM peak of this machine: INT8 \d+ GOP/s \(\S+\), FP8 \d+ GFLOP/s \(\S+\), float32 \d+ GFLOP/s; memory bandwidth \d+ GB/s")
        self.assertRegex(text, r"int8\.pt +native")

    def test_weight_bytes_are_those_of_the_tower(self):
        base, quantized = self.bench(self.path, self.artifact, "--batch-size", "1")
        for what in ("image", "text"):
            parts = quantized["model"]["parts"]
            stored = parts[f"{what} blocks"] + parts[f"{what} rest"]
            self.assertEqual(quantized["details"]["bench"]["rates"][what]["1"]["weight_bytes"], stored)
            parts = base["model"]["parts"]  # of a float32 file
            logit_scale = 4 if what == "text" else 0
            self.assertEqual(base["details"]["bench"]["rates"][what]["1"]["weight_bytes"] + logit_scale,
                             parts[f"{what} blocks"] + parts[f"{what} rest"])

    def test_end_to_end(self):
        self.calibration(count=5)
        images = self.folder / "coco"
        results = self.bench(self.path, self.artifact, "--end-to-end", "--images", images, "--limit", "4",
                             "--batch-size", "1,3")
        for result in results:
            self.assertNotIn("text", result["latency"])
            measured = result["details"]["bench"]["end_to_end"]
            self.assertEqual(measured["images"], 4)
            self.assertEqual(measured["data"], f"images:{images}")
            self.assertEqual(measured["content_sha256"], results[0]["details"]["bench"]["end_to_end"]["content_sha256"])
            self.assertEqual(list(measured["by_batch_size"]), ["1", "3"])
            for figures in measured["by_batch_size"].values():
                passes = {name: stats["median_ms"] for name, stats in figures["passes"].items()}
                self.assertAlmostEqual(figures["images_per_second"], 4000 / passes["whole"], 6)
                self.assertAlmostEqual(figures["possible_images_per_second"],
                                       4000 / (passes["preparation"] + passes["forward"]), 6)
                self.assertAlmostEqual(sum(stage["share"] for stage in figures["stages"].values()), 1, 9)
        text = self.ok("bench", self.artifact, "--end-to-end", "--images", images, "--seconds", "0.1", "--batch-size", "2")
        self.assertRegex(text, r"b2 +int8\.pt +[\d.]+ +[\d.]+ % +[\d.]+ \([\d.]+ %\)")

    def test_end_to_end_needs_images_and_an_image_tower(self):
        self.fails(2, "--images", "bench", self.artifact, "--end-to-end")
        self.fails(2, "--end-to-end", "bench", self.artifact, "--images", self.folder)
        self.fails(3, "does not exist", "bench", self.artifact, "--end-to-end", "--images", self.folder / "none")
        self.fails(2, "--tower text", "bench", self.artifact, "--end-to-end", "--images", self.folder, "--tower", "text")

    def test_profile_names_every_layer(self):
        for path in (self.path, self.artifact):
            result, = self.bench(path, "--profile", "--batch-size", "4")
            profile = result["details"]["bench"]["profile_ms"]
            for what, prefix in (("image", "visual."), ("text", "")):
                layers = profile[what]["4"]
                for layer in ("attn.in_proj", "attn.out_proj", "mlp.c_fc", "mlp.c_proj"):
                    self.assertIn(f"{prefix}transformer.resblocks.0.{layer}", layers)
                self.assertIn("(rest)", layers)
                self.assertGreater(sum(layers.values()), 0)
            self.assertIn("visual.conv1", profile["image"]["4"])
            self.assertIn("token_embedding", profile["text"]["4"])

    def test_runs_on_request(self):
        process = clipq("bench", self.artifact, "--on-request", input="image 2\ntext 1\nimage 2\n")
        self.assertEqual(process.returncode, 0, process.stderr)
        first, *times = process.stdout.split()
        self.assertEqual(first, "ready")
        self.assertEqual(len(times), 3)
        self.assertTrue(all(float(time) > 0 for time in times))

    def test_bad_requests(self):
        for request in ("image", "image 0", "picture 1", "image 1 2"):
            self.fails(2, request.split()[0], "bench", self.artifact, "--on-request", input=request + "\n")
        self.fails(2, "expected exactly one model", "bench", self.path, self.artifact, "--on-request")

    def embeddings(self, *arguments, model=None):
        out = self.folder / "out.npy"
        texts = self.folder / "texts.txt"
        texts.write_text("\n".join(f"{'a ' * (i % 9)}photo of {i}" for i in range(40)))
        self.ok("embed", model or self.artifact, "--texts", texts, "--normalize", "-o", out, *arguments)
        return np.load(out).astype(np.float64)

    def test_every_path_embeds_as_simulate_does(self):
        simulated = self.embeddings("--mode", "simulate")
        listed = json.loads(self.ok("list", "kernels", "--json"))["kernels"]
        here = [row["name"] for row in listed if "(not supported here)" not in row["comment"]]
        self.assertIn("portable", here)
        for path in ["auto", *here]:
            cosines = (simulated * self.embeddings("--kernels", path)).sum(1)
            self.assertGreater(cosines.min(), 0.999, path)
        for row in listed:
            if row["name"] not in here:
                self.fails(2, "this processor can't run", "embed", self.artifact, "--texts", self.folder / "texts.txt",
                           "-o", self.folder / "x.npy", "--kernels", row["name"])

    def test_every_attention_embeds_nearly_as_simulate_does(self):
        simulated = self.embeddings("--mode", "simulate")
        for row in json.loads(self.ok("list", "attention", "--json"))["attention"]:
            if "(not supported here)" in row["comment"]:
                self.fails(2, "this processor can't run", "bench", self.artifact, "--attention", row["name"])
                continue
            cosines = (simulated * self.embeddings("--attention", row["name"])).sum(1)
            self.assertGreater(cosines.min(), 0.998, row["name"])
        self.fails(2, "unknown attention \"float\"", "bench", self.artifact, "--attention", "float")
        self.fails(2, "no effect with --mode simulate", "bench", self.artifact, "--attention", "float32", "--mode", "simulate")

    def test_wrong_kernels(self):
        self.fails(2, "unknown kernels \"avx513\"", "bench", self.artifact, "--kernels", "avx513")
        self.fails(2, "no effect with --mode simulate", "bench", self.artifact, "--kernels", "portable", "--mode", "simulate")

    def test_every_recipe_runs_on_kernels(self):
        """FP8 and float inputs as well: `simulate` is the reference for their embeddings."""
        for recipe in ("fp8-max", "fp8-weight-only", "int8-weight-only", "int4-weight-only", "int4-dynamic", "fp16", "int8-static"):
            artifact = self.folder / f"{recipe}.pt"
            data = self.calibration() if recipe in ("fp8-max", "int4-weight-only", "int4-dynamic", "int8-static") else []
            self.ok("quantize", self.path, "--recipe", recipe, *data, "-o", artifact)
            model = self.bench(artifact)[0]["model"]
            self.assertEqual(model["mode"], "native", recipe)
            self.assertNotIn("simulated", model["kernels"], recipe)
            cosines = (self.embeddings("--mode", "simulate", model=artifact) * self.embeddings(model=artifact)).sum(1)
            self.assertGreater(cosines.min(), 0.99, recipe)

    def test_what_has_no_kernels_is_simulated(self):
        (self.folder / "embedding.json").write_text(json.dumps({
            "name": "embedding", "rules": [{"match": "*", "enable": False},
                                           {"match": "token_embedding.weight_quantizer", "format": "int8", "granularity": "channel"}]}))
        self.ok("quantize", self.path, "--recipe", self.folder / "embedding.json", "-o", self.folder / "w.pt")
        process = clipq("bench", self.folder / "w.pt", "--seconds", "0.1", "--json")
        self.assertEqual(json.loads(process.stdout)["results"][0]["model"]["mode"], "simulate")
        self.assertRegex(process.stderr, "has no layers for native kernels")


if __name__ == "__main__":
    unittest.main()
