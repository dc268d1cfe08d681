"""Run files: the shipped ones, configs/run.schema.json, and the program's agreement with it."""
import copy
import json
import unittest
from pathlib import Path

import jsonschema

from support import CliTest, clipq

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SCHEMA = json.loads((CONFIGS / "run.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

BASE = {
    "$schema": "../run.schema.json",
    "name": "base",
    "comment": "every key that a run can have",
    "checkpoints": ["checkpoint", {"name": "second", "optional": True, "comment": "another one"}],
    "data": {"drawn": {"kind": "cifar100", "comment": "drawings"}, "pairs": {}},
    "recipes": ["fp16", {"recipe": "int8-static", "name": "static", "set": ["calibration.rows=8"], "calibration": "pairs",
                         "samples": 4, "optional": False, "comment": "as it is"}],
    "components": ["both", "image", "text"],
    "tasks": [{"task": "linear_probe", "data": "drawn", "name": "probe", "limit": 4, "optional": False, "comment": "a",
               "per_class": True, "train_limit": 3, "probe_features": "pooled", "probe_c": 1.5, "probe_iterations": 2,
               "probe_tolerance": 1e-3, "probe_sweep": False},
              {"task": "zeroshot_retrieval", "data": "pairs", "recall_k": [1]},
              {"task": "drift", "data": "drawn", "templates": "imagenet7", "classes": "all", "pairs": 0}],
    "limit": 100,
    "bench": {"batch_sizes": [1], "tower": "both", "seconds": 0.5, "warm_up": 0, "comment": "short"},
    "gates": {"max_drop": ["acc1=0.5"], "max_size_ratio": 0.5, "size_against": "float32", "min_speedup": "image.1=1.5",
              "require_certain": True},
}
ABSENT = object()
TASK, RETRIEVAL, DRIFT = ("tasks", 0), ("tasks", 1), ("tasks", 2)
RECIPE, BENCH, GATES = ("recipes", 1), ("bench",), ("gates",)


def changed(path, value):
    """BASE with one value set, or taken out if it is ABSENT."""
    run = copy.deepcopy(BASE)
    place = run
    for key in path[:-1]:
        place = place[key]
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return run


VALID = [
    (("$schema",), ABSENT), (("comment",), ABSENT), (("checkpoints",), ABSENT), (("recipes",), []), (("components",), []),
    (("tasks",), []), (("limit",), ABSENT), (("bench",), ABSENT), (("bench",), False), (("bench",), True), (("gates",), {}),
    (("tasks",), [{"task": "layers", "data": "drawn", "templates": "imagenet7", "classes": "present"}]),
    ((*RETRIEVAL, "recall_k"), [1, 1000000000]), ((*DRIFT, "pairs"), 1000),
    (("tasks",), [{"task": "zeroshot_classification", "data": "drawn", "per_class": True}]), ((*TASK, "probe_c"), ABSENT), ((*RECIPE, "calibration"), ABSENT), ((*RECIPE, "set"), []),
    ((*GATES, "min_speedup"), ["1", "text=2"]), ((*GATES, "max_drop"), "acc5=1"), (("data", "drawn", "kind"), "imagefolder"),
]
# (path, value, what the message says): each is BASE with that one value, and wrong.
BROKEN = [
    (("name",), ABSENT, "name"), (("name",), "", "name"), (("nmae",), "x", 'unknown key "nmae"; did you mean "name"'),
    (("checkpoints",), [], "empty list"), (("checkpoints",), "checkpoint", "expected a list"),
    (("checkpoints",), ["data"], "can't be called"), (("checkpoints",), ["a b"], "letters"),
    (("checkpoints",), [{"name": "a", "path": "x"}], "path"), (("data",), [], "data"),
    (("data", "drawn"), {"kind": "cifar"}, 'did you mean "cifar10"'), (("data", "drawn"), {"path": "x"}, "path"),
    (("data", "a.b"), {}, "letters"), (("recipes",), "fp16", "expected a list"),
    (("recipes",), [{"name": "x"}], "recipe"), ((*RECIPE, "samples"), 0, "samples"), ((*RECIPE, "set"), "a.b=1", "set"),
    ((*RECIPE, "component"), "both", "component"), (("components",), ["vision"], "vision"), (("components",), "both", "components"),
    (("tasks",), {}, "expected a list"), ((*TASK, "task"), "zero_shot", "unknown task"), ((*TASK, "data"), ABSENT, "data"),
    ((*TASK, "limit"), 0, "limit"), ((*TASK, "limit"), 1000000001, "limit"), ((*DRIFT, "classes"), "some", "classes"),
    ((*DRIFT, "templates"), "", "templates"), ((*RETRIEVAL, "recall_k"), [], "recall_k"), ((*RETRIEVAL, "recall_k"), [0], "recall_k"),
    ((*RETRIEVAL, "recall_k"), [1000000001], "recall_k"), ((*RETRIEVAL, "recall_k"), 1, "recall_k"), ((*DRIFT, "pairs"), -1, "pairs"),
    ((*DRIFT, "pairs"), 1001, 'task 3: "pairs" is 1001'), ((*TASK, "probe_iterations"), 0, "probe_iterations"),
    ((*TASK, "recall_k"), [1], 'task 1: "recall_k" belongs to zeroshot_retrieval and index_compatibility, not to linear_probe; remove it'),
    ((*RETRIEVAL, "per_class"), True, 'task 2: "per_class" belongs to zeroshot_classification and linear_probe, not to zeroshot_retr'),
    ((*RETRIEVAL, "templates"), "imagenet7", "belongs to zeroshot_classification, drift and layers, not to zeroshot_retrieval"),
    ((*DRIFT, "probe_c"), 1, 'task 3: "probe_c" belongs to linear_probe, not to drift'),
    ((*DRIFT, "classnames"), "names.txt", '"classnames" belongs to the data; give it with --set data.NAME.classnames='),
    ((*TASK, "train_data"), "cifar100:x", '"train_data" belongs to the data; give it with --set data.NAME.train='),
    ((*TASK, "probe_seep"), True, 'unknown key "probe_seep"; did you mean "probe_sweep"'),
    ((*TASK, "probe_c"), 0, "probe_c"),
    ((*TASK, "probe_features"), "all", "probe_features"), ((*TASK, "probe_sweep"), True, "probe_sweep"),
    ((*TASK, "per_class"), 1, "per_class"), ((*TASK, "batch"), 1, "batch"), (("limit",), 0, "limit"), (("limit",), 1.5, "limit"),
    (("bench",), "yes", "bench"), ((*BENCH, "seconds"), 0, "seconds"), ((*BENCH, "batch_sizes"), [], "batch"),
    ((*BENCH, "batch_sizes"), [0], "batch"), ((*BENCH, "tower"), "vision", "vision"), ((*BENCH, "warm_up"), -1, "warm_up"),
    (("gates",), [], "gates"), ((*GATES, "max_drop"), "acc1", "max-drop"), ((*GATES, "max_drop"), [0.5], "max_drop"),
    ((*GATES, "max_size_ratio"), 0, "max-size-ratio"), ((*GATES, "max_size_ratio"), "small", "max-size-ratio"),
    ((*GATES, "size_against"), "half", "size_against"), ((*GATES, "min_speedup"), "image=fast", "min-speedup"),
    ((*GATES, "min_size"), 1, "min_size"),
]
# What only the program can see.
INCONSISTENT = [
    ((*TASK, "data"), "drown", 'declares no "drown"; did you mean "drawn"'), ((*RECIPE, "calibration"), "drwn", "declares no"),
    (("recipes", 0), "fp61", 'unknown recipe "fp61"; did you mean "fp16"'), ((*RECIPE, "set"), ["calibration.rowz=1"], "rowz"),
    (("recipes",), ["fp16", "fp16"], 'two entries are called "fp16"'),
    (("tasks",), [{"task": "drift", "data": "drawn"}] * 2, 'two entries are called "drift-drawn"'),
    (("checkpoints",), ["checkpoint", "checkpoint"], "two entries"), (("checkpoints",), ["items"], "can't be called"),
    (("components",), ["both", "both"], "twice"),
]


class Schema(unittest.TestCase):
    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_accepts_the_shipped_runs(self):
        files = sorted((CONFIGS / "runs").glob("*.json"))
        self.assertTrue(files)
        for file in files:
            run = json.loads(file.read_text())
            with self.subTest(file.name):
                VALIDATOR.validate(run)
                self.assertEqual(run["name"], file.stem)

    def test_accepts_valid_runs(self):
        for path, value in [(("name",), "base"), *VALID]:
            with self.subTest(path=path, value=value):
                VALIDATOR.validate(changed(path, value))

    def test_refuses_broken_runs(self):
        for path, value, _ in BROKEN:
            with self.subTest(path=path, value=value):
                self.assertFalse(VALIDATOR.is_valid(changed(path, value)))

    def test_demo_has_every_recipe(self):
        demo = json.loads((CONFIGS / "runs" / "demo.json").read_text())
        names = [entry if isinstance(entry, str) else entry["recipe"] for entry in demo["recipes"]]
        self.assertCountEqual(names, [file.stem for file in (CONFIGS / "recipes").glob("*.json")])


class Program(CliTest):
    def read(self, run):
        """What `clipq run` says of a run of which nothing is bound: what it needs, if the file is right."""
        file = self.folder / "run.json"
        file.write_text(json.dumps(run))
        return clipq("run", file, "-o", self.folder / "out")

    def test_reads_valid_runs(self):
        for path, value in [(("name",), "base"), *VALID]:
            with self.subTest(path=path, value=value):
                process = self.read(changed(path, value))
                self.assertEqual(process.returncode, 2, process.stderr)
                self.assertIn("has unbound inputs; pass:\n  --set checkpoint=PATH\n", process.stderr)

    def test_refuses_broken_runs(self):
        for path, value, message in [*BROKEN, *INCONSISTENT]:
            with self.subTest(path=path, value=value):
                process = self.read(changed(path, value))
                self.assertEqual(process.returncode, 2, process.stderr)
                self.assertIn(message, process.stderr)
                self.assertNotRegex(process.stderr, "(unbound inputs|frame #|internal error|json.exception)")
        self.assertFalse((self.folder / "out").exists())

    def test_list_and_schema_agree(self):
        lists = json.loads(self.ok("list", "--json"))
        names = {key: [entry["name"] for entry in entries] for key, entries in lists.items()}
        definitions = SCHEMA["$defs"]
        self.assertCountEqual(names["tasks"], definitions["task"]["properties"]["task"]["enum"])
        self.assertCountEqual(names["datasets"], definitions["data"]["properties"]["kind"]["enum"])
        self.assertEqual(names["runs"], sorted(file.stem for file in (CONFIGS / "runs").glob("*.json")))

    def test_overrides(self):
        file = self.folder / "run.json"
        file.write_text(json.dumps(BASE))
        for setting, message in (("bench.seconds=0", "above 0"), ("gates.max_drop=acc1", "max-drop acc1"),
                                 ("limit=x", "limit"), ("tasks.2.pairs=-1", "pairs"), ("tasks.1.pairs=1", "belongs to drift"), ("tasks.x.pairs=1", 'no entry "x" in a list of'),
                                 ("nothing", "expected KEY=VALUE"), ("data.pairs=folder", "expected KIND:PATH")):
            self.fails(2, message, "run", file, "-o", self.folder / "out", "--set", setting)


if __name__ == "__main__":
    unittest.main()
