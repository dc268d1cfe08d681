"""Options: those of tasks, short names, underscores, and the habits of neighbouring tools."""
import json
import re
import unittest

from support import CliTest, write_cifar, write_coco

PROMPT_TASKS = ("zeroshot_classification", "drift", "layers")
# option -> (a value, the tasks that take it)
TASK_OPTIONS = {
    "--classnames": ("names.txt", PROMPT_TASKS),
    "--templates": ("imagenet7", PROMPT_TASKS),
    "--classes": ("all", PROMPT_TASKS),
    "--per-class": (None, ("zeroshot_classification", "linear_probe")),
    "--recall-k": ("5", ("zeroshot_retrieval", "index_compatibility")),
    "--index-formats": ("binary", ("index_compatibility",)),
    "--rescore": ("20", ("index_compatibility",)),
    "--largest-loss": ("1", ("index_compatibility",)),
    "--pairs": ("2", ("drift",)),
    "--train-data": ("cifar100:x", ("linear_probe",)),
    "--train-limit": ("2", ("linear_probe",)),
    "--probe-features": ("pooled", ("linear_probe",)),
    "--probe-c": ("1", ("linear_probe",)),
    "--probe-iterations": ("5", ("linear_probe",)),
    "--probe-tolerance": ("1e-3", ("linear_probe",)),
    "--probe-sweep": (None, ("linear_probe",)),
}


def listed(names):
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


class TaskOptions(CliTest):
    def test_each_belongs_to_its_tasks(self):
        tasks = [row["name"] for row in json.loads(self.ok("list", "tasks", "--json"))["tasks"]]
        for option, (value, takers) in TASK_OPTIONS.items():
            others = [task for task in tasks if task not in takers]
            given = [option] if value is None else [option, value]
            with self.subTest(option):
                self.fails(2, f"{option} belongs to {listed(takers)}, not to {others[0]}; leave it out or change --task", "eval",
                           "clip.pt", "--data", "cifar100:x", "--task", others[0], *given)
                self.fails(3, "x does not exist", "eval", "clip.pt", "--data", f"cifar100:{self.folder / 'x'}", "--task", takers[-1],
                           *given)

    def test_help_groups_them(self):
        text = self.ok("eval", "--help")
        groups = {}
        for heading, body in re.findall(r"^(\S[^\n]*):\n((?:  .*\n?)+)", text, re.MULTILINE):
            groups[heading] = re.findall(r"^  (?:-\w,)?(--[\w-]+)", body, re.MULTILINE)
        expected = {}
        for option, (_, takers) in TASK_OPTIONS.items():
            expected.setdefault(f"Options of {listed(takers)}", []).append(option)
        common = groups.pop("Options")
        groups.pop("Positionals")
        self.assertEqual(groups, expected)
        self.assertLessEqual({"--task", "--data", "--limit", "--batch-size"}, set(common))

    def test_values(self):
        evaluate = ("eval", "clip.pt", "--data", "cifar100:x", "--task")
        self.fails(2, "--recall-k: got 0, expected", *evaluate, "zeroshot_retrieval", "--recall-k", "1,0")
        self.fails(2, "--pairs: got 1001, expected .* from 0 to 1000", *evaluate, "drift", "--pairs", "1001")
        self.fails(2, "--probe-c: got 0, expected", *evaluate, "linear_probe", "--probe-c", "0")
        self.fails(2, "--probe-features.*embedding or pooled", *evaluate, "linear_probe", "--probe-features", "all")
        self.fails(2, "--probe-sweep excludes --probe-c|--probe-c excludes --probe-sweep", *evaluate, "linear_probe",
                   "--probe-sweep", "--probe-c", "1")


class Spellings(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()

    def test_model_option(self):
        artifact = self.folder / "q.pt"
        self.ok("quantize", "-o", artifact, "-m", self.path)
        self.assertIn("int8-dynamic", self.ok("inspect", "--model", artifact))
        data = ("--data", f"cifar100:{write_cifar(self.folder / 'cifar')}", "--json")
        expected = [result["metrics"] for result in json.loads(self.ok("eval", self.path, artifact, *data))["results"]]
        for models in (("-m", self.path, "-m", artifact), (self.path, "--model", artifact), ("-m", self.path, artifact)):
            results = json.loads(self.ok("eval", *models, *data, "-b", "7", "-t", "1"))["results"]
            self.assertEqual([result["model"]["path"] for result in results], [str(self.path), str(artifact)])
            self.assertEqual([result["metrics"] for result in results], expected)
        coco = write_coco(self.folder / "coco", count=2)
        self.ok("embed", "--images", coco, "-b1", "-m", artifact, "-o", self.folder / "x.npy")
        timed = json.loads(self.ok("bench", "-m", self.path, "-m", artifact, "-b", "1,2", "-t", "1", "--seconds", "0.01",
                                   "--json"))["results"]
        self.assertEqual([result["environment"]["threads"] for result in timed], [1, 1])
        self.fails(2, "At Most 1", "inspect", self.path, "-m", artifact)
        self.fails(2, "model is required", "inspect")

    def test_model_option_of_classify(self):
        coco = write_coco(self.folder / "coco", count=2)
        first, second = sorted(coco.glob("*.jpg"))
        labels = ("--labels", "red,blue", "--json")
        expected = json.loads(self.ok("classify", self.path, first, second, *labels))
        for files in (("-m", self.path, first, second), (first, "-m", self.path, second), (first, second, "--model", self.path)):
            self.assertEqual(json.loads(self.ok("classify", *files, *labels)), expected)
        self.assertEqual(len(json.loads(self.ok("classify", first, "-m", self.path, *labels))["images"]), 1)
        self.fails(2, "no images given for model .*tiny.pt", "classify", self.path, "--labels", "red,blue")

    def test_short_options_of_numbers(self):
        self.fails(2, "--threads: got 0", "list", "-t", "0")
        self.fails(2, "--threads: got 0", "-t", "0", "list")
        for command in (("eval", "x", "--data", "images:x"), ("embed", "x", "-o", "y"), ("bench", "x"), ("run", "demo", "-o", "y")):
            self.fails(2, "--batch-size: got 0", *command, "-b", "0")

    def test_underscores(self):
        coco = write_coco(self.folder / "coco")
        output = self.folder / "static.pt"
        self.ok("--log_file", self.folder / "log_file.txt", "quantize", self.path, "--recipe", "int8-static", "--calib_data",
                f"coco:{coco}", f"--calib_captions={coco / 'captions.json'}", "--calib_samples", "4", "-o", output)
        self.assertTrue(output.exists())
        self.assertTrue((self.folder / "log_file.txt").exists())
        self.fails(2, "--calib-samples: got 0", "quantize", self.path, "--calib_samples", "0")

    def test_underscores_that_stay(self):
        """In values, in arguments, and in options that there aren't."""
        self.fails(3, "--log_file does not exist", "inspect", "--", "--log_file")
        self.fails(3, "--no_cache does not exist", "inspect", "-m", "--no_cache")
        self.fails(2, "not expected: --frob_nicate", "inspect", self.path, "--frob_nicate")
        log = self.folder / "my_log.txt"
        self.ok("list", "tasks", f"--log_file={log}")
        self.assertTrue(log.exists())
        self.ok("list", "--log_file", "--my_log", cwd=self.folder)
        self.assertTrue((self.folder / "--my_log").exists())
        self.ok("list", "--log-file=", "--dry_run", cwd=self.folder)
        self.assertTrue((self.folder / "--dry_run").exists())


class Habits(CliTest):
    """What Optimum, OpenVINO and Model Optimizer call formats."""

    MEANT = {
        "--precision": {"int8": ["int8-dynamic", "int8-smooth"], "INT4": ["int4-weight-only"], "w4a8": ["int4-dynamic"], "fp8": ["fp8-max", "fp8-weight-only"],
                        "fp16": ["fp16"], "weight-only": ["int8-weight-only", "fp8-weight-only", "int4-weight-only"]},
        "--quant-mode": {"dynamic": ["int8-dynamic"], "static": ["int8-smooth", "int8-static"], "f8e4m3": ["fp8-max", "fp8-weight-only"]},
        "--quantize_mode": {"int8": ["int8-dynamic", "int8-smooth"]},
        "--qformat": {"int8_sq": ["int8-smooth"], "int4_awq": ["int4-weight-only"]},
        "--weight-format": {"int8": ["int8-weight-only"], "int4": ["int4-weight-only"], "fp8": ["fp8-weight-only"]},
    }

    def test_recipe_that_is_meant(self):
        needs = {}
        for option, values in self.MEANT.items():
            for value, recipes in values.items():
                spelling = option.replace("_", "-")
                process = self.fails(2, f"{spelling}: clipq chooses formats by recipe; for {value} pass --recipe", "quantize", "clip.pt",
                                     option, value, "-o", "q.pt")
                named = re.findall(r"--recipe (\S+) \((no data needed|with --calib-data)\)", process.stderr)
                self.assertEqual([name for name, _ in named], recipes)
                needs.update(named)
        path, _ = self.checkpoint()
        for recipe, need in needs.items():
            report = json.loads(self.ok("quantize", path, "--recipe", recipe, "--dry-run", "--json"))
            self.assertEqual(need == "with --calib-data", report["needs_data"], recipe)

    def test_others_get_the_list(self):
        recipes = ", ".join(row["name"] for row in json.loads(self.ok("list", "recipes", "--json"))["recipes"])
        self.fails(2, f'--weight-format: .*none for "nf4"; pass --recipe with one of {recipes}', "quantize", "clip.pt",
                   "--weight-format=nf4")
        self.fails(2, f"--precision: .*by recipe; pass --recipe with one of {recipes}", "quantize", "clip.pt", "--precision")

    def test_are_no_options(self):
        for option in self.MEANT:
            self.assertNotIn(option.replace("_", "-"), self.ok("quantize", "--help"))
        self.fails(2, "not expected: --precision", "inspect", "clip.pt", "--precision")


if __name__ == "__main__":
    unittest.main()
