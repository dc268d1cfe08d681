#!/usr/bin/env python3
r"""Benchmarks clipq's artifacts against ONNX Runtime, PyTorch and OpenVINO on full-size CLIPs; writes Markdown.

  bench_peers.py                                        ViT-B, all peers and cells; recipe int8-dynamic
  bench_peers.py --models ViT-B-32 --cells image:1      a subset
  bench_peers.py --recipes int8-dynamic int8-smooth --quantize-args="--calib-data coco:DIR …"
  bench_peers.py --recipes                              only the peers
  bench_peers.py --models ViT-L-14 --cells image:1 text:1 --seconds 20 -o vit-l.md \
      --peers openvino-bfloat16 openvino-int8 openvino-int8-dynamic    builds included, under ten minutes

The models are seeded and untrained: they measure speed and say nothing about accuracy. Each contender runs in
its own process on the same cores; they take turns, one forward pass at a time, so that a noisy machine slows
all of them alike. Builds are kept in --work and reused. Install the packages in
bench_peers_requirements.txt in a separate virtual environment; torch.compile also needs g++.
"""
import argparse
import contextlib
import functools
import importlib.metadata
import itertools
import json
import os
import pathlib
import random
import shlex
import shutil
import statistics
import sys
import time

try:
    import numpy as np
except ModuleNotFoundError:
    np = None  # reported with the other packages that are missing

from peers.builds import BUILDERS, PROGRAM, Builds
from peers.clip import ARCHITECTURES
from peers.contenders import (PEERS, REFERENCE, Cell, Failure, clipq_name, clipq_title, cpu_flags, has_bfloat16,
                              log_file, note, runs, version)
from peers.report import Report, head, machine, write_atomically
from peers.workers import Worker, work

ROOT = PROGRAM.parents[1]
REQUIREMENTS = PROGRAM.with_name("bench_peers_requirements.txt")


def worst_cosine(a, b):
    return float((np.sum(a * b, 1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).min())


class Bench:
    """Runs all contenders of one model and collects times, cosines and reasons why some didn't run."""

    def __init__(self, options, model, environment):
        self.options, self.model, self.environment = options, model, environment
        self.builds = Builds(options.work, model, options.seed, environment)
        self.times = {}  # of a contender and a cell, in ms
        self.cosines = {}  # likewise
        self.missing = {}  # of a contender and a tower: why it didn't run

    def command_of_peer(self, peer, tower):
        """The command of a peer's worker; what it loads is built if it isn't there."""
        if peer.startswith("torch-compile") and not shutil.which("g++"):
            raise Failure("torch.compile needs g++, which is not on PATH: install it")
        if peer == "openvino-bfloat16" and not has_bfloat16(cpu_flags()):
            raise Failure("bfloat16 needs avx512_bf16 or amx_bf16, which this processor lacks")
        path = self.builds.of_peer(peer, tower)
        return [sys.executable, PROGRAM, "_work", peer, path, self.model, tower, self.options.threads]

    def command_of_clipq(self, recipe):
        artifact = self.builds.of_clipq(self.options.clipq, recipe, self.options.quantize_args)
        return [self.options.clipq, "bench", artifact, "--on-request"]

    def workers(self, tower, stack):
        """The started contenders; if one can't be started, the reason is recorded. All are built before any
        is started, because building takes memory too."""
        titles = {peer: PEERS[peer].title for peer in self.options.peers}
        builders = {peer: functools.partial(self.command_of_peer, peer, tower) for peer in self.options.peers}
        for recipe in self.options.recipes:
            titles[clipq_name(recipe)] = clipq_title(recipe)
            builders[clipq_name(recipe)] = functools.partial(self.command_of_clipq, recipe)
        commands = {}
        for name, builder in builders.items():
            try:
                commands[name] = builder()
            except Failure as failure:
                self.give_up(name, tower, failure)
        started = []
        for name, command in commands.items():
            log_path = log_file(self.options.work, f"worker-{self.model}-{tower}-{name}")
            try:
                worker = Worker(name, titles[name], command, self.environment, log_path)
            except Failure as failure:
                self.give_up(name, tower, failure)
                continue
            started.append(worker)
            stack.callback(worker.close)
        return started

    def give_up(self, name, tower, failure):
        if name == REFERENCE:
            raise failure
        self.missing[name, tower] = str(failure)
        note(f"{self.model}: skipping {name}: {failure}")

    def run_tower(self, tower):
        cells = [cell for cell in self.options.cells if cell.tower == tower]
        if not cells:
            return
        with contextlib.ExitStack() as stack:
            workers = self.workers(tower, stack)
            for cell in cells:
                workers = self.warm_up(workers, cell)
                self.time_cell([worker for worker in workers if runs(worker.name, cell)], cell)
                workers = [worker for worker in workers if (worker.name, tower) not in self.missing]

    def warm_up(self, workers, cell):
        """Two forward passes each, and the check of peers' embeddings; returns those that succeeded."""
        reference = None
        alive = []
        for worker in workers:
            if not runs(worker.name, cell):
                alive.append(worker)
                continue
            note(f"{self.model}: warming up {worker.name} for {cell}")
            try:
                for request in (Cell(cell.kind, 1), cell, cell):
                    worker.milliseconds(request)
                if worker.name in PEERS:
                    embeddings = worker.embeddings(cell, self.options.work)
                    reference = embeddings if worker.name == REFERENCE else reference
                    self.cosines[worker.name, cell] = worst_cosine(embeddings, reference)
                alive.append(worker)
            except Failure as failure:
                self.give_up(worker.name, cell.tower, failure)
        return alive

    def time_cell(self, workers, cell):
        """Contenders take turns in a new random order each round. The pause lets the previous one's threads go
        to sleep; the forward pass of batch 1 after it, which wakes threads and caches, isn't counted."""
        options = self.options
        shuffle = random.Random(options.seed).shuffle
        samples = {worker.name: [] for worker in workers}
        end = time.monotonic() + options.seconds
        for done in itertools.count():
            over = done >= options.least_rounds and time.monotonic() > end
            if over or done >= options.rounds or not samples:
                break
            order = [worker for worker in workers if worker.name in samples]
            shuffle(order)
            for worker in order:
                time.sleep(options.pause / 1000)
                try:
                    worker.milliseconds(Cell(cell.kind, 1))
                    samples[worker.name].append(worker.milliseconds(cell))
                except Failure as failure:
                    self.give_up(worker.name, cell.tower, failure)
                    del samples[worker.name]
        for name, values in samples.items():
            self.times[name, cell] = values
            median, minimum = statistics.median(values), min(values)
            note(f"{self.model}: {cell}, {name}: {median:.1f} ms ({minimum:.1f}) in {len(values)} rounds")


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    cells = [Cell(kind, batch) for kind in ("image", "text", "text_prompts") for batch in (1, 32)]
    add("--models", nargs="+", choices=ARCHITECTURES, default=["ViT-B-32", "ViT-B-16"], metavar="MODEL",
        help=f"of {', '.join(ARCHITECTURES)}; default: %(default)s")
    add("--cells", nargs="+", type=Cell.parse, default=cells, metavar="KIND:BATCH",
        help="image:N, text:N and, for clipq only, text_prompts:N; default: each with 1 and 32")
    add("--peers", nargs="*", choices=PEERS, default=list(PEERS), metavar="PEER",
        help=f"default: %(default)s; {REFERENCE} always runs, and the others are checked against it")
    add("--recipes", nargs="*", default=["int8-dynamic"], metavar="RECIPE",
        help="clipq recipes, by name or file; empty: skip clipq; default: %(default)s")
    add("--quantize-args", type=shlex.split, default=[], metavar="'ARGUMENT …'",
        help="additional arguments for clipq quantize as one word, such as --quantize-args='--calib-data …'")
    add("--clipq", type=pathlib.Path, default=ROOT / "build/release/clipq", metavar="PATH",
        help="default: build/release/clipq")
    add("--threads", type=positive, help="threads per contender, on as many cores; default: all available")
    add("--seconds", type=float, default=120, help="time per cell, for all contenders together; default: %(default)s")
    add("--rounds", type=positive, default=100, help="maximum rounds per cell; default: %(default)s")
    add("--least-rounds", type=positive, default=5, metavar="ROUNDS",
        help="minimum rounds per cell, even if --seconds is exceeded; default: %(default)s")
    add("--pause", type=float, default=50, metavar="MS", help="pause before each turn; default: %(default)s")
    add("--least-cosine", type=float, default=0.98, metavar="COSINE",
        help="minimum cosine to PyTorch float32; a peer below it doesn't count; default: %(default)s")
    add("--seed", type=int, default=0, help="seed of the weights; default: %(default)s")
    add("--work", type=pathlib.Path, default=ROOT / "build/peers", metavar="DIR",
        help="folder for models; 20 GB for all of them; default: build/peers")
    add("-o", "--output", type=pathlib.Path, default=ROOT / "docs/bench_peers.md", metavar="FILE",
        help="Markdown to write; default: docs/bench_peers.md")
    add("--json", type=pathlib.Path, metavar="FILE", help="raw numbers to write; default: next to the Markdown file")
    options = parser.parse_args()
    options.peers = [peer for peer in PEERS if peer in options.peers or peer == REFERENCE]
    options.json = options.json or options.output.with_suffix(".json")
    options.work = options.work.resolve()
    if not options.recipes:
        options.cells = [cell for cell in options.cells if cell.kind != "text_prompts"]
    return options


def require_packages(peers):
    """Checks for the packages that the chosen peers need; the error names the command that installs them."""
    missing = ["numpy"] if np is None else []
    for package in dict.fromkeys(package for peer in peers for package in PEERS[peer].packages):
        try:
            version(package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise Failure(f"Python packages are missing: {', '.join(missing)}. Install them: "
                      f"{sys.executable} -m pip install -r {os.path.relpath(REQUIREMENTS)}")


def require_clipq(options):
    if not options.recipes:
        return
    if not os.access(options.clipq, os.X_OK) or not options.clipq.is_file():
        raise Failure(f"{options.clipq} is not an executable. Build clipq (cmake --build --preset release), "
                      "pass its path with --clipq, or skip it with an empty --recipes")
    options.clipq = options.clipq.resolve()


def pin(options):
    """Pins this process, and with it all contenders, to as many cores as there are threads."""
    allowed = sorted(os.sched_getaffinity(0))
    options.threads = options.threads or len(allowed)
    if options.threads > len(allowed):
        raise Failure(f"--threads {options.threads}: this process may use only {len(allowed)} cores")
    options.cores = allowed[:options.threads]
    os.sched_setaffinity(0, options.cores)


def child_environment(options):
    threads = str(options.threads)
    return {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1",
            "TORCHINDUCTOR_CACHE_DIR": str(options.work / "inductor"), "TORCHINDUCTOR_COMPILE_THREADS": "1"}


def main():
    options = parse_options()
    require_packages(options.peers)
    require_clipq(options)
    pin(options)
    environment = child_environment(options)
    load = os.getloadavg()
    markdown, raw = [], {}
    for model in options.models:
        bench = Bench(options, model, environment)
        for tower in ("image", "text"):
            bench.run_tower(tower)
        report = Report(bench)
        markdown.append(report.markdown())
        raw[model] = report.raw()
        facts = machine(options, load)
        write_atomically(options.output, "\n".join([head(facts, options), *markdown]))
        write_atomically(options.json, json.dumps({"machine": facts, "models": raw}, indent=1) + "\n")
    note(f"wrote {options.output} and {options.json}")


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["_work"]:
            work(*sys.argv[2:])
        elif sys.argv[1:2] == ["_build"]:
            BUILDERS[sys.argv[2]](*sys.argv[3:])
        else:
            main()
    except Failure as failure:
        sys.exit(f"bench_peers.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
