"""`clipq sensitivity`: each group's figures against an artifact with just these quantizers, evaluated by itself; resuming;
what it refuses."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

import numpy as np
import torch

from support import CLIPQ, CliTest, clipq, write_cifar, write_coco

IMAGE = ["visual.conv1", *(f"visual.transformer.resblocks.{i}.{part}" for i in range(2) for part in ("attn", "mlp")), "visual.proj"]
GROUPS = [*IMAGE, "token_embedding", *(f"transformer.resblocks.{i}.{part}" for i in range(2) for part in ("attn", "mlp")), "text_projection"]
PREFIXES = ("visual.", "transformer.", "token_", "text_")  # of lines of the table
PLAIN = ("--set", "algorithms.equalize.enable=false")  # what the algorithm does depends on what is quantized
MIXTURES = ("one_only", "leave_one_out")


def unit(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def mean_cosine(a, b):
    return float((unit(a) * unit(b)).sum(1).mean())


def without_times(document):
    """What has to be the same in every run."""
    document = json.loads(document) if isinstance(document, str) else document
    for result in document["results"]:
        del result["environment"]["time"], result["environment"]["command"]
    return document


class Sensitivity(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()
        self.cifar = write_cifar(self.folder / "cifar", labels=[i % 9 for i in range(90)])
        self.labelled = ("--data", f"cifar100:{self.cifar}", "--templates", "imagenet7")

    def measure(self, *arguments):
        result, = json.loads(self.ok("sensitivity", self.path, *arguments, "--json"))["results"]
        return result

    def mixture(self, groups, group, mixture, *arguments):
        """An artifact in which only the group is quantized, or all but it."""
        off = groups if mixture == "one_only" else [group]
        globs = [glob for each in off if mixture == "leave_one_out" or each is not group for glob in each["globs"]]
        artifact = self.folder / "mixture.pt"
        self.ok("quantize", self.path, *arguments, *(word for glob in globs for word in ("--set", f"{glob}.enable=false")), "-o", artifact)
        return artifact

    def evaluated(self, artifact, *arguments):
        """The Result of a simulated artifact, and the features of it and of the checkpoint: each a list of arrays."""
        features = self.folder / "features"
        document = json.loads(self.ok("eval", self.path, artifact, "--mode", "simulate", *arguments, "--save-features", features, "--no-cache",
                                      "--json"))
        load = lambda model, kind: np.load(features / f"{model}-{kind}.npy")  # noqa: E731
        kinds = ("images", "prompts" if (features / "tiny-prompts.npy").exists() else "texts")
        return document["results"], [[load(model, kind) for kind in kinds] for model in (self.path.stem, artifact.stem)]

    def check_group(self, result, group, quantize, evaluate, decide):
        groups = result["details"]["sensitivity"]["groups"]
        for mixture in MIXTURES:
            with self.subTest(group["name"], mixture=mixture):
                artifact = self.mixture(groups, group, mixture, *quantize)
                (base, other), (before, after) = self.evaluated(artifact, *evaluate)
                measured = group[mixture]
                self.assertEqual(measured["metrics"], other["metrics"])
                self.assertEqual(result["metrics"], base["metrics"])
                place = ("image", "text").index(group["tower"])
                self.assertAlmostEqual(measured["cosine"], mean_cosine(before[place], after[place]), places=12)
                self.assertEqual(measured["agreement"], np.mean(decide(*before) == decide(*after)))
                if mixture == "one_only":
                    self.check_difference(measured["differences"], base, other)

    def check_difference(self, differences, base, other):
        for metric, difference in differences.items():
            if base["metrics"][metric] is None:
                continue
            self.assertAlmostEqual(difference["difference"], other["metrics"][metric] - base["metrics"][metric], places=15)
            self.assertLessEqual(difference["low"], difference["difference"])
            self.assertGreaterEqual(difference["high"], difference["difference"])

    def test_classification_equals_artifacts_evaluated_by_themselves(self):
        result = self.measure(*self.labelled, *PLAIN)
        self.assertEqual(result["task"], "sensitivity")
        details = result["details"]["sensitivity"]
        self.assertEqual((details["recipe"], details["task"], details["metric"]), ("int8-dynamic", "zeroshot_classification", "acc1"))
        self.assertEqual([group["name"] for group in details["groups"]], GROUPS)

        def classes(images, prompts):
            count = len(prompts) // 7
            classifier = unit(unit(prompts).reshape(count, 7, -1).mean(1))
            return (unit(images) @ classifier.T).argmax(1)

        for index in (0, 1, 5, 6, 10):
            self.check_group(result, details["groups"][index], PLAIN, self.labelled, classes)

    def test_the_quantized_model_is_the_artifact(self):
        result = self.measure(*self.labelled)  # with an algorithm that changes the float model
        artifact = self.folder / "q.pt"
        self.ok("quantize", self.path, "-o", artifact)
        (base, other), (before, after) = self.evaluated(artifact, *self.labelled)
        quantized = result["details"]["sensitivity"]["quantized"]
        self.assertEqual(quantized["metrics"], other["metrics"])
        self.check_difference(quantized["differences"], base, other)
        for tower, place in (("image", 0), ("text", 1)):
            self.assertAlmostEqual(quantized["cosines"][tower], mean_cosine(before[place], after[place]), places=8)  # rounding of the change
        self.assertEqual(result["outcomes"], base["outcomes"])

    def test_retrieval_with_static_ranges_equals_artifacts_evaluated_by_themselves(self):
        coco = write_coco(self.folder / "pairs", count=20, seed=9)
        evaluate = ("--task", "zeroshot_retrieval", "--data", f"coco:{coco}", "--captions", coco / "captions.json")
        quantize = ("--recipe", "fp8-max", *self.calibration())
        result = self.measure(*evaluate, *quantize)
        self.assertEqual(result["details"]["sensitivity"]["metric"], "image_retrieval_recall@1")

        def first_results(images, texts):
            cosines = unit(texts) @ unit(images).T
            first = lambda rows: (rows >= rows.max(1, keepdims=True) - 1e-12).argmax(1)  # noqa: E731
            return np.concatenate([first(cosines), first(cosines.T)])

        groups = result["details"]["sensitivity"]["groups"]
        for name in ("visual.transformer.resblocks.1.attn", "transformer.resblocks.0.mlp"):
            group, = (each for each in groups if each["name"] == name)
            self.check_group(result, group, quantize, evaluate, first_results)

    def test_a_linear_probe_needs_only_the_image_tower(self):
        write_cifar(self.cifar, labels=[i % 9 for i in range(90)], seed=5, name="train.bin")
        result = self.measure("--task", "linear_probe", "--data", f"cifar100:{self.cifar}", "--component", "image")
        self.assertEqual([group["name"] for group in result["details"]["sensitivity"]["groups"]], IMAGE)
        self.assertIn("lp_acc1", result["metrics"])

    def test_a_batch_that_matters_is_recorded_and_matters(self):
        arguments = (*self.labelled, "--recipe", "dq-clip", "--batch-size")
        result = self.measure(*arguments, "7")
        self.assertEqual(result["settings"]["batch_size"], 7)
        groups = result["details"]["sensitivity"]["groups"]
        self.assertEqual([group["name"] for group in groups], [name for name in GROUPS if name.endswith(".mlp")])
        artifact = self.mixture(groups, groups[0], "leave_one_out", "--recipe", "dq-clip")
        (_, other), (before, after) = self.evaluated(artifact, *self.labelled, "--batch-size", "7")
        self.assertEqual(groups[0]["leave_one_out"]["metrics"], other["metrics"])
        self.assertAlmostEqual(groups[0]["leave_one_out"]["cosine"], mean_cosine(before[0], after[0]), places=12)

    def test_prints_a_table(self):
        text = self.ok("sensitivity", self.path, *self.labelled, "--limit", "20")
        rows = [line.split()[0] for line in text.splitlines() if line.startswith(PREFIXES)]
        self.assertEqual(rows, GROUPS)
        self.assertRegex(text, r"(?m)^float: acc1 \d+\.\d\d$")
        text = self.ok("sensitivity", self.path, *self.labelled, "--limit", "20", "--sort", "effect")
        table = [line.split() for line in text.splitlines() if line.startswith(PREFIXES)]
        self.assertCountEqual([row[0] for row in table], GROUPS)
        effects = [(float(row[2]), float(row[1])) for row in table]
        self.assertEqual(effects, sorted(effects))

    def killed(self, output, *arguments, sent=signal.SIGKILL, least=3):
        """Starts a measurement and ends it when it has so many models' features of images."""
        state = pathlib.Path(f"{output}.state")
        process = subprocess.Popen([CLIPQ, "sensitivity", str(self.path), *map(str, arguments), "-o", str(output)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and len(list(state.glob("images-*.features"))) < least:
            time.sleep(0.001)
        process.send_signal(sent)
        message = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 130 if sent == signal.SIGINT else -sent, message)
        self.assertFalse(output.exists())
        return message

    def test_goes_on_after_it_was_killed(self):
        whole = without_times(self.ok("sensitivity", self.path, *self.labelled, "--json"))
        output = self.folder / "sensitivity.json"
        for sent in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(sent):
                message = self.killed(output, *self.labelled, sent=sent)
                if sent == signal.SIGINT:
                    self.assertIn("--resume", message)
                state = pathlib.Path(f"{output}.state")
                kept = {path: path.stat().st_ino for path in state.glob("*.features")}
                self.assertGreaterEqual(len(kept), 3)
                self.killed(output, *self.labelled, "--resume", least=6)
                self.assertEqual({path: path.stat().st_ino for path in kept}, kept)  # nothing was computed again
                process = clipq("sensitivity", self.path, *self.labelled, "-o", output, "--resume", "--verbose")
                self.assertEqual(process.returncode, 0, process.stderr)
                self.assertIn("continuing from", process.stderr)
                self.assertEqual(without_times(output.read_text()), whole)
                self.assertFalse(state.exists())
                output.unlink()

    def test_what_was_kept_of_something_else_is_refused(self):
        output = self.folder / "sensitivity.json"
        self.killed(output, *self.labelled)
        resume = ("sensitivity", self.path, "-o", output, "--resume")
        self.fails(3, "with another recipe; .*--resume", *resume, *self.labelled, "--recipe", "dq-clip")
        self.fails(3, "with another component;", *resume, *self.labelled, "--component", "image")
        self.fails(3, "with another data;", *resume, *self.labelled, "--limit", "80")
        self.fails(3, "with another batch size;", *resume, *self.labelled, "--batch-size", "8")
        self.fails(3, "with another class names or templates;", *resume, *self.labelled[:2], "--templates", "imagenet80")
        self.ok("sensitivity", self.path, *self.labelled, "-o", output)  # starts over
        self.assertFalse(pathlib.Path(f"{output}.state").exists())
        self.ok(*resume, *self.labelled)  # has nothing to go on from

    def test_an_output_belongs_to_one_process_at_a_time(self):
        output = self.folder / "sensitivity.json"
        state = pathlib.Path(f"{output}.state")
        process = subprocess.Popen([CLIPQ, "sensitivity", str(self.path), *map(str, self.labelled), "-o", str(output)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(state.glob("*.features")):
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        try:
            for resumes in ((), ("--resume",)):
                self.fails(2, "another clipq is measuring", "sensitivity", self.path, *self.labelled, "-o", output, *resumes)
        finally:
            process.send_signal(signal.SIGCONT)
        self.assertEqual(process.wait(timeout=120), 0)
        self.assertTrue(output.exists())
        self.assertFalse(state.exists())
        state.mkdir()
        (state / "mine").write_text("")
        self.fails(3, "isn't the state of a measurement", "sensitivity", self.path, *self.labelled, "-o", output)
        self.assertTrue((state / "mine").exists())

    def test_goes_on_with_a_recipe_that_calibrates(self):
        recipe = ("--recipe", "int8-static", *self.calibration(8), *self.labelled)
        whole = without_times(self.ok("sensitivity", self.path, *recipe, "--json"))
        output = self.folder / "sensitivity.json"
        self.killed(output, *recipe)
        process = clipq("sensitivity", self.path, *recipe, "-o", output, "--resume")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertNotIn("nothing to resume", process.stderr)
        self.assertEqual(without_times(output.read_text()), whole)

    def test_pooled_features_lie_before_the_projection(self):
        write_cifar(self.cifar, labels=[i % 9 for i in range(90)], name="train.bin", seed=8)
        probe = ("--task", "linear_probe", *self.labelled[:2], "--json")
        names = [{group["name"] for group in json.loads(self.ok("sensitivity", self.path, *probe, *pooled))["results"][0]["details"]
                  ["sensitivity"]["groups"]} for pooled in ((), ("--probe-features", "pooled"))]
        self.assertEqual(names[0] - names[1], {"visual.proj"})

    def test_refuses_what_it_cannot_measure(self):
        for task in ("drift", "layers"):
            self.fails(2, "expected one of zeroshot_classification, zeroshot_retrieval, linear_probe", "sensitivity", self.path,
                       *self.labelled[:2], "--task", task)
        self.fails(2, "did you mean", "sensitivity", self.path, *self.labelled[:2], "--task", "zeroshot_clasification")
        self.fails(2, "--resume .* pass -o", "sensitivity", self.path, *self.labelled, "--resume")
        self.fails(2, "--sort fast: expected depth or effect", "sensitivity", self.path, *self.labelled, "--sort", "fast")
        self.fails(2, "quantizes nothing in the towers", "sensitivity", self.path, *self.labelled, *PLAIN, "--set", "*.enable=false")
        self.fails(2, "needs calibration data.*--calib-data", "sensitivity", self.path, *self.labelled, "--recipe", "int8-static")
        write_cifar(self.cifar, labels=range(9), name="train.bin")
        self.fails(2, "quantizes nothing in the towers that linear_probe uses", "sensitivity", self.path, *self.labelled[:2],
                   "--task", "linear_probe", "--component", "text")
        artifact = self.folder / "q.pt"
        self.ok("quantize", self.path, "-o", artifact)
        self.fails(3, "already quantized .* pass the float checkpoint", "sensitivity", artifact, *self.labelled)
        (self.folder / "file.state").mkdir()
        (self.folder / "file.state" / "mine").write_text("")
        self.fails(3, "isn't the state of a measurement", "sensitivity", self.path, *self.labelled, "-o", self.folder / "file")
        self.assertEqual(os.listdir(self.folder / "file.state"), ["mine"])

    def test_towers_alone(self):
        write_cifar(self.cifar, labels=[i % 9 for i in range(90)], seed=5, name="train.bin")
        state = self.model.state_dict()
        image, text = self.folder / "image.pt", self.folder / "text.pt"
        torch.save({name: tensor for name, tensor in state.items() if name.startswith("visual.")}, image)
        torch.save({name: tensor for name, tensor in state.items() if not name.startswith(("visual.", "logit_scale"))}, text)
        heads = lambda tower: ("--activation", "quick_gelu", "--heads", tower)  # noqa: E731
        probe = ("--data", f"cifar100:{self.cifar}", "--task", "linear_probe")
        self.fails(2, "needs an image tower and a text tower, .* evaluated by linear_probe$", "sensitivity", image, *self.labelled,
                   *heads("image=2"))
        self.fails(2, "has only a text tower; no task suits it", "sensitivity", text, *probe, *heads("text=1"))
        alone, = json.loads(self.ok("sensitivity", image, *probe, *heads("image=2"), "--json"))["results"]
        both = self.measure(*probe, "--component", "image")
        self.assertEqual(alone["details"]["sensitivity"]["groups"], both["details"]["sensitivity"]["groups"])

    def test_a_report_has_its_section(self):
        output = self.folder / "sensitivity.json"
        self.ok("sensitivity", self.path, *self.labelled, "--limit", "20", "-o", output)
        self.ok("report", output, "-o", self.folder / "report")
        document = json.loads((self.folder / "report" / "report.json").read_text())
        self.assertEqual(document["results"][0]["details"]["sensitivity"]["groups"][0]["name"], GROUPS[0])


if __name__ == "__main__":
    unittest.main()
