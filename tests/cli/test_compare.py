"""`clipq compare`: pairing, gates with their exit codes, CLIP_benchmark's files."""
import json
import unittest

from support import CliTest, clipq

SHA256 = "0123456789abcdef" * 4
ENVIRONMENT = {"clipq": "0.1.0", "libtorch": "2.13.0", "cpu": "CPU X", "isa": "AVX2", "threads": 2,
               "time": "2026-01-02T03:04:05Z"}
FLOAT = {"path": "base.pt", "size_bytes": 4000, "float32_bytes": 4000, "mode": "float"}
INT8 = {"path": "int8.pt", "recipe": "int8-dynamic", "component": "both", "size_bytes": 1000, "float32_bytes": 4000,
        "mode": "native"}


def evaluated(model, hits, **data):
    """Zero-shot classification with the outcome of each item."""
    return {"schema": "clipq.result/1", "task": "zeroshot_classification", "model": model,
            "data": {"spec": "cifar100:d", "dataset": "cifar100", "items": len(hits), "sha256": SHA256, "templates": 18,
                     **data},
            "metrics": {"acc1": hits.count("1") / len(hits), "ece": 0.05}, "settings": {"batch_size": 64},
            "environment": ENVIRONMENT, "outcomes": {"acc1": {"hits": hits}}}


def benched(model, **median_ms):
    """Latencies of towers in batches of 1."""
    latency = {tower: {"1": {"min_ms": ms, "median_ms": ms, "p95_ms": ms, "repeats": 10}} for tower, ms in median_ms.items()}
    return {"schema": "clipq.result/1", "task": "bench", "model": model, "latency": latency, "environment": ENVIRONMENT}


def hits(wrong, right):
    return "0" * wrong + "1" * right


class Compare(CliTest):
    def setUp(self):
        super().setUp()
        self.evaluation = self.write("eval.json", evaluated(FLOAT, hits(400, 600)), evaluated(INT8, hits(404, 596)))
        self.bench = self.write("bench.json", benched(FLOAT, image=90, text=40), benched(INT8, image=45, text=32))
        self.both = ("--base", self.evaluation, self.bench, "--new", self.evaluation, self.bench)

    def write(self, name, *results):
        path = self.folder / name
        path.write_text(json.dumps({"results": results}))
        return path

    def compare(self, *arguments, code=0):
        """The JSON of `clipq compare --json` and what it said on stderr."""
        process = clipq("compare", *arguments, "--json")
        self.assertEqual(process.returncode, code, process.stdout + process.stderr)
        return json.loads(process.stdout), process.stderr

    def test_one_file_is_base_and_new(self):
        report, log = self.compare(*self.both)
        self.assertRegex(log, "the base is base.pt, the first model")
        self.assertEqual(report["base"]["path"], "base.pt")
        self.assertEqual([each["model"]["path"] for each in report["comparisons"]], ["int8.pt"])
        comparison = report["comparisons"][0]
        acc1 = comparison["metrics"][0]
        self.assertEqual((acc1["metric"], acc1["gained"], acc1["lost"], acc1["p_value"]), ("acc1", 0, 4, 0.125))
        self.assertAlmostEqual(acc1["difference"], -0.004, places=12)
        self.assertLess(acc1["interval"][0], acc1["difference"])
        self.assertGreater(acc1["interval"][1], acc1["difference"])
        self.assertEqual(comparison["size_ratio"], {"file": 0.25, "float32": 0.25})
        self.assertEqual({each["tower"]: each["speed_up"] for each in comparison["latency"]}, {"image": 2, "text": 1.25})
        self.assertEqual(report["gates"], [])
        self.assertTrue(report["passed"])

    def test_gates_that_hold(self):
        text = self.ok("compare", *self.both, "--max-drop", "acc1=1", "ece=0", "--max-size-ratio", "0.25", "--min-speedup",
                       "1.2", "--min-speedup", "image.1=2")
        self.assertRegex(text, r"int8\.pt \(int8-dynamic, both, native\) against base\.pt \(float\)")
        self.assertRegex(text, r"acc1 % +60\.00 +59\.60 +-0\.40 \[-0\.88, \+0\.08\] +0\.125")
        self.assertIn("PASS acc1 drop 0.40 points, at most 1.00\n", text)
        self.assertIn("PASS ece drop 0.00 points, at most 0.00\n", text)
        self.assertIn("PASS size 0.25x of the base's file, at most 0.25x\n", text)
        self.assertIn("PASS text.1 speed-up 1.25x, at least 1.20x\n", text)
        self.assertEqual(text.count("PASS image.1"), 2)

    def test_broken_gates_still_print_the_report(self):
        process = self.fails(4, r"gates not met: int8\.pt: acc1 drop 0\.40 points, at most 0\.30; int8\.pt: text\.1 speed-up "
                             r"1\.25x, at least 1\.50x", "compare", *self.both, "--max-drop", "acc1=0.3", "--min-speedup", "1.5")
        self.assertIn("BROKEN acc1 drop 0.40 points, at most 0.30\n", process.stdout)
        self.assertIn("PASS image.1 speed-up 2.00x, at least 1.50x\n", process.stdout)
        report, _ = self.compare(*self.both, "--max-size-ratio", "0.2", "--size-against", "float32", code=4)
        self.assertFalse(report["passed"])
        gate = report["gates"][0]
        self.assertEqual((gate["gate"], gate["status"], gate["got"], gate["limit"]),
                         ("max-size-ratio", "broken", 0.25, 0.2))

    def test_rise_of_the_calibration_error_is_a_drop(self):
        worse = evaluated(INT8, hits(404, 596))
        worse["metrics"]["ece"] = 0.08
        self.fails(4, r"ece drop 3\.00 points, at most 1\.00", "compare", "--base", self.evaluation, "--new",
                   self.write("worse.json", worse), "--max-drop", "ece=1")

    def test_certainty(self):
        report, _ = self.compare(*self.both, "--max-drop", "acc1=0.5")
        self.assertEqual(report["gates"][0]["status"], "uncertain")
        self.assertTrue(report["passed"])
        self.fails(4, r"acc1 drop 0\.40 points, at most 0\.50: the 95 % interval reaches 0\.88, the sample of 1000 items is "
                   "too small to tell", "compare", *self.both, "--max-drop", "acc1=0.5", "--require-certain")
        self.fails(4, "the Results don't both have the outcomes of their 1000 items", "compare", *self.both, "--max-drop", "ece=1",
                   "--require-certain")
        self.ok("compare", *self.both, "--max-drop", "acc1=1", "--require-certain")

    def test_output_file(self):
        output = self.folder / "comparison.json"
        self.fails(4, "gates not met", "compare", *self.both, "--max-drop", "acc1=0", "-o", output)
        report, _ = self.compare(*self.both, "--max-drop", "acc1=0", code=4)
        self.assertEqual(json.loads(output.read_text()), report)
        self.fails(3, "does not exist", "compare", *self.both, "-o", self.folder / "nowhere" / "comparison.json")

    def test_gates_on_what_is_not_there(self):
        self.fails(2, 'this metric on the same data; did you mean "acc1"\\? Compared: acc1, ece', "compare", *self.both,
                   "--max-drop", "acc=1")
        self.fails(2, 'such a latency.*did you mean "image.1"\\? Compared: image.1, text.1', "compare", *self.both,
                   "--min-speedup", "image.8=1")
        unknown = self.write("unknown.json", evaluated({"path": "x.pt", "mode": "native"}, hits(400, 600)))
        self.fails(2, "x.pt is of unknown size", "compare", "--base", self.evaluation, "--new", unknown, "--max-size-ratio",
                   "0.5")

    def test_malformed_gates(self):
        for option, value in (("--max-drop", "acc1"), ("--max-drop", "acc1=abc"), ("--max-drop", "acc1=-1"),
                              ("--max-drop", "acc1=nan"), ("--max-size-ratio", "small"), ("--max-size-ratio", "nan"),
                              ("--max-size-ratio", "0"), ("--min-speedup", "image="), ("--min-speedup", "image.x=2")):
            self.fails(2, f"{option[2:]} {value}: expected ", "compare", *self.both, option, value)

    def test_nothing_to_compare(self):
        other = self.write("other.json", evaluated(INT8, hits(1, 1), sha256="f" * 64))
        self.fails(2, r"nothing to compare: the base base\.pt has zeroshot_classification on cifar100 \(1000 items, sha256 "
                   r"01234567\); the new model int8\.pt has zeroshot_classification on cifar100 \(2 items, sha256 ffffffff\)",
                   "compare", "--base", self.evaluation, "--new", other)

    def test_nothing_has_changed(self):
        alone = self.write("alone.json", evaluated(FLOAT, hits(400, 600)))
        text = self.ok("compare", "--base", alone, "--new", alone, "--max-drop", "acc1=0", "--require-certain")
        self.assertIn("PASS acc1 drop 0.00 points, at most 0.00\n", text)

    def test_data_that_only_the_base_has(self):
        elsewhere = evaluated(FLOAT, hits(1, 1), sha256="f" * 64)
        base = self.write("two.json", evaluated(FLOAT, hits(400, 600)), elsewhere)
        new = self.write("one.json", evaluated(INT8, hits(400, 600)))
        self.assertIn("only the base was measured on it", self.ok("compare", "--base", base, "--new", new))
        self.fails(2, "weren't measured on the same data", "compare", "--base", base, "--new", new, "--max-drop", "acc1=1")

    def test_damaged_files(self):
        damaged = evaluated(INT8, hits(404, 596))
        damaged["outcomes"]["acc1"]["hits"] += "x"
        self.fails(3, r"damaged.json: results\[0\]\.outcomes\.acc1\.hits: expected a 0 or a 1", "compare", "--base",
                   self.evaluation, "--new", self.write("damaged.json", damaged))
        other_items = evaluated(INT8, hits(404, 596))
        other_items["outcomes"]["acc1"]["hits"] = "01"
        self.assertIn("acc1: no interval", self.ok("compare", "--base", self.evaluation, "--new",
                                                   self.write("other.json", other_items)))
        (self.folder / "cut.json").write_text(self.evaluation.read_text()[:100])
        self.fails(3, "cut.json:1:.*not valid JSON", "compare", "--base", self.evaluation, "--new", self.folder / "cut.json")
        self.fails(3, "nowhere.json does not exist", "compare", "--base", self.folder / "nowhere.json", "--new",
                   self.evaluation)

    def test_clip_benchmark(self):
        peer = self.folder / "peer.json"
        peer.write_text(json.dumps({"dataset": "wds/cifar100", "model": "ViT-B-32", "pretrained": "openai",
                                    "task": "zeroshot_classification", "language": "en",
                                    "metrics": {"acc1": 0.61, "acc5": float("nan"), "mean_per_class_recall": 0.61}}))
        new = self.write("new.json", evaluated(INT8, hits(404, 596)))
        report, _ = self.compare("--base", peer, "--new", new, "--max-drop", "acc1=2")
        self.assertEqual(report["base"]["path"], "ViT-B-32 openai")
        comparison = report["comparisons"][0]
        self.assertEqual([each["metric"] for each in comparison["metrics"]], ["acc1"])
        self.assertNotIn("interval", comparison["metrics"][0])
        self.assertRegex(comparison["warnings"][0], "paired only by the data set's name")
        self.assertEqual(report["gates"][0]["status"], "pass")
        self.fails(2, "the base's file is of unknown size", "compare", "--base", peer, "--new", new, "--max-size-ratio", "1")

    def test_speed_is_not_compared_between_machines(self):
        elsewhere = benched(INT8, image=45)
        elsewhere["environment"] = {**ENVIRONMENT, "threads": 1}
        path = self.write("elsewhere.json", elsewhere)
        report, _ = self.compare("--base", self.bench, "--new", path)
        self.assertEqual(report["comparisons"][0]["latency"], [])
        self.assertRegex(report["comparisons"][0]["warnings"][0], "no speed-up between different machines")
        self.fails(2, "on the same machine; compared: none", "compare", "--base", self.bench, "--new", path, "--min-speedup",
                   "1")


if __name__ == "__main__":
    unittest.main()
