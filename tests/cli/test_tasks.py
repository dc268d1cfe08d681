"""The tasks of `clipq eval` against NumPy, SciPy and scikit-learn on the same features, and what goes with them: several
models at once, the feature cache, pictures that can't be decoded, class choices, CLIP_benchmark's files."""
import json
import os
import pathlib
import shutil
import sys
import unittest

import numpy as np
from support import GOLDEN, CliTest, write_cifar, write_coco

sys.path.insert(0, str(GOLDEN))
import metrics_reference as reference  # noqa: E402

NAMES = [f"class {i}" for i in range(100)]
TEMPLATES = ["a {c}.", "red {c}", "the blue {c}!"]


class Tasks(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.quantized = self.folder / "q.pt"
        self.ok("quantize", self.path, "-o", self.quantized)
        (self.folder / "names.json").write_text(json.dumps(NAMES))
        (self.folder / "templates.json").write_text(json.dumps(TEMPLATES))
        self.prompts = ("--classnames", self.folder / "names.json", "--templates", self.folder / "templates.json")

    def results(self, *arguments, models=None):
        return json.loads(self.ok("eval", *(models or [self.path, self.quantized]), *arguments, "--json"))["results"]

    def saved(self, *arguments):
        """The results of both models, and their features by name."""
        results = self.results(*arguments, "--save-features", self.folder / "features")
        features = {file.stem: np.load(file) for file in (self.folder / "features").glob("*.npy")}
        return results, features

    def assert_metrics(self, result, expected, places=9):
        self.assertEqual(list(result["metrics"]), list(expected))
        for key, value in expected.items():
            self.assertAlmostEqual(result["metrics"][key], value, places=places, msg=key)

    def cifar(self, labels, name="test.bin", seed=3):
        return write_cifar(self.folder / "cifar", labels=labels, name=name, seed=seed)

    def instances(self, folder):
        """Some categories for the pictures of write_coco()."""
        captions = json.loads((folder / "captions.json").read_text())
        generator = np.random.default_rng(9)
        targets = generator.random((len(captions["images"]), 7)) < 0.3
        captions["categories"] = [{"id": 3 * c + 1, "name": f"thing {c}"} for c in range(7)]
        captions["annotations"] = [{"image_id": captions["images"][i]["id"], "category_id": 3 * int(c) + 1}
                                   for i, c in zip(*np.nonzero(targets))]
        file = folder / "instances.json"
        file.write_text(json.dumps(captions))
        return file, targets

    def test_classification(self):
        _, features = self.saved("--data", f"cifar100:{self.cifar(range(100))}", *self.prompts)
        order = np.argsort(-reference.unit(features["tiny-images"]) @ reference.classifier(features["tiny-prompts"], 100).T)
        labels = order[np.arange(100), np.arange(100) % 7]  # a random model is seldom right otherwise
        results, features = self.saved("--data", f"cifar100:{self.cifar(labels)}", *self.prompts)
        self.assertEqual(results[0]["metrics"]["acc1"], 0.15)
        for result, name in zip(results, ("tiny", "q")):
            self.assert_metrics(result, reference.zeroshot_classification(
                features[name + "-images"], features[name + "-prompts"], labels, 100))
            hits = np.array([c == "1" for c in result["outcomes"]["acc1"]["hits"]])
            self.assertEqual(hits.mean(), result["metrics"]["acc1"])
        table = self.ok("eval", self.path, self.quantized, "--data", f"cifar100:{self.folder / 'cifar'}", *self.prompts,
                        "--per-class")
        self.assertRegex(table, r"points.*\n")
        self.assertRegex(table, r"class \d+ +\d+ +\d")

    def test_several_labels_an_image(self):
        folder = write_coco(self.folder / "coco", count=20)
        instances, targets = self.instances(folder)
        results, features = self.saved("--data", f"coco:{folder}", "--captions", instances, "--templates",
                                       self.folder / "templates.json", "--per-class")
        for result, name in zip(results, ("tiny", "q")):
            self.assert_metrics(result, reference.mean_average_precision(
                features[name + "-images"], features[name + "-prompts"], targets))
            self.assertEqual([row["items"] for row in result["details"]["per_class"]], targets.sum(0).tolist())

    def test_retrieval(self):
        folder = write_coco(self.folder / "coco", count=20)
        results, features = self.saved("--task", "zeroshot_retrieval", "--data", f"coco:{folder}", "--captions",
                                       folder / "captions.json", "--recall-k", "1,3,10")
        image_of = np.repeat(np.arange(20), 2)
        for result, name in zip(results, ("tiny", "q")):
            self.assert_metrics(result, reference.zeroshot_retrieval(
                features[name + "-images"], features[name + "-texts"], image_of, (1, 3, 10)))
        self.assertEqual(results[0]["outcomes"]["image_retrieval_recall@1"]["clusters"], " ".join(["2"] * 20))
        self.assertEqual(results[0]["settings"]["captions"], 40)

    def test_linear_probe(self):
        labels = np.array([i % 7 for i in range(140)])
        train_labels = np.array([i * 3 % 7 for i in range(210)])
        self.cifar(labels)
        self.cifar(train_labels, name="train.bin", seed=8)
        for extra, c, width in ((), 0.316, 48), (("--probe-features", "pooled", "--probe-c", "0.01"), 0.01, 128):
            results, features = self.saved("--task", "linear_probe", "--data", f"cifar100:{self.folder / 'cifar'}",
                                           "--probe-tolerance", "1e-8", *extra)
            for result, name in zip(results, ("tiny", "q")):
                train = features[name + "-train-images"]
                self.assertEqual(train.shape, (210, width))
                expected, _ = reference.linear_probe(train, train_labels, features[name + "-images"], labels, c,
                                                     tolerance=1e-8)
                self.assert_metrics(result, expected)
                self.assertEqual(result["settings"]["train_items"], 210)
        swept = self.results("--task", "linear_probe", "--data", f"cifar100:{self.folder / 'cifar'}", "--probe-sweep",
                             "--train-limit", "105")
        probe = swept[0]["details"]["probe"]
        self.assertLessEqual(len(probe["tried"]), 12)
        self.assertEqual(max(each["validation_accuracy"] for each in probe["tried"]),
                         next(each["validation_accuracy"] for each in probe["tried"] if each["c"] == probe["c"]))
        self.fails(3, "train.bin does not exist", "eval", self.path, "--task", "linear_probe", "--data",
                   f"cifar100:{write_cifar(self.folder / 'other')}")

    def test_drift_of_labelled_images(self):
        labels = np.array([i % 37 for i in range(120)])
        results, features = self.saved("--task", "drift", "--data", f"cifar100:{self.cifar(labels)}", *self.prompts)
        base = (features["tiny-images"], features["tiny-prompts"])
        for result, name in zip(results, ("tiny", "q")):
            other = (features[name + "-images"], features[name + "-prompts"])
            self.assert_metrics(result, reference.drift_labelled(base, other, labels, 100))
        similarities = results[1]["details"]["similarity_map"]
        expected = reference.unit(features["q-images"][:8]) @ reference.unit(features["q-prompts"][[3 * i for i in range(8)]]).T
        np.testing.assert_allclose(similarities["cosines"], expected, atol=1e-9)
        self.assertEqual(similarities["texts"][1], "a class 1.")

    def test_drift_of_captioned_images(self):
        folder = write_coco(self.folder / "coco", count=20)
        captions = json.loads((folder / "captions.json").read_text())
        for i, annotation in enumerate(captions["annotations"]):
            # All different within the context: equal ones tie, or not, by the last bit of a product.
            annotation["caption"] = f"{i} blue"
        (folder / "captions.json").write_text(json.dumps(captions))
        results, features = self.saved("--task", "drift", "--data", f"coco:{folder}", "--captions",
                                       folder / "captions.json", "--pairs", "3")
        base = (features["tiny-images"], features["tiny-texts"])
        for result, name in zip(results, ("tiny", "q")):
            other = (features[name + "-images"], features[name + "-texts"])
            self.assert_metrics(result, reference.drift_captioned(base, other))
        self.assertEqual(np.shape(results[1]["details"]["similarity_map"]["cosines"]), (3, 3))
        self.fails(2, "float model first", "eval", self.path, "--task", "drift", "--data", f"images:{folder}")

    def test_drift_of_mere_images(self):
        folder = write_coco(self.folder / "coco", count=4)
        result = self.results("--task", "drift", "--data", f"images:{folder}")[1]
        self.assertEqual(list(result["metrics"]), ["image_cosine_mean", "image_cosine_p1", "image_cosine_min"])

    def test_cache(self):
        cifar = self.cifar(range(40))
        arguments = ("--data", f"cifar100:{cifar}", *self.prompts, "--cache", self.folder / "cache")
        files = lambda: sorted(path.name for path in (self.folder / "cache").glob("*"))  # noqa: E731
        first = self.results(*arguments)
        self.assertEqual(len(files()), 4)
        process = self.ok("eval", self.path, self.quantized, *arguments, "--json", "--verbose")
        self.assertEqual(json.loads(process)["results"][1]["metrics"], first[1]["metrics"])
        kept = files()
        self.cifar(range(40), seed=77)
        other = self.results(*arguments)
        self.assertNotEqual(other[0]["data"]["sha256"], first[0]["data"]["sha256"])
        self.assertEqual(len(set(files()) - set(kept)), 2)  # other images, the same texts
        uncached = self.results(*arguments, "--no-cache")
        self.assertEqual([r["metrics"] for r in uncached], [r["metrics"] for r in other])
        for file in (self.folder / "cache").glob("*"):
            file.write_bytes(file.read_bytes()[:-1] + b"x")
        process = self.ok("eval", self.path, self.quantized, *arguments, "--json")
        self.assertEqual(json.loads(process)["results"][0]["metrics"], other[0]["metrics"])
        before = files()
        self.ok("quantize", self.path, "--recipe", "dq-clip", "-o", self.quantized)
        self.results(*arguments)
        self.assertEqual(len(set(files()) - set(before)), 2)  # another q.pt

    def test_pictures_that_cannot_be_decoded(self):
        folder = write_coco(self.folder / "coco", count=8)
        for i in (2, 5):
            file = folder / f"{i:012d}.jpg"
            file.write_bytes(file.read_bytes()[:300])
        arguments = ("--task", "zeroshot_retrieval", "--data", f"coco:{folder}", "--captions", folder / "captions.json")
        for allowed in ((), ("--skip-bad", "1")):
            self.fails(3, "2 of 8 images can't be decoded.*000000000002.jpg, 000000000005.jpg.*--skip-bad 2", "eval", self.path,
                       *arguments, *allowed)
        result = self.results(*arguments, "--skip-bad", "2")[0]
        self.assertEqual(result["data"]["items"], 6)
        self.assertEqual(result["data"]["skipped"], ["000000000002.jpg", "000000000005.jpg"])
        self.assertEqual(len(result["outcomes"]["image_retrieval_recall@1"]["hits"]), 12)
        self.assertIn("000000000002.jpg", self.ok("eval", self.path, *arguments, "--skip-bad", "2"))

    def test_part_of_imagenet(self):
        coco = write_coco(self.folder / "coco", count=6)
        for i, wnid in enumerate(("n01440764", "n01443537", "n15075141") * 2):
            target = self.folder / "imagenet" / "val" / wnid / f"{i}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(coco / f"{i:012d}.jpg", target)
        arguments = ("--data", f"imagefolder:{self.folder / 'imagenet'}", "--templates", "imagenet7")
        every = self.results(*arguments)[0]
        self.assertEqual((every["settings"]["classes"], every["settings"]["class_names"]), ("all", 1000))
        self.assertEqual(every["data"]["templates"], 7)
        present = self.results(*arguments, "--classes", "present", "--per-class")[0]
        self.assertEqual((present["settings"]["classes"], present["settings"]["class_names"]), ("present", 3))
        self.assertIsNone(present["metrics"]["acc5"])
        self.assertEqual([row["class"] for row in present["details"]["per_class"]], ["tench", "goldfish", "toilet paper"])
        self.fails(2, "did you mean \"imagenet80\"", "eval", self.path, "--data", f"imagefolder:{self.folder / 'imagenet'}",
                   "--templates", "imagenet8")

    def test_calibration_images_among_the_evaluated_ones(self):
        coco = write_coco(self.folder / "coco", count=8)
        static = self.folder / "static.pt"
        self.ok("quantize", self.path, "--recipe", "int8-static", "--calib-data", f"coco:{coco}", "--calib-captions",
                coco / "captions.json", "--calib-samples", "5", "-o", static)
        shutil.move(coco / "000000000001.jpg", coco / "renamed.jpg")
        process = self.ok("eval", self.path, static, "--task", "drift", "--data", f"images:{coco}", "--json")
        results = json.loads(process)["results"]
        self.assertEqual(results[1]["calibration"]["overlap"], 5)
        self.assertIn("5 of 8 evaluated images", results[1]["warnings"][0])
        self.assertNotIn("warnings", results[0])

    def test_clip_benchmark_files(self):
        out = self.folder / "clip_benchmark"
        results = self.results("--data", f"cifar100:{self.cifar(range(40))}", *self.prompts, "--clip-benchmark", out)
        document = json.loads((out / "cifar100_int8-dynamic_q_en_zeroshot_classification.json").read_text())
        self.assertEqual(document["metrics"], results[1]["metrics"])
        self.assertEqual((document["dataset"], document["task"], document["language"]),
                         ("cifar100", "zeroshot_classification", "en"))
        self.assertTrue((out / "cifar100_float_tiny_en_zeroshot_classification.json").exists())
        (self.folder / "other").mkdir()
        twin = shutil.copy(self.path, self.folder / "other")
        self.results("--data", f"cifar100:{self.folder / 'cifar'}", *self.prompts, "--clip-benchmark", out, models=[self.path, twin])
        self.assertTrue((out / "cifar100_float_tiny_en_zeroshot_classification-2.json").exists())

    def test_wrong_arguments(self):
        cifar = f"cifar100:{self.cifar(range(4))}"
        self.fails(2, "did you mean \"drift\"", "eval", self.path, "--task", "drif", "--data", cifar)
        self.fails(2, "has no captions", "eval", self.path, "--task", "zeroshot_retrieval", "--data", cifar)
        self.fails(2, "expected all or present", "eval", self.path, "--classes", "some", "--data", cifar)
        self.fails(2, "embedding or pooled", "eval", self.path, "--probe-features", "x", "--data", cifar)
        coco = write_coco(self.folder / "coco", count=2)
        self.fails(2, "has no labels", "eval", self.path, "--data", f"images:{coco}")
        self.fails(2, "has no label", "eval", self.path, "--task", "linear_probe", "--data", f"coco:{coco}", "--captions",
                   self.instances(coco)[0])


if __name__ == "__main__":
    unittest.main()
