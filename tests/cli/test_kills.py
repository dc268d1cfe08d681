"""Killed in the middle of its work (SIGKILL, SIGHUP), the program leaves no file that shouldn't be there, and the next run
gives what a run gives that nobody disturbed. CLIPQ_KILLS says how many kills (12, or as many as it says)."""
import json
import os
import random
import signal
import subprocess
import time
import unittest

from support import CLIPQ, CliTest, write_cifar, write_coco
from test_run import without_times

KILLS = int(os.environ.get("CLIPQ_KILLS", "12"))
SIGNALS = (signal.SIGKILL, signal.SIGHUP)
RUN = {
    "name": "killed",
    "data": {"pairs": {"kind": "coco"}},
    "recipes": ["int8-dynamic", {"recipe": "fp8-max", "name": "fp8", "calibration": "pairs", "samples": 8}],
    "tasks": [{"task": "zeroshot_retrieval", "data": "pairs"}],
}


def snapshot(place):
    """Every file below the folder by name, with its bytes."""
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def comparable(name, content):
    """What of a file has to be the same in every run: all but times."""
    if not name.endswith(".json"):
        return content
    document = json.loads(content)
    if name.endswith("report.json"):
        return without_times(document)
    for result in document.get("results", document.get("outcome", {}).get("results", [])):
        result["environment"] = None
    document.pop("checksum", None)
    document.get("outcome", {}).pop("report", None)  # of quantize, with its seconds
    return document


class Command:
    """A command that writes into the folder it runs in."""

    def __init__(self, name, arguments, state=(), resume=(), timed=()):
        self.name, self.arguments, self.resume = name, [str(word) for word in arguments], list(resume)
        self.state = state  # ends of names that a killed run may leave beside the files of a whole one
        self.timed = timed  # ends of names that hold times in another form than JSON

    def start(self, place, *more):
        environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
        return subprocess.Popen([CLIPQ, *self.arguments, *more], cwd=place, env=environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def finish(self, place, *more):
        process = self.start(place, *more)
        _, log = process.communicate(timeout=600)
        if process.returncode != 0:
            raise AssertionError(f"{self.name}: {log}")


class Kills(CliTest):
    def commands(self):
        path, _ = self.checkpoint()
        coco = write_coco(self.folder / "coco", count=24)
        cifar = write_cifar(self.folder / "cifar")
        (self.folder / "run.json").write_text(json.dumps(RUN))
        captions = coco / "captions.json"
        calibration = ["--calib-data", f"coco:{coco}", "--calib-captions", captions]
        return [
            Command("quantize", ["quantize", path, "-o", "a.pt"]),
            Command("quantize with calibration",
                    ["quantize", path, "--recipe", "fp8-max", *calibration, "-o", "a.pt", "--save-every", 0],
                    state=(".calibration.ranges", ".calibration.rows"), resume=["--resume"]),
            Command("embed", ["embed", path, "--images", coco, "-o", "e.npy"]),
            Command("eval", ["eval", path, "--data", f"cifar100:{cifar}", "-o", "r.json", "--save-features", "features",
                             "--clip-benchmark", "benchmark"]),
            # Which kernels are the fastest differs from run to run.
            Command("run", ["run", self.folder / "run.json", "-o", "out", "--mode", "simulate", "--set", f"checkpoint={path}", "--set",
                            f"data.pairs={coco}", "--set", f"data.pairs.captions={captions}"],
                    state=(".pt.calibration.ranges", ".pt.calibration.rows"), resume=["--resume"],
                    timed=("report.html", "report.md", "int8-dynamic.txt", "fp8.txt")),
        ]

    def place(self, name):
        place = self.folder / name
        place.mkdir()
        return place

    def check_left(self, command, place, calm):
        """A killed run may have left whole files of those that it was to write, and its state."""
        for name, content in snapshot(place).items():
            if name.endswith(command.state or ()) or name.endswith(".lock"):
                continue
            self.assertIn(name, calm, f"{command.name} left it")
            if not name.endswith(".json") and not name.endswith(command.timed or ()):
                self.assertEqual(content, calm[name], f"{command.name}: {name}")

    def test_kills(self):
        choice = random.Random(50)
        commands = self.commands()
        calm, lasted, places = {}, {}, {}
        for command in commands:
            place = self.place(f"calm {command.name}")
            start = time.monotonic()
            command.finish(place)
            lasted[command.name], calm[command.name] = time.monotonic() - start, snapshot(place)
            places[command.name] = self.place(command.name)
        killed = dict.fromkeys(SIGNALS, 0)
        for number in range(KILLS):
            command, what = commands[number % len(commands)], SIGNALS[number % 2]
            place = places[command.name]
            process = command.start(place, *(command.resume if any(place.iterdir()) else ()))
            # Files are written towards the end.
            time.sleep(lasted[command.name] * choice.choice((choice.random(), 0.6 + 0.4 * choice.random())))
            process.send_signal(what)
            _, log = process.communicate(timeout=600)
            self.assertIn(process.returncode, (0, 130, -what), log)
            killed[what] += process.returncode != 0
            self.check_left(command, place, calm[command.name])
        self.assertGreater(min(killed.values()), 0)
        for command in commands:
            place, expected = places[command.name], calm[command.name]
            command.finish(place, *(command.resume if any(place.iterdir()) else ()))
            left = snapshot(place)
            self.assertEqual(sorted(left), sorted(expected), command.name)
            for name in expected:
                if not name.endswith(command.timed or ()):
                    self.assertEqual(comparable(name, left[name]), comparable(name, expected[name]), f"{command.name}: {name}")


if __name__ == "__main__":
    unittest.main()
