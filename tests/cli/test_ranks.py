"""Calibration and evaluation shared by several processes: through files, under torchrun, and with plain environment variables."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

import torch

from support import CLIPQ, CliTest, clipq, write_coco

LAUNCHERS = ("RANK", "WORLD_SIZE", "MASTER_", "SLURM_", "JOB_COMPLETION", "TORCHELASTIC_")
PERCENTILE = ("--set", "calibration.observer=percentile")
# Passes over the data: ranges; ranges; an algorithm's rows, then ranges.
RECIPES = {"int8-static": (), "fp8-max": PERCENTILE, "int8-smooth": ()}
# Kills clipq on rank 1 the first time, once it has saved something.
DIES_ONCE = """#!/bin/sh
if [ "$RANK" = 1 ] && [ ! -e "$MARK" ]; then
  touch "$MARK"
  "$@" & child=$!
  while ! ls "$(dirname "$MARK")"/*.rank-1-of-2.calibration.* 2> /dev/null && kill -0 $child; do sleep 0.01; done
  kill -9 $child
  wait $child
  exit 9
fi
exec "$@"
"""


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RanksTest(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.data = self.calibration(60)  # 4 batches of images, 8 of captions
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}

    def command(self, recipe, output, *options, data=True):
        return ["quantize", self.path, "--recipe", recipe, *RECIPES.get(recipe, ()), *(self.data if data else ()), "-o", output, *options]

    def alone(self, recipe, **variables):
        output = self.folder / f"{recipe}.pt"
        self.ok(*self.command(recipe, output), env=self.environment | variables)
        return output.read_bytes()

    def ranks(self, count, commands, port=None, **variables):
        """Starts one process per rank; returns them, finished, with their text."""
        port = str(port or free_port())
        processes = []
        for rank in range(count):
            environment = self.environment | {"RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            processes.append(subprocess.Popen([CLIPQ, *map(str, commands(rank))], env=environment | variables, text=True, errors="replace",
                                              stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        for process in processes:
            process.text = process.communicate(timeout=300)
        return processes

    def results(self, output):
        """All of a Results file but the time and the command line."""
        document = json.loads(output.read_text())
        for result in document["results"]:
            del result["environment"]["time"], result["environment"]["command"]
        return document

    def left(self):
        return sorted(file.name for file in self.folder.iterdir() if ".calibration" in file.name)


class Files(RanksTest):
    def gather(self, recipe, workers, *options):
        """One pass, by the workers; the files in disorder."""
        files = []
        for worker in range(workers):
            files.insert(0, self.folder / f"{recipe}-{len(options)}-{worker}-of-{workers}.stats")
            self.ok(*self.command(recipe, files[0], "--statistics-only", "--shard", f"{worker}/{workers}", *options))
        return files

    def test_merged_statistics_give_the_bytes_of_one_process(self):
        for recipe in RECIPES:
            expected = self.alone(recipe)
            for workers in (1, 3):
                output = self.folder / f"{recipe}-{workers}.pt"
                files = self.gather(recipe, workers)
                if recipe == "int8-smooth":
                    self.fails(2, r"lack pass ranges.*--statistics-only",
                               *self.command(recipe, output, "--merge-statistics", *files, data=False))
                    files += self.gather(recipe, workers, "--merge-statistics", *files)
                self.ok(*self.command(recipe, output, "--merge-statistics", *files, data=False))
                self.assertEqual(output.read_bytes(), expected, recipe)
        self.assertEqual(self.left(), [])

    def test_the_launcher_tells_the_part(self):
        part = self.folder / "part.stats"
        told = self.ok(*self.command("int8-static", part, "--statistics-only", "--json"),
                       env=self.environment | {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "4"})
        self.assertIn('"batches": [\n    2,\n    4\n  ]', told)

    def test_what_does_not_fit_is_refused(self):
        low, high = reversed(self.gather("int8-static", 2))
        output = self.folder / "q.pt"
        merge = lambda *files, recipe="int8-static", data=False, options=(): (  # noqa: E731
            *self.command(recipe, output, *options, data=data), "--merge-statistics", *files)
        self.fails(3, r"batch 4 of 8, counted from 0, is in none of the files; pass those of all workers", *merge(low))
        self.fails(3, r"overlap; pass each worker's file once", *merge(low, low, high))
        self.fails(3, r"gathered with another recipe;", *merge(low, high, recipe="fp8-max"))
        self.fails(3, r"gathered with another recipe;",
                   *merge(low, high, options=("--set", "calibration.observer=mse")))
        self.fails(2, "--merge-statistics calibrates on what was gathered", *merge(low, high, data=True))
        self.fails(2, "the statistics are complete", *merge(low, high, data=True, options=("--statistics-only",)))
        self.fails(2, "drop .*--calib-samples", *merge(low, high, options=("--calib-samples", "8")))
        self.fails(2, "is one of the files of --merge-statistics", "quantize", self.path, "--recipe", "int8-static", "-o", low,
                   "--merge-statistics", low, high)
        self.fails(3, "missing.stats", *merge(low, self.folder / "missing.stats"))
        other = self.folder / "other.stats"
        other.write_bytes(low.read_bytes()[:-100])
        self.fails(3, "damaged", *merge(other, high))
        other.write_bytes(self.path.read_bytes())
        self.fails(3, "not statistics that this version of clipq gathered", *merge(other, high))
        self.assertFalse(output.exists())

    def test_bad_requests(self):
        output = self.folder / "part.stats"
        self.fails(2, "--shard needs --statistics-only", *self.command("int8-static", output, "--shard", "0/2"))
        self.fails(2, "--shard needs --statistics-only", *self.command("int8-static", output, "--shard", "0/2", "--dry-run"))
        self.fails(2, "worker 2 of 2", *self.command("int8-static", output, "--statistics-only", "--shard", "2/2"))
        self.fails(2, "needs no calibration", *self.command("int8-dynamic", output, "--statistics-only"))
        self.fails(2, "needs calibration data", *self.command("int8-static", output, "--statistics-only", data=False))
        self.fails(2, "--dry-run gathers no statistics", *self.command("int8-static", output, "--statistics-only", "--dry-run"))
        self.fails(2, "depends on the order of the data", *self.command(
            "int8-static", output, "--statistics-only", "--set", "calibration.observer=moving-average"))
        self.assertFalse(output.exists())


class Processes(RanksTest):
    def test_give_the_bytes_of_one(self):
        for recipe, count in (("int8-static", 2), ("fp8-max", 4), ("int8-smooth", 3)):
            output = self.folder / "ranks.pt"
            processes = self.ranks(count, lambda _, recipe=recipe, output=output: self.command(recipe, output))
            for process in processes:
                self.assertEqual(process.returncode, 0, process.text[1])
            self.assertIn(f"rank 1 of {count}: calibrated its part", processes[1].text[0])
            self.assertEqual(output.read_bytes(), self.alone(recipe), recipe)
        self.assertEqual(self.left(), [])

    def test_send_more_than_the_store_takes_at_once(self):
        self.path, _ = self.checkpoint("deep.pt", layers=6)
        output = self.folder / "ranks.pt"
        for process in self.ranks(2, lambda _: self.command("int4-weight-only", output)):
            self.assertEqual(process.returncode, 0, process.text[1])
        self.assertEqual(output.read_bytes(), self.alone("int4-weight-only"))
        part = self.folder / "part.stats"
        self.ok(*self.command("int4-weight-only", part, "--statistics-only", "--shard", "0/1"))
        self.assertGreater(part.stat().st_size, 8 << 20)

    def test_that_differ_are_told_so(self):
        output = self.folder / "q.pt"
        recipes = ("int8-static", "fp8-max")
        processes = self.ranks(2, lambda rank: self.command(recipes[rank], output, "--timeout", "20"))
        self.assertEqual([process.returncode for process in processes], [3, 3])
        self.assertRegex(processes[0].text[1], "rank 0 and rank 1 don't calibrate the same: they differ in recipe")
        self.assertFalse(output.exists())

    def test_do_not_wait_for_one_that_is_gone_longer_than_the_timeout(self):
        output = self.folder / "q.pt"
        started = lambda rank: self.command("int8-static", output, "--timeout", "2") if rank < 2 else ["--version"]  # noqa: E731
        processes = self.ranks(3, started)[:2]
        for process in processes:
            self.assertEqual(process.returncode, 3)
            # Whoever gives up first tells the other; a process that starts late finds no store any more.
            self.assertRegex(process.text[1], r"waited 2 s for .fingerprint. of rank [12]; |store at 127.0.0.1:[0-9]+ is lost")
        self.assertTrue(any("--timeout" in process.text[1] for process in processes))
        self.assertFalse(output.exists())

    def test_that_fail_are_told_of(self):
        output = self.folder / "q.pt"
        absent = ["--calib-data", f"coco:{self.folder / 'absent'}", *self.data[2:]]
        processes = self.ranks(3, lambda rank: ["quantize", self.path, "--recipe", "int8-static", *(absent if rank == 2 else self.data), "-o", output])
        self.assertEqual([process.returncode for process in processes], [3, 3, 3])
        for process in processes[:2]:
            self.assertRegex(process.text[1], "rank 2 of 3 has failed: image folder .*absent does not exist")
        self.assertFalse(output.exists())

    def test_without_an_address_work_alone(self):
        output = self.folder / "q.pt"
        process = clipq(*self.command("int8-static", output), env=self.environment | {"RANK": "0", "WORLD_SIZE": "2"})
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("MASTER_ADDR is not: this process works alone", process.stderr)
        process = clipq(*self.command("int8-static", output), env=self.environment | {
            "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "2", "MASTER_ADDR": "127.0.0.1"})
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertNotIn("MASTER_ADDR", process.stderr)

    def test_ctrl_c_ends_the_waiting(self):
        environment = self.environment | {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        process = subprocess.Popen([CLIPQ, *map(str, self.command("int8-static", self.folder / "q.pt"))], env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = ""
        while "working as rank 1 of 2" not in line:
            line = process.stderr.readline()
            self.assertNotEqual(line, "")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)

    def test_that_find_no_store_say_so(self):
        environment = self.environment | {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        command = self.command("int8-static", self.folder / "q.pt", "--timeout", "1")
        self.fails(3, r"the store at 127.0.0.1:[0-9]+ is lost or can't be reached .*; check MASTER_ADDR", *command,
                   env=environment | {"MASTER_PORT": str(free_port())})
        self.fails(2, "MASTER_ADDR is set, but MASTER_PORT is not", *command, env=environment)
        self.fails(2, 'MASTER_PORT is "http"', *command, env=environment | {"MASTER_PORT": "http"})


class Evaluation(RanksTest):
    """Shared by processes, an evaluation gives the Results of one."""

    def setUp(self):
        super().setUp()
        self.quantized = self.folder / "q.pt"
        self.ok("quantize", self.path, "--recipe", "int8-dynamic", "-o", self.quantized)
        self.coco = write_coco(self.folder / "coco", count=20)
        self.captioned = ["--data", f"coco:{self.coco}", "--captions", self.coco / "captions.json", "--batch-size", 3]

    def evaluate(self, task, output, *options):
        return ["eval", self.path, self.quantized, "--task", task, "-o", output, *options]

    def alone_and_shared(self, count, task, *options):
        """The Results of one process and of several."""
        outputs = [self.folder / f"{count}-{name}.json" for name in ("alone", "shared")]
        self.ok(*self.evaluate(task, outputs[0], *options), env=self.environment, errors="replace")
        processes = self.ranks(count, lambda _: self.evaluate(task, outputs[1], *options))
        for process in processes:
            self.assertEqual(process.returncode, 0, process.text[1])
        self.assertIn(f"rank 1 of {count}: done; rank 0 has the results", processes[1].text[0])
        return [self.results(output) for output in outputs]

    def test_retrieval_and_drift(self):
        for count, task in ((2, "zeroshot_retrieval"), (4, "zeroshot_retrieval"), (3, "drift")):
            alone, shared = self.alone_and_shared(count, task, *self.captioned)
            self.assertEqual(alone, shared, task)

    def test_classification_and_probe(self):
        data = self.folder / "drawn"
        self.ok("demo", "--draw-only", "-o", data, "--images-per-class", 6)
        labelled = ["--data", f"imagefolder:{data / 'imagefolder' / 'val'}", "--batch-size", 32]
        prompts = ["--classnames", data / "classnames.json", "--templates", data / "templates.json"]
        alone, shared = self.alone_and_shared(2, "zeroshot_classification", *labelled, *prompts, "--per-class")
        self.assertEqual(alone, shared)
        alone, shared = self.alone_and_shared(3, "linear_probe", *labelled, "--train-data", labelled[1])
        self.assertEqual(alone, shared)

    def test_more_ranks_than_batches(self):
        alone, shared = self.alone_and_shared(5, "zeroshot_retrieval", *self.captioned[:-2], "--limit", 3)
        self.assertEqual(alone, shared)

    def test_images_that_cannot_be_decoded(self):
        for name in ("000000000004.jpg", "000000000017.jpg"):
            (self.coco / name).write_bytes(b"no picture")
        alone, shared = self.alone_and_shared(2, "zeroshot_retrieval", *self.captioned, "--skip-bad", 2)
        self.assertEqual(alone, shared)
        self.assertEqual(shared["results"][0]["data"]["skipped"], ["000000000004.jpg", "000000000017.jpg"])
        for process in self.ranks(2, lambda _: self.evaluate("zeroshot_retrieval", self.folder / "x.json", *self.captioned, "--skip-bad", 1)):
            self.assertEqual(process.returncode, 3)
            self.assertRegex(process.text[1], r"2 of 20 images can't be decoded \(1 allowed\): 000000000004.jpg, 000000000017.jpg")
        self.assertFalse((self.folder / "x.json").exists())

    def test_features_are_cached_and_saved_by_rank_0(self):
        cache, saved = self.folder / "cache", self.folder / "features"
        options = ["--cache", cache, "--save-features", saved, *self.captioned]
        first, second = (self.alone_and_shared(2, "zeroshot_retrieval", *options) for _ in range(2))
        self.assertEqual(first, second)
        output = self.folder / "shared.json"
        for process in self.ranks(2, lambda rank: self.evaluate("zeroshot_retrieval", output, "--cache", self.folder / f"{rank}", *self.captioned)):
            self.assertEqual(process.returncode, 0, process.text[1])
        self.assertEqual(len(list((self.folder / "0").iterdir())), 4)
        self.assertEqual(list((self.folder / "1").glob("*")), [])
        self.assertEqual(self.results(output), first[0])

    def test_ranks_that_differ_are_told_so(self):
        limits = lambda rank: self.evaluate("zeroshot_retrieval", self.folder / "x.json", *self.captioned, "--limit", 10 + rank)  # noqa: E731
        for process in self.ranks(2, limits):
            self.assertEqual(process.returncode, 3)
            self.assertRegex(process.text[1], "don't evaluate the same: they differ in data, number of images|rank [01] of 2 has failed")
        self.assertFalse((self.folder / "x.json").exists())

    def test_names_that_are_not_text(self):
        (self.coco / "000000000004.jpg").unlink()
        pictures = self.folder / "pictures"
        pictures.mkdir()
        for number in range(6):
            (pictures / f"{number}.jpg").write_bytes((self.coco / f"{10 + number:012d}.jpg").read_bytes())
        with open(os.fsencode(pictures) + b"/n\xffme.jpg", "wb") as file:
            file.write(b"no picture")
        undecodable = self.folder / "undecodable.pt"  # a word that keys might use
        self.quantized.rename(undecodable)
        self.quantized = undecodable
        alone, shared = self.alone_and_shared(2, "drift", "--data", f"images:{pictures}", "--batch-size", 2, "--skip-bad", 1)
        self.assertEqual(alone, shared)

    def test_a_rank_that_cannot_write(self):
        outputs = self.folder / "absent" / "x.json", self.folder / "x.json"
        for process in self.ranks(2, lambda rank: self.evaluate("zeroshot_retrieval", outputs[rank], *self.captioned)):
            self.assertEqual(process.returncode, 3)
            self.assertRegex(process.text[1], "output folder .*absent does not exist")

    def test_a_restart_finds_nothing_of_an_earlier_attempt(self):
        """Under torchrun the store outlives the processes: here rank 0 of the second attempt has another cache, and is late."""
        wrapper = self.folder / "wrapper.sh"
        wrapper.write_text("""#!/bin/sh
if [ "$RANK" = 0 ]; then
  if [ -e "$MARK" ]; then sleep 1; exec "$@" --cache "$MARK-other"; fi
  "$@" --cache "$MARK-cache" && touch "$MARK"; exit 9
fi
exec "$@" --cache "$MARK-1"
""")
        wrapper.chmod(0o755)
        output = self.folder / "shared.json"
        cached = [CLIPQ, *map(str, self.evaluate("zeroshot_retrieval", output, *self.captioned)), "--cache", self.folder / "mark-cache"]
        subprocess.run(list(map(str, cached)), env=self.environment | Torchrun.THREADS, check=True, capture_output=True)
        alone = self.results(output)
        output.unlink()
        Torchrun.torchrun(self, 2, [wrapper, CLIPQ, *self.evaluate("zeroshot_retrieval", output, *self.captioned, "--timeout", 60)],
                          "--max-restarts", "1", MARK=str(self.folder / "mark"))
        self.assertEqual(self.results(output), alone)

    def test_rank_0_is_started_again_alone(self):
        """torchrun's agent on one of several hosts restarts its own process only: the store still has what the other rank gave."""
        port = free_port()
        store = torch.distributed.TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
        output = self.folder / "x.json"
        environment = {"TORCHELASTIC_USE_AGENT_STORE": "True"}
        command = self.evaluate("zeroshot_retrieval", output, *self.captioned)
        for process in self.ranks(2, lambda _: command, port=port, **environment):
            self.assertEqual(process.returncode, 0, process.text[1])
        first = self.results(output)
        output.unlink()
        again = self.environment | environment | {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        self.ok(*command, "--timeout", "5", env=again)
        self.assertEqual(self.results(output), first)
        del store

    def test_layers_are_refused(self):
        for process in self.ranks(2, lambda _: self.evaluate("layers", self.folder / "x.json", *self.captioned[:-2])):
            self.assertEqual(process.returncode, 2)
            self.assertIn("layers can't be shared by several processes", process.text[1])

    def test_rank_0_keeps_the_store_until_all_have_left(self):
        output, port = self.folder / "x.json", str(free_port())
        processes = []
        for rank in range(2):
            environment = self.environment | {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            command = [CLIPQ, *map(str, self.evaluate("zeroshot_retrieval", output, *self.captioned))]
            processes.append(subprocess.Popen(command, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        line = ""
        while "texts through" not in line:  # all of rank 1's rows are given
            line = processes[1].stderr.readline()
            self.assertNotEqual(line, "")
        processes[1].send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 60
        while not output.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        still_there = processes[0].poll() is None or processes[1].poll() is not None
        processes[1].send_signal(signal.SIGCONT)
        for process in processes:
            _, text = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, text)
        self.assertTrue(still_there)


class Torchrun(RanksTest):
    THREADS = {"OMP_NUM_THREADS": "1"}  # noqa: RUF012  as torchrun sets it

    def torchrun(self, count, program, *options, **variables):
        command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "1", "--nproc-per-node", count, "--master-addr", "127.0.0.1",
                   "--master-port", free_port(), *options, "--no-python", *program]
        process = subprocess.run(list(map(str, command)), env=self.environment | Torchrun.THREADS | variables,
                                 capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(process.returncode, 0, process.stdout + process.stderr)
        return process

    def test_ranks_give_the_bytes_of_one(self):
        output = self.folder / "ranks.pt"
        self.torchrun(2, [CLIPQ, *self.command("int8-static", output)])
        self.assertEqual(output.read_bytes(), self.alone("int8-static", **self.THREADS))

    def test_ranks_evaluate_as_one(self):
        drawn = self.folder / "drawn"
        self.ok("demo", "--draw-only", "-o", drawn, "--images-per-class", 2)
        command = ["eval", self.path, "--data", f"imagefolder:{drawn / 'imagefolder' / 'val'}", "--classnames", drawn / "classnames.json",
                   "--templates", drawn / "templates.json", "-o"]
        outputs = self.folder / "alone.json", self.folder / "shared.json"
        self.ok(*command, outputs[0], env=self.environment | self.THREADS)
        self.torchrun(2, [CLIPQ, *command, outputs[1]])
        self.assertEqual(*map(self.results, outputs))

    def test_a_killed_rank_is_started_again_and_goes_on(self):
        wrapper = self.folder / "wrapper.sh"
        wrapper.write_text(DIES_ONCE)
        wrapper.chmod(0o755)
        output = self.folder / "ranks.pt"
        program = [wrapper, CLIPQ, *self.command("int8-static", output, "--resume", "--save-every", "0")]
        process = self.torchrun(2, program, "--max-restarts", "2", MARK=str(self.folder / "mark"))
        self.assertTrue((self.folder / "mark").exists())
        self.assertRegex(process.stderr, "calibration continues after [0-9]+ batches")
        self.assertEqual(output.read_bytes(), self.alone("int8-static", **self.THREADS))
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
