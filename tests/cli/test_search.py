"""`clipq search`: the recipe that it finds against what quantize and eval make of it, its choices against a search through all
mixes, resuming, and what it refuses."""
import itertools
import json
import math
import pathlib
import signal
import subprocess
import time
import unittest

from support import CLIPQ, CliTest, clipq, write_cifar, write_coco

CRUDE = {"name": "crude", "rules": [{"match": "*", "enable": False},
                                    {"match": "*.weight_quantizer", "format": "int4", "bits": 2, "granularity": "tensor"}]}


def without_times(document):
    """What has to be the same in every run."""
    result, = json.loads(document)["results"]
    del result["environment"]["time"], result["environment"]["command"], result["details"]["search"]["seconds"]
    for each in result["details"]["search"]["tried"]:
        each.pop("share_of_floats_time", None)
    return result


class Search(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.cifar = write_cifar(self.folder / "cifar", labels=[i % 9 for i in range(120)])
        self.held_out = write_cifar(self.folder / "held-out", labels=[i % 9 for i in range(60)], seed=11)
        self.crude = self.folder / "crude.json"
        self.crude.write_text(json.dumps(CRUDE))
        self.found = self.folder / "found.json"
        self.templates = ("--templates", "imagenet7")
        self.data = ("--data", f"cifar100:{self.cifar}", *self.templates)
        self.formats = ("--formats", f"{self.crude},int8-weight-only,float")
        self.goal = ("--goal", "acc5 drop <= 4")

    def search(self, *arguments):
        """The Result's details, and the recipe."""
        result, = json.loads(self.ok("search", self.path, *arguments, "-o", self.found, "--json"))["results"]
        self.assertFalse(pathlib.Path(f"{self.found}.state").exists())
        return result, json.loads(self.found.read_text())

    def test_what_is_found_is_what_quantize_makes(self):
        other = ("--held-out-data", f"cifar100:{self.held_out}")
        result, recipe = self.search(*self.data, *other, *self.goal, *self.formats, "--beside", "int8-dynamic")
        details = result["details"]["search"]
        found, = (each for each in details["tried"] if each["found"])
        artifact = self.folder / "q.pt"
        self.ok("quantize", self.path, "--recipe", self.found, "-o", artifact)
        self.assertEqual(recipe["evidence"]["size_bytes"], artifact.stat().st_size)
        for data, on in ((self.held_out, "held_out"), (self.cifar, "search")):
            base, quantized = json.loads(self.ok("eval", self.path, artifact, "--data", f"cifar100:{data}", *self.templates, "--json"))["results"]
            for metric, measured in found[on].items():
                self.assertEqual(measured["float"], base["metrics"][metric])
                self.assertEqual(measured["quantized"], quantized["metrics"][metric])
            self.assertEqual(recipe["evidence"][on]["metrics"], found[on])
            self.assertEqual(recipe["evidence"][on]["data"]["sha256"], base["data"]["sha256"])
        self.assertEqual((result["metrics"], result["data"]["sha256"]), (json.loads(self.ok(
            "eval", self.path, "--data", f"cifar100:{self.held_out}", *self.templates, "--json"))["results"][0]["metrics"],
            recipe["evidence"]["held_out"]["data"]["sha256"]))
        self.assertEqual(recipe["evidence"]["goals"], ["acc5 drop <= 4"])
        self.assertEqual(recipe["name"], "found")
        beside = details["tried"][-1]
        self.assertEqual((beside["name"], "search" in beside, "held_out" in beside), ("int8-dynamic", False, True))

    def test_mixes_are_the_best_of_all(self):
        """Every mix that was tried is undominated among all mixes of the image tower, by what was measured of groups."""
        write_cifar(self.cifar, labels=[i % 9 for i in range(90)], seed=5, name="train.bin")
        process = clipq("search", self.path, "--task", "linear_probe", *self.data[:2], "--goal", "lp_acc1 drop <= 1", *self.formats,
                        "-o", self.found, "--json")
        self.assertIn(process.returncode, (0, 4), process.stderr)  # the held-out data may tell another story
        details = json.loads(process.stdout)["results"][0]["details"]["search"]
        groups = details["groups"]
        self.assertEqual(len(groups), 6)
        formats = details["formats"]
        choices = [[(group["formats"][name]["cost"], group["formats"][name].get("expected_changes", 0) ** 2) for name in formats]
                   for group in groups]
        sums = [(sum(cost for cost, _ in mix), sum(effect for _, effect in mix)) for mix in itertools.product(*choices)]
        self.assertEqual(len(sums), 3 ** 6)
        crude, weights = details["tried"][:2]
        self.assertEqual([crude["name"], weights["name"]], [f"all {formats[0]}", "all int8-weight-only"])
        rest = crude["size_bytes"] - sum(group[0][0] for group in choices)  # what isn't in groups
        mixes = [each for each in details["tried"] if each["name"].startswith("mix ")]
        self.assertTrue(mixes)
        for mix in mixes:
            effect = mix["expected_changes"] ** 2
            self.assertLess(effect, 1)
            cost = mix["size_bytes"] - rest
            cheaper = [own for own in sums if own[0] < cost - 4096]  # the recipes in the archives differ in length
            self.assertTrue(all(own[1] >= effect * (1 - 1e-9) for own in cheaper))
            self.assertTrue(any(math.isclose(own[1], effect, rel_tol=1e-9) and abs(own[0] - cost) < 4096 for own in sums))
        passing = [each for each in details["tried"] if each["meets_goals"]]
        found, = (each for each in details["tried"] if each["found"])
        self.assertEqual(found["size_bytes"], min(each["size_bytes"] for each in passing))
        for each in details["tried"]:
            self.assertEqual(each["meets_goals"], 100 * -each["search"]["lp_acc1"]["difference"] <= 1 + 1e-9)

    def test_the_data_are_divided_by_content(self):
        first, recipe = self.search(*self.data, *self.goal, *self.formats)
        again, same = self.search(*self.data, *self.goal, *self.formats)
        self.assertEqual(recipe, same)
        _, other = self.search(*self.data, *self.goal, *self.formats, "--seed", "1")
        digests = [each["evidence"][on]["data"]["sha256"] for each in (recipe, other) for on in ("search", "held_out")]
        self.assertEqual(len(set(digests)), 4)
        self.assertEqual(first["details"]["search"]["data"]["items"] + first["data"]["items"], 120)
        # The same pictures in another order are divided in the same way.
        raw = (self.cifar / "test.bin").read_bytes()
        records = [raw[at:at + 3074] for at in range(0, len(raw), 3074)]
        (self.cifar / "test.bin").write_bytes(b"".join(records[60:] + records[:60]))
        shuffled, _ = self.search(*self.data, *self.goal, *self.formats)
        self.assertEqual(shuffled["metrics"], first["metrics"])  # of the held-out half
        self.assertEqual(shuffled["data"]["items"], first["data"]["items"])
        (self.cifar / "test.bin").write_bytes(b"".join(records + records[:30]))
        doubled, _ = self.search(*self.data, *self.goal, *self.formats)
        self.assertEqual(doubled["details"]["search"]["data"]["items"] + doubled["data"]["items"], 150)

    def killed(self, arguments, pattern, sent):
        state = pathlib.Path(f"{self.found}.state")
        process = subprocess.Popen([CLIPQ, "search", str(self.path), *map(str, arguments), "-o", str(self.found)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not list(state.glob(pattern)):
            time.sleep(0.001)
        process.send_signal(sent)
        message = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 130 if sent == signal.SIGINT else -sent, message)
        self.assertFalse(self.found.exists())
        return message

    def test_goes_on_after_it_was_killed(self):
        arguments = (*self.data, *self.goal, *self.formats)
        output = self.ok("search", self.path, *arguments, "-o", self.found, "--json")
        recipe = self.found.read_bytes()
        for pattern, sent in (("*.features/*", signal.SIGKILL), ("*.sensitivity.json", signal.SIGINT), ("trial-????????????????.json", signal.SIGKILL)):
            with self.subTest(pattern):
                self.found.unlink()
                message = self.killed(arguments, pattern, sent)
                if sent == signal.SIGINT:
                    self.assertIn("--resume", message)
                self.fails(3, "with another data, held-out data, sensitivity items;", "search", self.path, *arguments, "--seed", "1", "--resume", "-o", self.found)
                again = self.ok("search", self.path, *arguments, "--resume", "-o", self.found, "--json")
                self.assertEqual(self.found.read_bytes(), recipe)
                self.assertEqual(without_times(again), without_times(output))

    def test_other_costs(self):
        for minimize, unit in (("operations", "bit operations"), ("latency", "of float's time")):
            with self.subTest(minimize):
                result, recipe = self.search(*self.data, *self.goal, "--formats", "int8,fp16,float", "--minimize", minimize)
                details = result["details"]["search"]
                self.assertEqual((details["minimize"], details["cost_unit"]), (minimize, unit))
                found, = (each for each in details["tried"] if each["found"])
                self.assertEqual(recipe["evidence"]["cost"], {"value": found["cost"], "unit": unit})
                self.assertEqual(found["cost"], min(each["cost"] for each in details["tried"] if each["meets_goals"]))
                by_name = {each["name"]: each for each in details["tried"]}
                if minimize == "operations":
                    mlp, = (each for each in details["groups"] if each["name"] == "visual.transformer.resblocks.0.mlp")
                    multiply_adds = 17 * 128 * 512 * 2  # of tokens, width and hidden width
                    self.assertEqual({name: own["cost"] for name, own in mlp["formats"].items()},
                                     {"int8": 64 * multiply_adds, "fp16": 512 * multiply_adds, "float": 1024 * multiply_adds})
                    self.assertLess(by_name["all int8"]["cost"], by_name["all fp16"]["cost"])

    def test_retrieval_and_a_linear_probe(self):
        coco = write_coco(self.folder / "pairs", count=24, seed=9)
        result, recipe = self.search("--task", "zeroshot_retrieval", "--data", f"coco:{coco}", "--captions", coco / "captions.json",
                                     "--goal", "image_retrieval_recall@5 drop <= 30", "--goal", "text_retrieval_recall@5 drop<=30", *self.formats)
        self.assertEqual(recipe["evidence"]["goals"], ["image_retrieval_recall@5 drop <= 30", "text_retrieval_recall@5 drop <= 30"])
        self.assertEqual(len(result["details"]["search"]["verdicts"]), 2)
        self.assertEqual(result["data"]["items"] + result["details"]["search"]["data"]["items"], 24)
        write_cifar(self.cifar, labels=[i % 9 for i in range(90)], seed=5, name="train.bin")
        probe = ("--task", "linear_probe", *self.data[:2], "--goal", "lp_acc5 drop <= 20", *self.formats)
        self.found.unlink()
        self.killed(probe, "trial-????????????????.json", signal.SIGKILL)
        self.fails(3, "with another options of the task;", "search", self.path, *probe, "--probe-c", "2", "--resume", "-o", self.found)
        result, _ = self.search(*probe, "--resume")
        self.assertEqual({group["tower"] for group in result["details"]["search"]["groups"]}, {"image"})

    def test_a_goal_that_nothing_meets(self):
        arguments = ("search", self.path, *self.data, "--formats", str(self.crude), "--goal", "acc1 drop <= 0", "--require-certain", "-o", self.found)
        self.fails(4, "no recipe meets the goals on the search data; allow a larger drop, or more precise formats", *arguments)
        self.assertFalse(self.found.exists())
        self.assertFalse(pathlib.Path(f"{self.found}.state").exists())
        process = clipq(*arguments)
        self.assertIn("No recipe meets the goals.", process.stdout)

    def test_a_time_budget_ends_it(self):
        process = clipq("search", self.path, *self.data, *self.formats, "--goal", "acc5 drop <= 100", "--time-budget", "0.001s", "-o", self.found, "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("the time budget is spent: int8-weight-only isn't measured", process.stderr)
        details = json.loads(process.stdout)["results"][0]["details"]["search"]
        self.assertTrue(details["ran_out_of_time"])
        self.assertEqual(details["formats"], [str(self.crude), "float"])
        self.assertEqual([each["name"] for each in details["tried"]], [f"all {self.crude}"])

    def test_prints_tables_and_writes_a_result_for_the_report(self):
        result = self.folder / "search-result.json"
        text = self.ok("search", self.path, *self.data, *self.goal, *self.formats, "-o", self.found, "--result", result)
        self.assertRegex(text, r"(?m)^(all|mix) .*\(found\) ")
        self.assertRegex(text, r"(?m)^visual\.transformer\.resblocks\.0\.attn ")
        self.assertIn("On the held-out data: acc5 drop ", text)
        self.ok("report", result, "-o", self.folder / "report")
        document = json.loads((self.folder / "report" / "report.json").read_text())
        self.assertTrue(any(each["found"] for each in document["results"][0]["details"]["search"]["tried"]))

    def test_refuses_what_it_cannot_do(self):
        start = ("search", self.path, "-o", self.found)
        goal = (*start, *self.data, *self.goal)
        self.fails(3, r"held-out images that are also among those that are searched with: 120 of 120, test.bin:0 for one", *goal,
                   "--held-out-data", f"cifar100:{self.cifar}")
        self.fails(2, "--held-out-captions and --held-out-limit need --held-out-data", *goal, "--held-out-limit", "3")
        for text in ("acc1", "acc1 drop < 1", "acc1 drop <= -1", "acc1 drop <= x", "acc1 falls <= 1", "acc1 drop <= 1 2"):
            self.fails(2, "expected METRIC drop <= POINTS", *start, *self.data, "--goal", text)
        self.fails(2, "zeroshot_classification has no metric acc9; did you mean", *start, *self.data, *self.formats, "--goal", "acc9 drop <= 1")
        self.fails(2, "unknown format \"int5\"; did you mean \"int4\"", *goal, "--formats", "int5")
        self.fails(2, "int8 is there twice", *goal, "--formats", "int8,int8")
        self.fails(2, "no format quantizes anything", *goal, "--formats", "float")
        self.fails(2, "--minimize speed: expected one of size, latency, operations", *goal, "--minimize", "speed")
        self.fails(2, "--time-budget 5: expected a time such as", *goal, "--time-budget", "5")
        self.fails(2, "compares models with each other", *goal, "--task", "drift")
        process = clipq(*goal, "--formats", "int8,int4,float")
        self.assertEqual(process.returncode, 2)
        self.assertIn("needs calibration data", process.stderr)
        self.assertNotIn("measuring all int8", process.stderr)  # before anything is measured
        self.fails(2, "recipe int4-weight-only needs calibration data", *goal, *self.formats, "--beside", "int4-weight-only")
        self.fails(2, "is the checkpoint itself", "search", self.path, "-o", self.path, *self.data, *self.goal)
        self.fails(2, "need different files", *goal, "--result", self.found)
        self.assertFalse(pathlib.Path(f"{self.found}.state").exists())
        self.fails(2, "did you mean \"int8-dynamic\"", *goal, "--beside", "int8-dynamc")
        self.fails(2, "are the same, so that none can be held out", *goal, "--limit", "1")
        self.assertFalse(self.found.exists())


if __name__ == "__main__":
    unittest.main()
