"""Evaluation and benchmarks: figures against NumPy, the Result JSON, the table."""
import json
import unittest

import numpy as np
import torch
from torch.nn import functional as F

from support import CliTest, clipq, write_cifar

NAMES = [f"class {i}" for i in range(100)]
TEMPLATES = ["a {c}.", "red {c}", "the blue {c}!"]


class Eval(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()
        self.cifar = write_cifar(self.folder / "cifar", labels=[i % 37 for i in range(300)])
        (self.folder / "names.json").write_text(json.dumps(NAMES))
        (self.folder / "templates.json").write_text(json.dumps({"cifar100": TEMPLATES, "other": ["x {c}"]}))
        self.prompts = ("--classnames", self.folder / "names.json", "--templates", self.folder / "templates.json")

    def expected(self):
        """acc1, acc5 and mean per-class recall from `clipq embed`'s texts and PyTorch's own image tower."""
        lines = [t.replace("{c}", n) for n in NAMES for t in TEMPLATES]
        (self.folder / "prompts.txt").write_text("\n".join(lines) + "\n")
        self.ok("embed", self.path, "--texts", self.folder / "prompts.txt", "--normalize", "-o", self.folder / "t.npy")
        texts = torch.from_numpy(np.load(self.folder / "t.npy")).view(100, len(TEMPLATES), -1).mean(1)
        records = np.fromfile(self.cifar / "test.bin", np.uint8).reshape(-1, 3074)
        mean = np.array((0.48145466, 0.4578275, 0.40821073), np.float32).reshape(3, 1, 1)
        std = np.array((0.26862954, 0.26130258, 0.27577711), np.float32).reshape(3, 1, 1)
        images = (records[:, 2:].reshape(-1, 3, 32, 32).astype(np.float32) / 255 - mean) / std
        with torch.no_grad():
            features = F.normalize(self.model.eval().encode_image(torch.from_numpy(images)), dim=-1)
        order = (features @ F.normalize(texts, dim=-1).T).argsort(dim=-1, descending=True, stable=True)
        labels = torch.from_numpy(records[:, 1].astype(np.int64))
        hits = order == labels[:, None]
        recalls = [hits[labels == c, 0].double().mean().item() for c in labels.unique()]
        return {"acc1": hits[:, 0].double().mean().item(), "acc5": hits[:, :5].any(1).double().mean().item(),
                "mean_per_class_recall": sum(recalls) / len(recalls)}

    def test_zero_shot_equals_an_independent_computation(self):
        output = self.folder / "result.json"
        self.ok("eval", self.path, "--data", f"cifar100:{self.cifar}", *self.prompts, "-o", output)
        result = json.loads(output.read_text())["results"][0]
        for key, value in self.expected().items():
            self.assertAlmostEqual(result["metrics"][key], value, places=9, msg=key)
        self.assertEqual(result["schema"], "clipq.result/1")
        self.assertEqual(result["data"]["items"], 300)
        self.assertEqual(result["data"]["templates"], 3)
        self.assertEqual(result["model"]["mode"], "float")
        self.assertEqual(result["model"]["size_bytes"], self.path.stat().st_size)

    def test_batch_size_and_limit(self):
        documents = []
        for size in ("7", "300"):
            text = self.ok("eval", self.path, "--data", f"cifar100:{self.cifar}", *self.prompts, "--limit", "50",
                           "--batch-size", size, "--json")
            documents.append(json.loads(text)["results"][0])
        self.assertEqual(documents[0]["metrics"], documents[1]["metrics"])
        self.assertEqual(documents[0]["data"]["items"], 50)

    def test_several_models_in_one_table(self):
        self.ok("quantize", self.path, "-o", self.folder / "q.pt")
        table = self.ok("eval", self.path, self.folder / "q.pt", "--data", f"cifar100:{self.cifar}", *self.prompts)
        self.assertRegex(table, r"tiny\.pt")
        self.assertRegex(table, r"q\.pt +int8-dynamic +both")
        self.assertIn("300 items", table)

    def test_too_few_class_names(self):
        (self.folder / "few.json").write_text(json.dumps(NAMES[:5]))
        self.fails(2, "5 class names.*--classnames", "eval", self.path, "--data", f"cifar100:{self.cifar}", "--classnames",
                   self.folder / "few.json")

    def test_bench(self):
        text = self.ok("bench", self.path, "--batch-size", "1,4", "--seconds", "0.1", "--threads", "1", "--json")
        result = json.loads(text)["results"][0]
        self.assertEqual(result["task"], "bench")
        self.assertEqual(result["environment"]["threads"], 1)
        for tower in ("image", "text", "text_prompts"):
            self.assertEqual(list(result["latency"][tower]), ["1", "4"])
            times = result["latency"][tower]["4"]
            self.assertGreater(times["min_ms"], 0)
            self.assertLessEqual(times["min_ms"], times["median_ms"])
            self.assertLessEqual(times["median_ms"], times["p95_ms"])
            self.assertGreaterEqual(times["repeats"], 10)
        only = json.loads(self.ok("bench", self.path, "--tower", "text", "--seconds", "0.1", "--json"))["results"][0]
        self.assertEqual(list(only["latency"]), ["text", "text_prompts"])

    def test_results_go_to_stdout_and_nothing_else(self):
        process = clipq("eval", self.path, "--data", f"cifar100:{self.cifar}", *self.prompts, "--limit", "5", "--json",
                        "--quiet")
        self.assertEqual(process.stderr, "")
        json.loads(process.stdout)


if __name__ == "__main__":
    unittest.main()
