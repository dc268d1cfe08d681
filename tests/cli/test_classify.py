"""`clipq classify`: probabilities against PyTorch's softmax, and what goes wrong."""
import json
import unittest

import numpy as np
import torch
from torch.nn import functional as F

from support import CliTest, write_coco

LABELS = ["a red thing", "something blue", "a cat"]


class Classify(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()
        self.pictures = sorted(write_coco(self.folder / "pictures", count=3).glob("*.jpg"))

    def classify(self, *arguments):
        return json.loads(self.ok("classify", self.path, *arguments, "--json"))["images"]

    def test_probabilities_are_softmax_at_the_models_scale(self):
        (self.folder / "labels.txt").write_text("\n".join(LABELS))
        self.ok("embed", self.path, "--images", self.folder / "pictures", "--normalize", "-o", self.folder / "i.npy")
        self.ok("embed", self.path, "--texts", self.folder / "labels.txt", "--normalize", "-o", self.folder / "t.npy")
        images, texts = (torch.from_numpy(np.load(self.folder / name)).double() for name in ("i.npy", "t.npy"))
        expected = F.softmax(self.model.logit_scale.detach().double().exp() * images @ texts.T, dim=1)
        for row, image in zip(expected, self.classify(*self.pictures, "--labels", ",".join(LABELS))):
            order = row.argsort(descending=True)
            self.assertEqual([label["label"] for label in image["labels"]], [LABELS[i] for i in order])
            for label, i in zip(image["labels"], order):
                self.assertAlmostEqual(label["probability"], row[i].item(), places=5)

    def test_an_artifact_templates_and_top(self):
        artifact = self.folder / "int8.pt"
        self.ok("quantize", self.path, "-o", artifact)
        output = self.ok("classify", artifact, self.pictures[0], "--labels", "cat, dog ,bird", "--top", "2", "--templates", "imagenet7")
        self.assertEqual(len(output.splitlines()), 4, output)
        self.assertRegex(output, r"(cat|dog|bird) +\d+\.\d\d\n")
        plain = self.classify(self.pictures[0], "--labels", "cat,dog,bird")
        self.assertNotEqual(plain, self.classify(self.pictures[0], "--labels", "cat,dog,bird", "--templates", "imagenet7"))

    def test_one_bad_picture_is_named_and_the_others_are_classified(self):
        self.pictures[1].write_bytes(self.pictures[1].read_bytes()[:100])
        nowhere = self.folder / "nowhere.png"
        process = self.fails(3, f"2 of 4 images failed: .*{self.pictures[1].name}.*nowhere.png does not exist", "classify", self.path,
                             *self.pictures, nowhere, "--labels", "cat,dog")
        self.assertEqual(process.stdout.count("(failed)"), 2)
        self.assertEqual(process.stdout.count("dog"), 2)

    def test_wrong_labels(self):
        self.fails(2, "no labels; pass --labels", "classify", self.path, self.pictures[0])
        self.fails(2, 'the label "cat" is given twice', "classify", self.path, self.pictures[0], "--labels", "cat,dog,cat")
        self.fails(2, "a label is empty", "classify", self.path, self.pictures[0], "--labels", "cat,,dog")
        self.fails(3, "nowhere.txt does not exist", "classify", self.path, self.pictures[0], "--labels-file", "nowhere.txt")
        self.fails(2, "excludes", "classify", self.path, self.pictures[0], "--labels", "a", "--labels-file", "b")


if __name__ == "__main__":
    unittest.main()
