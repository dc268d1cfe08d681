"""`clipq run`: what it does, what it skips, what survives when it is killed or when something fails."""
import itertools
import json
import random
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from support import CLIPQ, CliTest, write_coco

DEMO = Path(__file__).resolve().parents[2] / "demo" / "clip-demo.pt"
RUN = {
    "name": "tiny",
    "data": {"drawn": {"kind": "cifar100"}, "pairs": {"kind": "coco"}, "more": {"kind": "imagefolder", "comment": "folders"}},
    "recipes": ["int8-dynamic", {"recipe": "fp8-max", "name": "fp8", "calibration": "pairs", "samples": 8}],
    "components": ["both", "text"],
    "tasks": [
        {"task": "zeroshot_classification", "data": "drawn"},
        {"task": "drift", "data": "drawn"},
        {"task": "zeroshot_retrieval", "data": "pairs"},
        {"task": "zeroshot_classification", "data": "more", "optional": True},
    ],
    "limit": 10,
    "bench": {"batch_sizes": [1], "seconds": 0.01, "warm_up": 0},
}
MODELS = ["int8-dynamic.pt", "int8-dynamic.text.pt", "fp8.pt", "fp8.text.pt"]
ITEMS = ["quantize.int8-dynamic", "quantize.int8-dynamic.text", "quantize.fp8", "quantize.fp8.text",
         "eval.zeroshot_classification-drawn", "eval.drift-drawn", "eval.zeroshot_retrieval-pairs", "bench"]
KILLS = 10


def without_times(document):
    """report.json with a 0 for every time and for what is made of times."""
    for model in document["models"]:
        for latency in model["latencies"]:
            latency.update(dict.fromkeys(("min_ms", "median_ms", "p95_ms", "repeats", "speed_up"), 0))
    document["fronts"] = [front for front in document["fronts"] if front["latency"] is None]
    for result in document["results"]:
        result["environment"]["time"] = 0
        result.get("details", {}).pop("bench", None)
        for stats in itertools.chain.from_iterable(sizes.values() for sizes in result.get("latency", {}).values()):
            stats.update(dict.fromkeys(stats, 0))
    return document


class RunTest(CliTest):
    def setUp(self):
        super().setUp()
        self.ok("demo", "-o", self.folder / "data", "--draw-only", "--images-per-class", "1")
        self.data = self.folder / "data"
        self.run_file = self.folder / "tiny.json"
        self.write(RUN)

    def write(self, run):
        self.run_file.write_text(json.dumps(run))

    def arguments(self, *more, folder="out", pairs=None):
        pairs = pairs or self.data / "coco" / "val"
        settings = {"checkpoint": DEMO, "data.drawn": self.data / "cifar-100-binary", "data.pairs": pairs,
                    "data.drawn.classnames": self.data / "classnames.json", "data.drawn.templates": self.data / "templates.json",
                    "data.pairs.captions": self.data / "coco" / "captions.json"}
        bound = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        return ["run", self.run_file, "-o", folder, "--no-cache", "--mode", "simulate", *bound, *more]

    def items(self, folder):
        return sorted(path.stem for path in (folder / "items").iterdir())

    def report(self, place):
        return json.loads((place / "out" / "report.json").read_text())


class Runs(RunTest):
    def test_everything(self):
        output = self.ok(*self.arguments("--log-file", "run.log"), cwd=self.folder)
        out = self.folder / "out"
        self.assertEqual(self.items(out), sorted(ITEMS))
        self.assertEqual(sorted(path.name for path in (out / "models").glob("*.pt")), sorted(MODELS))
        for name in ("results.json", "report.json", "report.md", "report.html"):
            self.assertTrue((out / name).stat().st_size > 0, name)
        document = json.loads((out / "results.json").read_text())
        tasks = [result["task"] for result in document["results"]]
        self.assertEqual(tasks, [task for task in ("zeroshot_classification", "drift", "zeroshot_retrieval", "bench")
                                 for _ in range(5)])
        self.assertEqual([Path(result["model"]["path"]).name for result in document["results"][:5]], [DEMO.name, *MODELS])
        self.assertEqual(document["run"]["failed"], [])
        self.assertEqual(document["run"]["skipped"], ["zeroshot_classification-more: data.more isn't bound"])
        self.assertRegex(output, "fp8-max")
        log = (self.folder / "run.log").read_text().splitlines()
        self.assertTrue(all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} (debug|info|warning) ", line) for line in log), log)
        # Each quantization opens the checkpoint, and so does bench; all tasks together open it once.
        self.assertEqual(sum("compared with the archive's own" in line for line in log), 4 + 1 + 1)
        done = [line.split(" info run: ")[1] for line in log if " info run: " in line and " of 8" in line]
        self.assertEqual(len(done), len(ITEMS))
        self.assertRegex(done[-1], r"^8 of 8, about \d+ s left: time clip-demo\.pt and its artifacts$")
        self.assertIn("output cosine", self.ok("inspect", out / "models" / "fp8.pt"))

    def test_resume_keeps_what_is_finished(self):
        short = {**RUN, "components": ["both"], "tasks": RUN["tasks"][:1], "recipes": ["int8-dynamic"]}
        short.pop("bench")
        self.write(short)
        self.ok(*self.arguments(), cwd=self.folder)
        first = {path: path.stat().st_mtime_ns for path in (self.folder / "out" / "items").iterdir()}
        self.fails(2, "already holds a run", *self.arguments(), cwd=self.folder)
        self.ok(*self.arguments("--resume"), cwd=self.folder)
        self.assertEqual({path: path.stat().st_mtime_ns for path in first}, first)
        # Another recipe: only what depends on it is done again.
        self.write({**short, "recipes": ["int8-dynamic", "fp16"]})
        self.ok(*self.arguments("--resume"), cwd=self.folder)
        again = {path.stem for path, when in first.items() if path.stat().st_mtime_ns != when}
        self.assertEqual(again, {"eval.zeroshot_classification-drawn"})
        # A damaged artifact is made again.
        model = self.folder / "out" / "models" / "int8-dynamic.pt"
        whole = model.read_bytes()
        model.write_bytes(whole[:1000])
        self.ok(*self.arguments("--resume"), cwd=self.folder)
        self.assertEqual(model.read_bytes(), whole)
        # A damaged record is an error; without it its item is made again.
        record = self.folder / "out" / "items" / "quantize.fp16.json"
        record.write_bytes(record.read_bytes().replace(b"finished", b"finishes"))
        self.fails(3, r"quantize\.fp16\.json is damaged.*delete it", *self.arguments("--resume"), cwd=self.folder)
        record.unlink()
        self.ok(*self.arguments("--resume"), cwd=self.folder)
        before = record.stat().st_mtime_ns
        self.ok(*self.arguments("--restart"), cwd=self.folder)
        self.assertNotEqual(record.stat().st_mtime_ns, before)

    def test_a_failed_item_does_not_stop_the_others(self):
        pairs = write_coco(self.folder / "pairs")
        broken = next(pairs.glob("*.jpg"))
        broken.write_bytes(broken.read_bytes()[:200])
        arguments = self.arguments(pairs=pairs)
        arguments[arguments.index(f"data.pairs.captions={self.data / 'coco' / 'captions.json'}")] = \
            f"data.pairs.captions={pairs / 'captions.json'}"
        process = self.fails(3, "2 items of the run failed: quantize.fp8: .*jpg", *arguments, cwd=self.folder)
        self.assertIn("--resume", process.stderr)
        document = json.loads((self.folder / "out" / "results.json").read_text())
        self.assertEqual([failed["item"] for failed in document["run"]["failed"]],
                         ["quantize.fp8", "eval.zeroshot_retrieval-pairs"])
        self.assertEqual([failed["exit_code"] for failed in document["run"]["failed"]], [3, 3])
        names = [Path(result["model"]["path"]).name for result in document["results"][:4]]
        self.assertEqual(names, [DEMO.name, "int8-dynamic.pt", "int8-dynamic.text.pt", "fp8.text.pt"])
        self.assertTrue(any("quantize.fp8 failed" in warning for warning in self.report(self.folder)["warnings"]))

    def test_gates(self):
        gated = {**RUN, "recipes": ["int8-dynamic"], "components": ["both"], "tasks": RUN["tasks"][:1],
                 "gates": {"max_drop": ["acc1=50"], "max_size_ratio": 0.9}}
        gated.pop("bench")
        self.write(gated)
        self.assertRegex(self.ok(*self.arguments(), cwd=self.folder), "PASS size 0.31x")
        process = self.fails(4, "gates not met.*at most 0.01x", *self.arguments("--resume", "--set", "gates.max_size_ratio=0.01"),
                             cwd=self.folder)
        self.assertIn("BROKEN size", process.stdout)
        self.assertFalse(json.loads((self.folder / "out" / "gates.json").read_text())["passed"])
        document = json.loads(self.fails(4, "gates", *self.arguments("--resume", "--json", "--set", "gates.max_size_ratio=0.01"),
                                         cwd=self.folder).stdout)
        self.assertEqual(len(document["results"]), 2)

    def test_several_checkpoints(self):
        self.write({**RUN, "checkpoints": ["checkpoint", "other"], "recipes": ["fp16"], "components": ["both"],
                    "tasks": RUN["tasks"][:1], "bench": False})
        self.ok(*self.arguments("--set", f"other={DEMO}"), cwd=self.folder)
        for name in ("checkpoint", "other"):
            document = json.loads((self.folder / "out" / name / "report.json").read_text())
            self.assertEqual([model["model"]["path"] for model in document["models"]],
                             [str(DEMO), f"out/models/{name}.fp16.pt"])
        self.assertEqual(len(json.loads((self.folder / "out" / "results.json").read_text())["results"]), 4)

    def test_what_is_missing_is_listed(self):
        process = self.fails(2, "has unbound inputs", "run", self.run_file, "-o", self.folder / "out")
        for line in ("--set checkpoint=PATH", "--set data.drawn=PATH", "--set data.pairs=PATH", "--set data.pairs.captions=FILE"):
            self.assertIn(line, process.stderr)
        self.assertNotIn("data.more", process.stderr)
        self.fails(2, 'no such name; did you mean "checkpoint"', *self.arguments("--set", "chekpoint=x"), cwd=self.folder)
        self.fails(2, 'no entry "9" in a list', *self.arguments("--set", "tasks.9.limit=5"), cwd=self.folder)
        self.fails(2, 'no data "drown"; did you mean "drawn"', *self.arguments("--set", "data.drown=x"), cwd=self.folder)
        self.fails(2, 'unknown "caption"; did you mean "captions"', *self.arguments("--set", "data.pairs.caption=x"),
                   cwd=self.folder)
        self.fails(3, "does not exist", *self.arguments("--set", "checkpoint=nowhere.pt"), cwd=self.folder)
        self.fails(3, "does not exist", *self.arguments("--set", "data.drawn=nowhere"), cwd=self.folder)
        self.fails(2, 'unknown run "dq-clip-papre"; did you mean "dq-clip-paper"', "run", "dq-clip-papre", "-o", "out",
                   cwd=self.folder)
        self.assertFalse((self.folder / "out").exists())

    def test_a_folder_of_something_else_is_left_alone(self):
        (self.folder / "out").mkdir()
        (self.folder / "out" / "report.md").write_text("mine")
        for option in ((), ("--resume",), ("--restart",)):
            self.fails(2, 'a "report.md" that is not from a run', *self.arguments(*option), cwd=self.folder)
        self.assertEqual([path.name for path in (self.folder / "out").iterdir()], ["report.md"])


class Killed(RunTest):
    """The run killed in the middle of its items, again and again, ends where one that nobody disturbed ends."""

    def place(self, name):
        (self.folder / name).mkdir()
        return self.folder / name

    def kill_at(self, item, seconds, place, *more):
        """Runs until `item` is in hand and `seconds` more; ends the process and returns what it left of its records."""
        record = place / "out" / "items" / f"{item}.json"
        process = subprocess.Popen([CLIPQ, *map(str, self.arguments("--resume", *more))], cwd=place, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        while process.poll() is None and not record.exists():
            time.sleep(0.002)
        time.sleep(seconds)
        return process

    def test_sigkill(self):
        calm = self.place("calm")
        self.ok(*self.arguments(), cwd=calm)
        ends = [calm.joinpath("out", "items", f"{item}.json").stat().st_mtime for item in ITEMS]
        lasted = [0.1, *(after - before for before, after in zip(ends, ends[1:]))]
        choice = random.Random(2021)
        place = self.place("killed")
        killed = 0
        for number in itertools.islice(itertools.cycle(range(len(ITEMS))), 3 * KILLS):
            process = self.kill_at(ITEMS[number], choice.random() * lasted[number], place)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == -signal.SIGKILL:
                killed += 1
            else:  # it was done before; begin again
                shutil.rmtree(place / "out")
            if killed == KILLS:
                break
        self.assertEqual(killed, KILLS)
        self.ok(*self.arguments("--resume"), cwd=place)
        self.assertEqual(without_times(self.report(place)), without_times(self.report(calm)))
        for model in MODELS:
            name = Path("out", "models", model)
            self.assertEqual((place / name).read_bytes(), (calm / name).read_bytes(), model)
        left = sorted(path.name for path in (place / "out").rglob("*") if path.is_file() and path.name.startswith("."))
        self.assertEqual(left, [".lock"])

    def test_ctrl_c(self):
        place = self.place("interrupted")
        process = self.kill_at("eval.zeroshot_classification-drawn", 0, place)
        process.send_signal(signal.SIGINT)
        _, log = process.communicate()
        self.assertEqual(process.returncode, 130, log)
        self.assertIn(b"--resume", log)
        finished = {path.stem for path in (place / "out" / "items").iterdir()
                    if json.loads(path.read_text())["state"] == "finished"}
        self.assertLessEqual(set(ITEMS[:4]), finished)

    def test_two_at_once(self):
        place = self.place("shared")
        process = self.kill_at(ITEMS[0], 0, place)
        self.fails(2, "another clipq is running in this folder", *self.arguments("--resume"), cwd=place)
        process.kill()
        process.communicate()


if __name__ == "__main__":
    unittest.main()
