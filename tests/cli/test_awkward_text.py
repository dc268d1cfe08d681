"""Quotes, tags, commas, line breaks, emoji and right-to-left text in file names, captions, class names and labels come out
of `eval`, `run` and `classify` as they went in."""
import json
import shutil
import unittest

from support import CliTest, write_coco

# A file's name can't have a slash; everything else that breaks tables, scripts and pages is here.
NAME = 'a "b" \'c\' <img src=x onerror=alert(1)>, f\ng & h 🐱 שלום \u202e\u2028 {{t}} {c}|b'
CLASSES = ["plain", f"2 {NAME}", "3 猫"]


class AwkwardText(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint(f"{NAME}.pt")
        self.coco = write_coco(self.folder / f"coco {NAME}", count=6)
        captions = json.loads((self.coco / "captions.json").read_text())
        for image in captions["images"][:3]:
            new = f"{image['id']} {NAME}.jpg"
            (self.coco / image["file_name"]).rename(self.coco / new)
            image["file_name"] = new
        for annotation in captions["annotations"]:
            annotation["caption"] += f" {NAME}"
        self.captions = self.folder / f"captions {NAME}.json"
        self.captions.write_text(json.dumps(captions))
        pictures = sorted(self.coco.glob("*.jpg"))
        self.classes = self.folder / "classes"
        for number, name in enumerate(CLASSES):
            (self.classes / name).mkdir(parents=True)
            for picture in pictures[2 * number:2 * number + 2]:
                shutil.copy(picture, self.classes / name)
        self.templates = self.folder / "templates.json"
        self.templates.write_text(json.dumps([f"{NAME} of {{c}}"]))

    def results(self, *arguments):
        return json.loads(self.ok(*arguments, "--no-cache", "--json"))["results"]

    def test_eval(self):
        spec = f"imagefolder:{self.classes}"
        result = self.results("eval", self.path, "--data", spec, "--templates", self.templates, "--per-class")[0]
        self.assertEqual(result["model"]["path"], str(self.path))
        self.assertEqual([row["class"] for row in result["details"]["per_class"]], sorted(CLASSES))
        result = self.results("eval", self.path, self.path, "--task", "drift", "--data", f"coco:{self.coco}", "--captions", self.captions)[0]
        self.assertEqual(result["data"]["spec"], f"coco:{self.coco}")
        examples = result["details"]["retrieval_examples"]
        texts = {annotation["caption"] for annotation in json.loads(self.captions.read_text())["annotations"]}
        self.assertTrue(examples)
        self.assertLessEqual({example["query"] for example in examples}, texts)
        names = {path.name for path in self.coco.glob("*.jpg")}
        self.assertEqual({entry["image"] for example in examples for entry in example["top"]} - names, set())
        self.assertTrue(any(NAME in name for name in result["details"]["thumbnails"]))

    def test_skipped_pictures_are_named(self):
        broken = self.coco / f"0 {NAME}.jpg"
        broken.write_bytes(broken.read_bytes()[:100])
        arguments = ("eval", self.path, "--task", "zeroshot_retrieval", "--data", f"coco:{self.coco}", "--captions", self.captions)
        self.assertIn(broken.name, self.fails(3, "can't be decoded", *arguments, "--no-cache").stderr)
        self.assertEqual(self.results(*arguments, "--skip-bad", "1")[0]["data"]["skipped"], [broken.name])

    def test_run(self):
        run = self.folder / f"run {NAME}.json"
        run.write_text(json.dumps({"name": NAME, "comment": NAME, "data": {"labelled": {"kind": "imagefolder", "comment": NAME},
                                                                           "pairs": {"kind": "coco"}},
                                   "recipes": ["int8-dynamic"],
                                   "tasks": [{"task": "zeroshot_classification", "data": "labelled", "per_class": True},
                                             {"task": "drift", "data": "pairs"}]}))
        self.assertIn(NAME, self.fails(2, "--set data.labelled=PATH", "run", run, "-o", self.folder / "out").stderr)
        out = self.folder / f"out {NAME}"
        document = json.loads(self.ok("run", run, "-o", out, "--no-cache", "--json", "--set", f"checkpoint={self.path}",
                                      "--set", f"data.labelled={self.classes}", "--set", f"data.labelled.templates={self.templates}",
                                      "--set", f"data.pairs={self.coco}", "--set", f"data.pairs.captions={self.captions}"))
        self.assertEqual(document, json.loads((out / "results.json").read_text()))
        self.assertEqual(document["run"]["name"], NAME)
        self.assertEqual(document["results"][0]["model"]["path"], str(self.path))
        self.assertEqual(document["results"][1]["model"]["path"], str(out / "models" / "int8-dynamic.pt"))
        self.assertEqual([row["class"] for row in document["results"][0]["details"]["per_class"]], sorted(CLASSES))
        report = json.loads((out / "report.json").read_text())
        self.assertEqual(report["title"], f"{NAME}: {self.path.name}")
        self.assertEqual(report["results"], document["results"])
        # The records, read back with --resume, give the same again.
        again = json.loads(self.ok("run", run, "-o", out, "--resume", "--no-cache", "--json", "--set", f"checkpoint={self.path}",
                                   "--set", f"data.labelled={self.classes}", "--set",
                                   f"data.labelled.templates={self.templates}", "--set", f"data.pairs={self.coco}", "--set",
                                   f"data.pairs.captions={self.captions}"))
        for result in [*document["results"], *again["results"]]:
            result["environment"].pop("command")
        self.assertEqual(again, document)

    def test_classify(self):
        pictures = sorted(self.coco.glob("*.jpg"))
        labels = self.folder / "labels.txt"
        lines = [NAME.replace("\n", " "), "a cat, a dog", "<b>שלום</b>"]
        labels.write_text("\n".join(lines) + "\n")
        images = json.loads(self.ok("classify", self.path, *pictures, "--labels-file", labels, "--json"))["images"]
        self.assertEqual([image["image"] for image in images], [str(picture) for picture in pictures])
        for image in images:
            self.assertCountEqual([label["label"] for label in image["labels"]], lines)
            self.assertAlmostEqual(sum(label["probability"] for label in image["labels"]), 1, places=12)


if __name__ == "__main__":
    unittest.main()
