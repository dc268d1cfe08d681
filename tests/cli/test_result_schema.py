"""configs/result.schema.json: it accepts what the program writes for every task, and nothing else; docs/results.md reads it."""
import copy
import json
import pathlib
import re
import tempfile
import unittest

import jsonschema

from support import CliTest, clipq, export, tiny_clip, write_cifar, write_coco

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "configs" / "result.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ABSENT = object()
MISTAKEN = object()  # in a path: the first class that is ever mistaken for another
RUN = {"name": "small", "checkpoints": ["checkpoint"], "data": {"pairs": {"kind": "coco"}, "other": {}},
       "recipes": ["int8-dynamic", "int8-static"], "bench": False,
       "tasks": [{"task": "zeroshot_retrieval", "data": "pairs"}, {"task": "drift", "data": "other", "optional": True}]}


def run(*arguments):
    """What a command that must succeed prints."""
    process = clipq(*arguments)
    if process.returncode != 0:
        raise AssertionError(process.stderr)
    return process.stdout


def write_instances(folder):
    """Categories for the pictures of write_coco(), of which the last has none."""
    images = json.loads((folder / "captions.json").read_text())["images"]
    file = folder / "instances.json"
    file.write_text(json.dumps({
        "images": images, "categories": [{"id": i, "name": f"thing {i}"} for i in range(4)],
        "annotations": [{"image_id": image["id"], "category_id": image["id"] % 3} for image in images[:-1]]}))
    return file


def write_class_folders(folder):
    """Two classes with a training split, of which one picture is damaged, and names in the order of the folders."""
    pictures = sorted(write_coco(folder / "pictures", count=8).glob("*.jpg"))
    for i, picture in enumerate(pictures):
        target = folder / ("train" if i < 4 else "val") / "ab"[i % 2] / picture.name
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.rename(target)
    (folder / "train" / "a" / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "names.txt").write_text("first\nsecond\n")
    return folder


class Fixture:
    """Every kind of document, by name."""

    def __init__(self, folder):
        coco, cifar = write_coco(folder / "coco"), folder / "cifar"
        write_cifar(cifar, labels=[i % 7 for i in range(35)])
        write_cifar(cifar, labels=[i % 7 for i in range(70)], name="train.bin", seed=8)
        folders, instances = write_class_folders(folder / "folders"), write_instances(coco)
        checkpoint, dynamic, static, whole = (folder / name for name in ("tiny.pt", "dynamic.pt", "static.pt", "whole.pt"))
        export(tiny_clip(), checkpoint)
        run("quantize", checkpoint, "-o", dynamic)
        run("quantize", checkpoint, "-o", static, "--recipe", "int8-static", "--calib-data", f"coco:{coco}",
            "--calib-captions", coco / "captions.json")
        run("quantize", checkpoint, "-o", whole, "--recipe", "dq-clip")
        self.models = (checkpoint, dynamic, static, whole)
        captioned = ("--data", f"coco:{coco}", "--captions", coco / "captions.json")
        labelled, few = ("--data", f"cifar100:{cifar}"), ("--data", f"imagefolder:{folders}")
        self.documents = {
            "classes": self.eval(*labelled, "--per-class"),
            "few classes": self.eval(*few, "--classnames", folders / "names.txt", "--templates", "imagenet7"),
            "several labels": self.eval("--data", f"coco:{coco}", "--captions", instances, "--templates", "imagenet7", "--per-class"),
            "retrieval": self.eval("--task", "zeroshot_retrieval", *captioned, "--recall-k", "1,3"),
            "index": self.eval("--task", "index_compatibility", *captioned, "--index-formats", "float32,int8,sq8,binary", "--rescore", "10"),
            "probe": self.eval("--task", "linear_probe", *labelled, "--per-class", "--probe-sweep"),
            "skipping probe": self.eval("--task", "linear_probe", *few, "--skip-bad", "1", "--probe-features", "pooled"),
            "drift": self.eval("--task", "drift", *captioned),
            "drift of classes": self.eval("--task", "drift", *labelled),
            "drift of one": self.eval("--task", "drift", *captioned, "--limit", "1", "--pairs", "0"),
            "layers": self.eval("--task", "layers", *captioned),
            "layers of images": self.eval("--task", "layers", "--data", f"images:{coco}"),
            "sensitivity": self.json("sensitivity", checkpoint, *labelled),
            "sensitivity of retrieval": self.json("sensitivity", checkpoint, "--task", "zeroshot_retrieval", "--recall-k", "2", *captioned),
            "sensitivity of several labels": self.json("sensitivity", checkpoint, "--recipe", "dq-clip", "--set", "text_projection.*.enable=false", "--data", f"coco:{coco}",
                                                       "--captions", instances, "--templates", "imagenet7"),
            "search": self.search(checkpoint, folder, *labelled, "--goal", "acc1 drop <= 100", "--beside", "fp16"),
            "search of retrieval": self.search(checkpoint, folder, "--task", "zeroshot_retrieval", "--goal", "image_retrieval_recall@1 drop <= 100",
                                               "--minimize", "latency", *captioned),
            "bench": self.json("bench", *self.models, "--seconds", "0.05", "--batch-size", "1,3", "--profile"),
            "end to end": self.json("bench", *self.models, "--seconds", "0.05", "--end-to-end", "--images", coco, "--limit", "2"),
            "bench of a tower": self.json("bench", checkpoint, "--seconds", "0.05", "--tower", "text"),
            "unchecked": self.json("bench", checkpoint, "--seconds", "0.05", "--parity", "skip", "--activation", "quick_gelu"),
        }
        (coco / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
        self.documents["drift of images"] = self.eval("--task", "drift", "--data", f"images:{coco}", "--skip-bad", "1")
        file = folder / "run.json"
        file.write_text(json.dumps(RUN))
        clipq("run", file, "-o", folder / "run", "--set", f"checkpoint={checkpoint}", "--set", f"data.pairs={coco}",
              "--set", f"data.pairs.captions={coco / 'captions.json'}", "--no-cache")
        self.documents["run"] = json.loads((folder / "run" / "results.json").read_text())

    def search(self, checkpoint, folder, *arguments):
        return self.json("search", checkpoint, "--formats", "int8,fp16,float", *arguments, "-o", folder / "found.json")

    def eval(self, *arguments):
        return self.json("eval", *self.models, *arguments)

    @staticmethod
    def json(*arguments):
        return json.loads(run(*arguments, "--json"))


SENSITIVITY = ("details", "sensitivity")
SEARCH = ("details", "search")

# (document, path in the Result of int8-dynamic, value): each makes a valid Result invalid.
BROKEN = [
    ("classes", ("extra",), 1), ("classes", ("schema",), "clipq.result/2"), ("classes", ("schema",), ABSENT),
    ("classes", ("task",), "zeroshot"), ("classes", ("task",), "drift"), ("classes", ("task",), ABSENT),
    ("classes", ("model",), ABSENT), ("classes", ("model", "path"), ABSENT), ("classes", ("model", "sha256"), "0123"),
    ("classes", ("model", "mode"), "int8"), ("classes", ("model", "mode"), "float"), ("classes", ("model", "kernels"), ABSENT),
    ("classes", ("model", "recipe"), ABSENT), ("classes", ("model", "size_bytes"), "9"), ("classes", ("model", "size_bytes"), 9.5),
    ("classes", ("model", "speed"), 1), ("classes", ("model", "parts", "archive"), ABSENT),
    ("classes", ("model", "parts", "visual"), 1), ("classes", ("data",), ABSENT), ("classes", ("data", "items"), 0),
    ("classes", ("data", "templates"), ABSENT), ("classes", ("data", "skipped"), []), ("classes", ("metrics",), ABSENT),
    ("classes", ("metrics", "acc1"), ABSENT), ("classes", ("metrics", "acc1"), 50), ("classes", ("metrics", "acc1"), "0.5"),
    ("classes", ("metrics", "acc2"), 0.5), ("classes", ("metrics", "mean_average_precision"), 0.5), ("classes", ("latency",), {}),
    ("classes", ("settings",), ABSENT), ("classes", ("settings", "classes"), "some"), ("classes", ("settings", "seed"), 1),
    ("classes", ("details",), {}), ("classes", ("details", "probe"), {}), ("classes", ("details", "per_class", 0, "recall"), None),
    ("classes", ("details", "per_class", MISTAKEN, "times"), ABSENT), ("classes", ("warnings",), []), ("classes", ("warnings",), "none"),
    ("classes", ("environment",), ABSENT), ("classes", ("environment", "threads"), "2"),
    ("classes", ("environment", "time"), "yesterday"), ("classes", ("environment", "host"), "here"), ("classes", ("outcomes",), ABSENT),
    ("classes", ("outcomes", "acc1", "hits"), "0120"), ("classes", ("outcomes", "acc1", "hits"), ""),
    ("classes", ("outcomes", "acc1", "hits"), [0, 1]), ("classes", ("outcomes", "acc1", "strata"), "0 1"),
    ("classes", ("outcomes", "mean_per_class_recall", "strata"), ABSENT),
    ("classes", ("outcomes", "mean_per_class_recall", "strata"), "0  1"), ("classes", ("outcomes", "ece"), {"hits": "0"}),
    ("several labels", ("outcomes",), {"acc1": {"hits": "0"}}), ("several labels", ("details", "per_class", 0, "items"), -1),
    ("retrieval", ("metrics", "image_retrieval_recall@0"), 0.5), ("retrieval", ("settings", "captions"), ABSENT),
    ("retrieval", ("details",), {"per_class": []}), ("retrieval", ("outcomes", "image_retrieval_recall@1", "clusters"), "2 0 2"),
    ("retrieval", ("outcomes", "text_retrieval_recall@1", "clusters"), "1 1"), ("retrieval", ("data", "templates"), 18),
    ("index", ("metrics", "image_retrieval_recall@1"), 0.5), ("index", ("settings", "largest_loss"), 0), ("index", ("details",), ABSENT),
    ("index", ("details", "index_compatibility", "verdicts", 0, "verdict"), "yes"),
    ("index", ("details", "index_compatibility", "searches", 0, "index"), "both"),
    ("index", ("details", "index_compatibility", "searches", 0, "recall", "1"), 2),
    ("index", ("details", "index_compatibility", "searches", 0, "loss", "1", "low"), ABSENT),
    ("index", ("outcomes", "mixed_image_retrieval_recall@1", "clusters"), ABSENT),
    ("probe", ("settings", "c"), "best"), ("probe", ("settings", "train_sha256"), ABSENT), ("probe", ("details",), ABSENT),
    ("probe", ("details", "probe", "converged"), 1), ("probe", ("details", "probe", "tried", 0, "c"), ABSENT),
    ("probe", ("details", "probe", "loss"), 0.1), ("probe", ("metrics", "acc1"), 0.5),
    ("drift", ("metrics", "image_cosine_min"), ABSENT), ("drift", ("metrics", "text_rank_correlation"), ABSENT),
    ("drift", ("details", "similarity_map", "cosines", 0), 1), ("drift", ("details", "similarity_map", "cosines", 0, 0), None),
    ("drift", ("details", "retrieval_examples", 0, "why"), "random"), ("drift", ("details", "retrieval_examples", 0, "rank"), 0),
    ("drift", ("details", "retrieval_examples", 0, "top", 0, "right"), "yes"), ("drift", ("outcomes",), {"acc1": {"hits": "0"}}),
    ("layers", ("details", "depth", "visual"), {}), ("layers", ("details", "depth", "image"), ABSENT),
    ("layers", ("details", "depth", "image", "sqnr_db", 0), 201), ("layers", ("details", "depth", "image", "cosine"), [None]),
    ("layers", ("details", "weights", 0, "counts"), [1]), ("layers", ("details", "weights", 0, "name"), ABSENT),
    ("layers", ("details", "gelu_ranges"), ABSENT), ("layers", ("details", "gelu_ranges", "image", 0), [1]),
    ("layers", ("details", "outliers"), {"image": {"blocks": []}}), ("layers", ("details", "outliers"), {"visual": {}}),
    ("layers", ("details", "quantizers", 0, "tokens"), {"ratio": 9.5, "share": 0.1}),
    ("layers", ("details", "quantizers", 0, "what"), 8), ("layers", ("details", "quantizers", 0, "scales"), ABSENT),
    ("sensitivity", ("model", "mode"), "simulate"), ("sensitivity", ("metrics", "acc2"), 0.5), ("sensitivity", ("details",), ABSENT),
    ("sensitivity", (*SENSITIVITY, "task"), "drift"), ("sensitivity", (*SENSITIVITY, "groups"), []),
    ("sensitivity", (*SENSITIVITY, "quantized", "cosines", "both"), 1), ("sensitivity", (*SENSITIVITY, "groups", 0, "stage"), -1),
    ("sensitivity", (*SENSITIVITY, "groups", 0, "one_only", "cosine"), ABSENT),
    ("search", ("model", "mode"), "simulate"), ("search", ("details",), ABSENT), ("search", (*SEARCH, "goals"), []),
    ("search", (*SEARCH, "goals", 0, "most_drop_points"), -1), ("search", (*SEARCH, "minimize"), "bits"),
    ("search", (*SEARCH, "groups", 0, "formats", "int8", "cost"), ABSENT), ("search", (*SEARCH, "groups", 0, "formats", "int8", "agreement"), 2),
    ("search", (*SEARCH, "tried", 0, "search"), ABSENT), ("search", (*SEARCH, "tried", 0, "share_of_floats_time"), ABSENT), ("search", (*SEARCH, "tried", 0, "held_out", "acc1", "low"), ABSENT),
    ("search", (*SEARCH, "verdicts", 0, "status"), "good"), ("search", (*SEARCH, "seconds", "trials"), "1"),
    ("sensitivity", (*SENSITIVITY, "groups", 0, "one_only", "agreement"), 1.5),
    ("sensitivity", (*SENSITIVITY, "groups", 0, "leave_one_out", "differences", "acc1", "low"), ABSENT),
    ("bench", ("latency",), ABSENT), ("bench", ("latency", "visual"), {}), ("bench", ("latency", "image", "0"), {}),
    ("bench", ("latency", "image", "1", "median_ms"), None), ("bench", ("latency", "image", "1", "repeats"), 0),
    ("bench", ("latency", "image", "1", "mean_ms"), 1), ("bench", ("data",), {}), ("bench", ("metrics",), {"acc1": 0.5}),
    ("bench", ("settings",), {"seconds": 3}), ("bench", ("details", "bench", "load"), ABSENT),
    ("bench", ("details", "bench", "rates", "image", "1", "gops"), ABSENT), ("bench", ("details", "bench", "gemm_peak", "int8_gops"), "1"),
    ("bench", ("details", "bench", "profile_ms", "text", "1", "(rest)"), ABSENT), ("bench", ("details", "bench", "speed"), 1),
]


def paths_of(value, path=()):
    """The paths of everything in a document, of lists only as far as their first entry."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths_of(child, (*path, key))


def at(value, path):
    for key in path:
        value = next(each for each in value if "times" in each) if key is MISTAKEN else value[key]
    return value


def changed(result, path, value):
    """A copy with one value set, or taken out if it is ABSENT."""
    result = copy.deepcopy(result)
    place = at(result, path[:-1])
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


def keys_of(value):
    """The keys of all objects in a document."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set(value if isinstance(value, dict) else ()).union(*map(keys_of, children))


def declared_keys(schema):
    """The keys that a schema gives a description."""
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    properties = schema.get("properties") if isinstance(schema, dict) else None
    own = {key for key, value in (properties or {}).items() if isinstance(value, dict) and value.keys() & {"$ref", "description"}}
    return own.union(*map(declared_keys, children))


class ResultSchema(CliTest):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.documents = Fixture(pathlib.Path(temporary.name)).documents

    def results(self):
        return [result for document in self.documents.values() for result in document["results"]]

    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_accepts_what_is_written(self):
        for name, document in self.documents.items():
            with self.subTest(name):
                VALIDATOR.validate(document)
        VALIDATOR.validate({"results": []})

    def test_has_no_key_that_is_never_written(self):
        self.assertLessEqual(declared_keys(SCHEMA), keys_of(self.documents))

    def test_has_the_tasks_of_the_program(self):
        listed = [each["name"] for each in json.loads(self.ok("list", "tasks", "--json"))["tasks"]]
        tasks = SCHEMA["$defs"]["result"]["properties"]["task"]["enum"]
        self.assertCountEqual([*listed, "bench", "sensitivity", "search"], tasks)
        self.assertEqual({result["task"] for result in self.results()}, set(tasks))
        for task in tasks:
            self.assertIn(task, SCHEMA["$defs"])

    def test_refuses_broken_results(self):
        for name, path, value in BROKEN:
            result = self.documents[name]["results"][:2][-1]
            with self.subTest(name, path=path, value=value):
                self.assertFalse(VALIDATOR.is_valid({"results": [changed(result, path, value)]}))

    def test_refuses_unknown_keys_and_wrong_types_everywhere(self):
        for name, document in self.documents.items():
            result = document["results"][-1]
            for path in paths_of(result):
                with self.subTest(name, path=path):
                    if isinstance(at(result, path), dict):
                        self.assertFalse(VALIDATOR.is_valid({"results": [changed(result, (*path, "extra"), {})]}))
                    if path:
                        self.assertFalse(VALIDATOR.is_valid({"results": [changed(result, path, [{}])]}))

    def test_refuses_broken_documents(self):
        result, document = self.documents["classes"]["results"][0], self.documents["run"]
        for broken in ([result], result, {}, {"results": result}, {"results": [], "extra": 1}, {**document, "run": {"name": "small"}},
                       changed(document, ("run", "failed", 0, "message"), ABSENT)):
            self.assertFalse(VALIDATOR.is_valid(broken))

    def test_null_is_for_undefined_metrics(self):
        undefined = {(name, metric) for name, document in self.documents.items() for result in document["results"]
                     for metric, value in result.get("metrics", {}).items() if value is None}
        self.assertEqual(undefined, {("few classes", "acc5"), ("skipping probe", "lp_acc5"), ("drift of one", "image_rank_correlation")})

    def test_the_documented_code_decodes_outcomes(self):
        page = (ROOT / "docs" / "results.md").read_text()
        names = {}
        exec("\n".join(re.findall(r"```python\n(.*?)```", page, re.S)), names)  # pylint: disable=exec-used
        checked = set()
        for result in self.results():
            for metric, outcomes in result.get("outcomes", {}).items():
                self.assertAlmostEqual(names["mean"](outcomes), result["metrics"][metric], places=12)
                checked.add(metric.split("@")[0])
        self.assertEqual(len(checked), 10)
        before, after, _, _ = self.documents["retrieval"]["results"]
        units = names["clusters"](before["outcomes"]["image_retrieval_recall@1"])
        self.assertEqual(units, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
        self.assertTrue(names["comparable"](before, after))
        self.assertFalse(names["comparable"](before, self.documents["drift"]["results"][0]))
        self.assertFalse(names["comparable"](before, self.documents["drift of one"]["results"][0] | {"task": "zeroshot_retrieval"}))

    def test_per_class_tables_go_with_strata(self):
        for name, metric in (("classes", "mean_per_class_recall"), ("probe", "lp_mean_per_class_recall")):
            for result in self.documents[name]["results"]:
                strata = result["outcomes"][metric]["strata"].split()
                classes = sorted(set(map(int, strata)))
                self.assertEqual([row["items"] for row in result["details"]["per_class"]], [strata.count(str(c)) for c in classes])


if __name__ == "__main__":
    unittest.main()
