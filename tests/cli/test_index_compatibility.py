"""The task index_compatibility against NumPy and faiss on the same features; its verdicts, table, gate and errors."""
import json
import pathlib
import sys
import unittest

import faiss
import numpy as np
import torch
from support import GOLDEN, CliTest, write_coco

sys.path.insert(0, str(GOLDEN))
import metrics_reference as reference  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = 60
KS = (1, 5, 10)
STORAGES = (("float32", 0), ("int8", 0), ("int8", 20), ("sq8", 0), ("binary", 0), ("binary", 20))
PAIRINGS = ("first", "own"), ("own", "own"), ("own", "first")


class IndexCompatibility(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image_of = np.repeat(np.arange(IMAGES), 2)

    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.quantized = self.folder / "q.pt"
        self.ok("quantize", self.path, "--recipe", "dq-clip", "-o", self.quantized)
        self.coco = write_coco(self.folder / "coco", count=IMAGES)
        self.data = "--data", f"coco:{self.coco}", "--captions", self.coco / "captions.json"

    def evaluate(self, *options, models=None):
        return self.ok("eval", *(models or (self.path, self.quantized)), "--task", "index_compatibility", *self.data, *options)

    def measured(self, *options):
        """The Results, and each model's features as (images, texts)."""
        results = json.loads(self.evaluate("--save-features", self.folder / "features", "--json", *options))["results"]
        features = [[np.load(self.folder / "features" / f"{name}-{kind}.npy") for kind in ("images", "texts")] for name in ("tiny", "q")]
        return results, dict(zip(("first", "own"), features))

    def directions(self):
        right = self.image_of[:, None] == np.arange(IMAGES)
        return ("image_retrieval", 0, 1, right), ("text_retrieval", 1, 0, right.T)

    def test_searches_are_numpys(self):
        results, features = self.measured("--index-formats", "int8,sq8,binary", "--rescore", "20")
        searches = {tuple(search[key] for key in ("direction", "format", "index", "queries")) + (search.get("rescored", 0),): search
                    for result in results for search in result["details"]["index_compatibility"]["searches"]}
        self.assertEqual(len(searches), 2 * len(STORAGES) * 4)
        for direction, rows, queries, right in self.directions():
            base = reference.search_order(features["first"][rows], features["first"][queries], "float32")
            for storage, rescored in STORAGES:
                for index, asked in (("first", "first"), *PAIRINGS):
                    order = reference.search_order(features[index][rows], features[asked][queries], storage, rescored)
                    found = searches[direction, storage, index, asked, rescored]
                    expected = reference.index_search(base, order, right, KS)
                    for k in KS:
                        self.assertAlmostEqual(found["recall"][str(k)], expected["recall"][str(k)], delta=1e-12)
                        loss = searches[direction, "float32", "first", "first", 0]["recall"][str(k)] - expected["recall"][str(k)]
                        self.assertAlmostEqual(found["loss"][str(k)]["value"], loss, delta=1e-12)
                        self.assertLessEqual(found["loss"][str(k)]["low"], loss)
                        self.assertGreaterEqual(found["loss"][str(k)]["high"], loss)
                    for key in ("overlap", "displacement"):
                        self.assertAlmostEqual(found[key], expected[key], delta=1e-9)  # means of 120 numbers of up to 120
        for result, asked in zip(results, ("first", "own")):
            for direction, *_ in self.directions():
                for k in KS:
                    self.assertEqual(result["metrics"][f"mixed_{direction}_recall@{k}"],
                                     searches[direction, "float32", "first", asked, 0]["recall"][str(k)])

    def test_codes_find_what_faiss_finds(self):
        results, features = self.measured("--index-formats", "int8,sq8,binary")
        searches = [search for result in results for search in result["details"]["index_compatibility"]["searches"]]
        for direction, rows, queries, right in self.directions():
            for side in ("first", "own"):
                kept, asked = (np.ascontiguousarray(reference.unit(features[side][i]).astype(np.float32)) for i in (rows, queries))
                width = kept.shape[1]
                ranges = np.stack([kept.min(0), kept.max(0)])
                scalar = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
                scalar.train(kept)
                signed = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT)
                signed.train(kept)
                binary = faiss.IndexBinaryFlat(width)
                found = {}
                for name, index, encode in (("sq8", scalar, lambda x: x), ("int8", signed, lambda x: reference.int8_codes(x, ranges).astype(np.float32)),
                                            ("binary", binary, lambda x: np.packbits(x > 0, axis=1))):
                    index.add(encode(kept))
                    found[name] = index.search(encode(asked), 10)[1]
                for name, first in found.items():
                    own = next(search for search in searches if search["direction"] == direction and search["format"] == name
                               and search["index"] == search["queries"] == side)
                    for k in KS:
                        recall = np.take_along_axis(right, first[:, :k], 1).any(1).mean()
                        # faiss sums in float32, and its ties fall otherwise: one query at most.
                        self.assertAlmostEqual(own["recall"][str(k)], recall, delta=1.001 / len(asked), msg=(direction, name, side, k))

    def test_verdicts(self):
        for limit, verdict, words in (("100", "compatible", "no reindex needed"), ("0.001", "incompatible|undecided", "reindex needed|undecided")):
            results, _ = self.measured("--largest-loss", limit)
            base, own = (result["details"]["index_compatibility"]["verdicts"] for result in results)
            self.assertEqual(base, [])
            self.assertRegex(own[0]["verdict"], verdict)
            self.assertRegex(own[0]["text"], fr"^({words}).*: a float32 index of tiny with queries of q loses -?[0-9.]+ \[-?[0-9.]+, [0-9.]+\] points")
        table = self.evaluate("--index-formats", "binary", "--recall-k", "1,10")
        self.assertRegex(table, r"text → image  tiny.pt  q.pt +float32 ")
        self.assertRegex(table, r"image → text  q.pt +tiny.pt  binary ")
        self.assertRegex(table, "Verdict: .*: a binary index of tiny with queries of tiny loses")
        same = self.evaluate("--json", models=(self.path, self.path))
        search = json.loads(same)["results"][1]["details"]["index_compatibility"]["searches"][0]
        self.assertEqual((search["overlap"], search["displacement"], search["loss"]["1"]["value"]), (1, 0, 0))

    def test_a_model_with_other_dimensions_needs_an_index_of_its_own(self):
        """Its embeddings are those of the demo's model with their dimensions in another order."""
        demo, other, data = ROOT / "demo" / "clip-demo.pt", self.folder / "other.pt", self.folder / "drawn"
        self.ok("demo", "--draw-only", "-o", data, "--images-per-class", 3)
        extra = {"bpe_vocab": "", "clipq_checkpoint.json": ""}
        module = torch.jit.load(str(demo), _extra_files=extra)
        order = torch.randperm(module.text_projection.shape[1], generator=torch.Generator().manual_seed(1))
        for projection in (module.visual.proj, module.text_projection):
            projection.data = projection.data[:, order]
        torch.jit.save(module, str(other), _extra_files=extra)
        data = "--data", f"coco:{data / 'coco' / 'val'}", "--captions", data / "coco" / "captions.json"
        evaluate = "eval", demo, other, "--task", "index_compatibility", *data, "--largest-loss", "10", "--json"
        base, own = (result["details"]["index_compatibility"] for result in json.loads(self.ok(*evaluate))["results"])
        verdict = own["verdicts"][0]
        self.assertEqual(verdict["verdict"], "incompatible")
        self.assertEqual(verdict["own_index"], "compatible")
        self.assertRegex(verdict["text"], "^reindex needed: .* loses [0-9.]+ .*; a loss of 10 is allowed. On an index of its own, other loses 0.00 ")
        few = json.loads(self.ok(*evaluate, "--limit", "5", "--recall-k", "100"))["results"][1]["details"]["index_compatibility"]
        self.assertEqual(few["verdicts"][0]["verdict"], "undecided")
        self.assertIn("was searched for as many results as it has", few["verdicts"][0]["text"])

    def test_the_gate(self):
        output = self.folder / "compatibility.json"
        self.evaluate("-o", output)
        compare = "compare", "--base", output, "--new", output, "--max-mixed-drop"
        self.assertIn("mixed_text_retrieval_recall@10 drop", self.ok(*compare, "100"))
        document = json.loads(output.read_text())
        for name, outcome in document["results"][0]["outcomes"].items():
            outcome["hits"] = "1" * len(outcome["hits"])
            document["results"][0]["metrics"][name] = 1.0
        output.write_text(json.dumps(document))
        report = json.loads(self.fails(4, "gates not met", *compare, "0.5", "--json").stdout)
        self.assertIn("max-mixed-drop mixed_image_retrieval_recall@1", [gate["gate"] for gate in report["gates"]])
        relative = self.folder / "relative.json"  # to another model
        relative.write_text(self.evaluate("--json", models=(self.quantized, self.path)))
        self.fails(2, "nothing to compare|mixed recalls", *compare[:2], output, "--new", relative, "--max-mixed-drop", "100")
        for bad in ("-1", "nan", "acc1=1"):
            self.fails(2, "max-mixed-drop .*: expected a non-negative number", *compare[:-1], f"--max-mixed-drop={bad}")
        other = self.folder / "retrieval.json"
        self.ok("eval", self.path, self.quantized, "--task", "zeroshot_retrieval", *self.data, "-o", other)
        self.fails(2, "mixed recalls.*index_compatibility", "compare", "--base", other, "--new", other, "--max-mixed-drop", "1")

    def test_bad_requests(self):
        evaluate = "eval", self.path, self.quantized, "--task", "index_compatibility", *self.data
        self.fails(2, 'unknown index format "int4"; did you mean "int8"', *evaluate, "--index-formats", "float32,int4")
        self.fails(2, "compares models", *evaluate[:2], *evaluate[3:])
        self.fails(2, "--rescore: got 9, expected", *evaluate, "--rescore", "9")
        self.fails(2, "rescore orders results of int8 and binary searches", *evaluate, "--rescore", "10", "--index-formats", "sq8")
        demo = ROOT / "demo" / "clip-demo.pt"
        self.fails(2, "index_compatibility: embeddings of clip-demo have [0-9]+ dimensions, those of tiny 48; compare models of the same",
                   "eval", self.path, demo, *evaluate[3:])
        self.fails(2, "has no captions", *evaluate[:5], "--data", f"images:{self.coco}")


if __name__ == "__main__":
    unittest.main()
