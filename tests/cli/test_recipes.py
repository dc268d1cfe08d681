"""Recipe files: the shipped ones, configs/recipe.schema.json, and the program's agreement with it."""
import copy
import json
import pathlib
import re
import unittest

import jsonschema

from support import CliTest, clipq, write_coco

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
SCHEMA = json.loads((CONFIGS / "recipe.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

BASE = {
    "$schema": "../recipe.schema.json",
    "name": "base",
    "comment": "every key that a recipe can have",
    "rules": [
        {"match": "*", "enable": False, "comment": "nothing but what follows"},
        {"match": "*.mlp.*.weight_quantizer", "format": "int8", "bits": 8, "scheme": "symmetric", "granularity": "channel",
         "scale_dtype": "float32", "optional": False},
        {"match": "*.mlp.*.input_quantizer", "format": "int8", "bits": 8, "scheme": "affine", "granularity": "tensor",
         "range": "static", "observer": "max"},
    ],
    "calibration": {"observer": "max", "samples": 4, "rows": 64},
    "algorithms": [{"name": "bias_correction", "data_free": False}],
}
WEIGHT, INPUT = ("rules", 1), ("rules", 2)
ABSENT = object()


def changed(path, value):
    """BASE with one value set, or taken out if it is ABSENT."""
    recipe = copy.deepcopy(BASE)
    place = recipe
    for key in path[:-1]:
        place = place[key]
    if value is ABSENT:
        del place[path[-1]]
    elif isinstance(place, list) and path[-1] == len(place):
        place.append(value)
    else:
        place[path[-1]] = value
    return recipe


def algorithm(name, **options):
    return ("algorithms",), [{"name": name, **options}]


# (path, value): each recipe is BASE with that one value.
VALID = [
    (("$schema",), ABSENT), (("comment",), ABSENT), (("calibration",), ABSENT), (("algorithms",), ABSENT),
    (("calibration",), {}), (("algorithms",), []), (("name",), "5"), (("calibration", "observer"), "mse"),
    (("calibration", "observer"), "entropy"), (("calibration", "observer"), "percentile:99.9"),
    (("calibration", "samples"), 1), (("calibration", "rows"), 1),
    ((*INPUT, "observer"), "moving-average"), ((*INPUT, "observer"), "moving-average:0.1"),
    ((*INPUT, "observer"), "percentile"), ((*INPUT, "bits"), 7), ((*INPUT, "scheme"), "symmetric"),
    ((*INPUT, "scheme"), "twin"), ((*INPUT, "enable"), True),
    ((*WEIGHT, "bits"), 2), ((*WEIGHT, "granularity"), "tensor"), ((*WEIGHT, "granularity"), "group:16"),
    ((*WEIGHT, "scheme"), "affine"), ((*WEIGHT, "scale_dtype"), "float16"), ((*WEIGHT, "comment"), "why"),
    (WEIGHT, {"match": "*.mlp.*.weight_quantizer", "format": "int4", "granularity": "group:32"}),
    (WEIGHT, {"match": "*.mlp.*.weight_quantizer", "format": "fp8_e4m3"}),
    (WEIGHT, {"match": "*.mlp.*.weight_quantizer", "format": "fp8_e5m2", "granularity": "tensor"}),
    (WEIGHT, {"match": "*.mlp.*.weight_quantizer", "format": "fp16", "granularity": "tensor"}),
    (INPUT, {"match": "*.mlp.*.input_quantizer", "format": "int8", "granularity": "token", "range": "dynamic"}),
    (("rules", 3), {"match": "nowhere.*", "enable": False, "optional": True}),
    (("algorithms",), ["equalize"]), (("algorithms",), ["weight_clip"]), (("algorithms",), ["gptq"]),
    (("algorithms",), ["bias_correction"]), (("algorithms",), ["awq"]), algorithm("equalize", alpha=0.5),
    algorithm("equalize", alpha=1), algorithm("equalize", data_free=True), algorithm("equalize", search=True),
    algorithm("weight_clip", steps=4, smallest=0.5), algorithm("awq", steps=4),
    algorithm("gptq", damping=0.01, block=32, reorder=True), algorithm("bias_correction"),
    algorithm("cross_layer_equalization", optional=True),
]

# (path, value, what the program's message must speak of): each recipe is BASE with one thing wrong.
BROKEN = [
    (("name",), ABSENT, "name"), (("name",), "", "name"), (("name",), 5, "name"), (("comment",), ["why"], "comment"),
    ((*INPUT, "range"), "dynamic", "takes no observer"),
    (("$schema",), 1, "schema"), (("rulez",), [], 'unknown key "rulez"'),
    (("rules",), ABSENT, "rules"), (("rules",), [], "rules"), (("rules",), {}, "rules"), (WEIGHT, "int8", "rule 2"),
    ((*WEIGHT, "match"), ABSENT, "match"), ((*WEIGHT, "match"), "", "match"), ((*WEIGHT, "match"), ["*"], "match"),
    ((*WEIGHT, "formt"), "int8", 'unknown key "formt"'),
    (WEIGHT, {"match": "*.weight_quantizer"}, "says nothing"),
    (WEIGHT, {"match": "*.weight_quantizer", "optional": True, "comment": "nothing"}, "says nothing"),
    ((*WEIGHT, "enable"), "yes", "enable"), ((*WEIGHT, "enable"), 1, "enable"),
    ((*WEIGHT, "format"), "int16", "int16"), ((*WEIGHT, "format"), "INT8", "INT8"), ((*WEIGHT, "format"), 8, "format"),
    ((*WEIGHT, "bits"), 9, "bits"), ((*WEIGHT, "bits"), 1, "bits"), ((*WEIGHT, "bits"), "8", "bits"),
    ((*WEIGHT, "bits"), 7.5, "bits"), ((*WEIGHT, "bits"), True, "bits"), ((*WEIGHT, "scheme"), "asymmetric", "asymmetric"),
    ((*WEIGHT, "granularity"), "row", "row"), ((*WEIGHT, "granularity"), "group", "group"),
    ((*WEIGHT, "granularity"), "group:0", "group:0"), ((*WEIGHT, "granularity"), "group:-8", "group:-8"),
    ((*WEIGHT, "granularity"), "group:8.5", "group:8.5"), ((*WEIGHT, "granularity"), "channel:8", "channel:8"),
    ((*WEIGHT, "scale_dtype"), "bfloat16", "bfloat16"), ((*WEIGHT, "optional"), "no", "optional"),
    ((*WEIGHT, "comment"), 5, "comment"), ((*INPUT, "range"), "runtime", "runtime"),
    ((*INPUT, "observer"), "minmax", "minmax"), ((*INPUT, "observer"), "max:2", "max"),
    ((*INPUT, "observer"), "percentile:", "percentile"), ((*INPUT, "observer"), "percentile:high", "percentile"),
    (("calibration",), [], "calibration"), (("calibration", "sample"), 4, 'unknown key "sample"'),
    (("calibration", "observer"), "maximum", "maximum"), (("calibration", "samples"), 0, "samples"),
    (("calibration", "samples"), "4", "samples"), (("calibration", "samples"), 4.5, "samples"),
    (("calibration", "rows"), 0, "rows"), (("calibration", "rows"), True, "rows"),
    (("algorithms",), "gptq", "algorithms"), (("algorithms",), {"name": "gptq"}, "algorithms"),
    (("algorithms",), [4], "algorithm"), (("algorithms",), ["smoothquant"], "smoothquant"), (("algorithms",), [{}], "name"),
    (("algorithms",), [{"steps": 4}], "name"), (*algorithm("adaround"), "adaround"),
    (*algorithm("equalize", alpha=1.5), "alpha"), (*algorithm("equalize", alpha=-0.1), "alpha"),
    (*algorithm("equalize", alpha="0.5"), "alpha"), (*algorithm("equalize", search="yes"), "search"),
    (*algorithm("equalize", steps=4), "steps"), (*algorithm("equalize", optional="yes"), "optional"), (*algorithm("weight_clip", steps=0), "steps"),
    (*algorithm("weight_clip", smallest=0), "smallest"), (*algorithm("weight_clip", smallest=1), "smallest"),
    (*algorithm("awq", steps=2.5), "steps"), (*algorithm("awq", alpha=0.5), "alpha"), (*algorithm("gptq", damping=0), "damping"),
    (*algorithm("gptq", block=0), "block"), (*algorithm("gptq", reorder="yes"), "reorder"),
    (*algorithm("bias_correction", data_free=1), "data_free"),
]


def label(path, value):
    return ".".join(map(str, path)) + (" absent" if value is ABSENT else f" = {json.dumps(value)}")


class Schema(unittest.TestCase):
    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_accepts_the_shipped_recipes(self):
        files = sorted((CONFIGS / "recipes").glob("*.json"))
        self.assertTrue(files)
        for file in files:
            recipe = json.loads(file.read_text())
            with self.subTest(file.name):
                VALIDATOR.validate(recipe)
                self.assertEqual(recipe["name"], file.stem)

    def test_accepts_valid_recipes(self):
        VALIDATOR.validate(BASE)
        for path, value in VALID:
            with self.subTest(label(path, value)):
                VALIDATOR.validate(changed(path, value))

    def test_refuses_broken_recipes(self):
        for path, value, _ in BROKEN:
            with self.subTest(label(path, value)):
                self.assertFalse(VALIDATOR.is_valid(changed(path, value)))

    def test_every_property_is_described(self):
        def check(schema, name):
            for key, value in schema.get("properties", {}).items():
                self.assertIn("description", value if "description" in value else self.target(value), f"{name}.{key}")
        check(SCHEMA, "recipe")
        for name, definition in SCHEMA["$defs"].items():
            self.assertIn("description", definition, name)
            check(definition, name)

    def target(self, value):
        return SCHEMA["$defs"][value["$ref"].removeprefix("#/$defs/")]


class Lists(CliTest):
    def test_are_what_the_schema_names(self):
        lists = json.loads(self.ok("list", "--json"))
        names = {key: [entry["name"] for entry in entries] for key, entries in lists.items()}
        definitions = SCHEMA["$defs"]
        self.assertCountEqual(names["formats"], definitions["rule"]["properties"]["format"]["enum"])
        self.assertCountEqual(names["observers"], definitions["observer"]["anyOf"][0]["enum"])
        with_parameter = re.match(r"\^\((.*?)\):", definitions["observer"]["anyOf"][1]["pattern"])[1].split("|")
        self.assertLessEqual(set(with_parameter), set(names["observers"]))
        algorithms = definitions["algorithm"]["anyOf"]
        self.assertCountEqual(names["algorithms"], algorithms[0]["enum"])
        self.assertEqual([entry["$ref"] for entry in algorithms[1:]], [f"#/$defs/{name}" for name in algorithms[0]["enum"]])
        self.assertEqual(names["recipes"], sorted(file.stem for file in (CONFIGS / "recipes").glob("*.json")))


class Program(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.coco = write_coco(self.folder / "coco")

    def plan(self, recipe):
        """What `quantize --dry-run` makes of a recipe on a tiny CLIP, with data at hand."""
        file = self.folder / "recipe.json"
        file.write_text(json.dumps(recipe))
        return clipq("quantize", self.path, "--recipe", file, "--dry-run", "--calib-data", f"coco:{self.coco}",
                     "--calib-captions", self.coco / "captions.json")

    def test_accepts_valid_recipes(self):
        for path, value in [(("name",), "base"), *VALID]:
            with self.subTest(label(path, value)):
                process = self.plan(changed(path, value))
                self.assertEqual(process.returncode, 0, process.stderr)

    def test_refuses_broken_recipes(self):
        for path, value, message in BROKEN:
            with self.subTest(label(path, value)):
                process = self.plan(changed(path, value))
                self.assertEqual(process.returncode, 2, process.stderr)
                self.assertIn(message, process.stderr)
                self.assertNotRegex(process.stderr, "(Exception raised from|frame #|internal error)")
        self.assertEqual(sorted(file.name for file in self.folder.iterdir()), ["coco", "recipe.json", "tiny.pt"])


if __name__ == "__main__":
    unittest.main()
