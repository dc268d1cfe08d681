#!/usr/bin/env python3
r"""Calibrates and evaluates on four hosts, which are network namespaces of this machine, joined by a bridge. Needs root, ip and a built clipq.

  sudo .venv/bin/python scripts/check_four_hosts.py build/release/clipq

Checks that 1, 2 and 4 hosts under torchrun write the artifacts and the Results (without time and command line) of a process alone, byte for byte, that
torchrun's restart after a SIGKILL leads to the same bytes, and that a cut link ends both sides with an error within the
timeout.
"""
import argparse
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / "demo" / "clip-demo.pt"
BRIDGE = "clipq-hosts"
HOSTS = 4
RECIPES = (("int8-static",), ("fp8-max", "--set", "calibration.observer=percentile"))
TASKS = ("zeroshot_classification", "zeroshot_retrieval", "linear_probe", "drift")
TIMEOUT = 5  # seconds
# Kills its process once, when that has saved something, or a second after its start; then runs it.
KILLED_ONCE = """#!/bin/sh
mark="$1"
if mkdir "$mark" 2> /dev/null; then
  shift; "$@" & child=$!
  if [ -z "$STATES" ]; then sleep 1; else
    while ! ls "$STATES".rank-*.calibration.* > /dev/null 2>&1; do sleep 0.01; done
  fi
  kill -9 $child || { rmdir "$mark"; wait $child; exit; }
  exit 9
fi
shift; exec "$@"
"""


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True)


def host(index):
    return f"clipq-host-{index}"


def address(index):
    return f"10.213.77.{index + 1}"


@contextlib.contextmanager
def hosts():
    """A namespace per host, each with a link to the bridge."""
    with contextlib.ExitStack() as cleanup:
        ip("link", "add", BRIDGE, "type", "bridge")
        cleanup.callback(ip, "link", "del", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for index in range(HOSTS):
            ip("netns", "add", host(index))
            cleanup.callback(ip, "netns", "del", host(index))
            ip("link", "add", f"clipq-{index}", "type", "veth", "peer", "name", "eth0", "netns", host(index))
            cleanup.callback(ip, "link", "del", f"clipq-{index}")
            ip("link", "set", f"clipq-{index}", "master", BRIDGE, "up")
            ip("-n", host(index), "address", "add", f"{address(index)}/24", "dev", "eth0")
            ip("-n", host(index), "link", "set", "eth0", "up")
            ip("-n", host(index), "link", "set", "lo", "up")
        yield


class Runs:
    def __init__(self, clipq, folder):
        self.clipq, self.folder = clipq, folder
        data = folder / "data"
        subprocess.run([clipq, "demo", "--draw-only", "-o", data, "--images-per-class", "20"], check=True, capture_output=True)
        captions = data / "coco" / "captions.json"
        self.calibration = ["--calib-data", f"coco:{data}/coco/val", "--calib-captions", captions, "--calib-samples", "100000"]
        self.captioned = ["--data", f"coco:{data}/coco/val", "--captions", captions]
        self.labelled = ["--data", f"imagefolder:{data}/imagefolder/val"]
        self.prompts = ["--classnames", data / "classnames.json", "--templates", data / "templates.json"]

    def clipq_command(self, *arguments):
        return [str(part) for part in (self.clipq, *arguments)]

    def quantize(self, recipe, output, *options):
        return self.clipq_command("quantize", MODEL, "--recipe", *recipe, *self.calibration, "-o", output, *options)

    def evaluate(self, task, output):
        data = {"zeroshot_classification": [*self.labelled, *self.prompts], "linear_probe": [*self.labelled, "--train-data", self.labelled[1]]}
        return self.clipq_command("eval", MODEL, self.folder / "q.pt", "--task", task, *data.get(task, self.captioned), "-o", output)

    def start(self, index, command, **variables):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TP_SOCKET_IFNAME": "eth0", "GLOO_SOCKET_IFNAME": "eth0"} | variables
        return subprocess.Popen(["ip", "netns", "exec", host(index), *command], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def alone(self, command_to):
        """The content of what a process alone writes."""
        output = self.folder / "alone"
        subprocess.run(command_to(output), check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        return content(output)

    def torchrun(self, count, command, *options, **variables):
        """One process on each of the hosts; the time that it took."""
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(count), "--nproc-per-node", "1", "--master-addr", address(0),
                    "--master-port", "29500", *options, "--no-python"]
        begin = time.monotonic()
        processes = [self.start(index, [*launcher[:3], "--node-rank", str(index), *launcher[3:], *command], **variables) for index in range(count)]
        for index, process in enumerate(processes):
            text = process.communicate(timeout=300)
            check(process.returncode == 0, f"host {index} of {count} failed:\n{text[0][-2000:]}{text[1][-4000:]}")
        return time.monotonic() - begin


def content(output):
    """A file's bytes; of Results without their time and command line."""
    content = output.read_bytes()
    return re.sub(rb'"(time|command)": ".*"', b"", content) if content.startswith(b"{") else content


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


def check_same_bytes(runs, name, command_to):
    expected = runs.alone(command_to)
    for count in (1, 2, HOSTS):
        output = runs.folder / f"ranks-{count}"
        seconds = runs.torchrun(count, command_to(output))
        check(content(output) == expected, f"{name} on {count} hosts differs from one process")
        print(f"ok: {name} on {count} hosts has the bytes of one process ({seconds:.1f} s)", flush=True)


def check_restart(runs, name, command_to, states, *options):
    output = runs.folder / f"killed-{name}"
    wrapper = runs.folder / "killed-once.sh"
    wrapper.write_text(KILLED_ONCE)
    wrapper.chmod(0o755)
    mark = runs.folder / f"was-killed-{name}"
    runs.torchrun(HOSTS, [str(wrapper), str(mark), *command_to(output), *options], "--max-restarts", "3", STATES=str(output) if states else "")
    check(mark.exists(), "nothing was killed")
    check(content(output) == runs.alone(command_to), "a restart led to other bytes")
    check(not list(runs.folder.glob("*.calibration.*")), "states are left")
    print(f"ok: {name}: a rank was killed, torchrun restarted, the bytes are the same", flush=True)


def check_cut_link(runs):
    output = runs.folder / "cut.pt"
    command = runs.quantize(RECIPES[0], output, "--timeout", str(TIMEOUT), "--save-every", "0")
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": address(0), "MASTER_PORT": "29501"}
    processes = [runs.start(index, command, RANK=str(index), **place) for index in range(2)]
    while not list(runs.folder.glob("cut.pt.rank-1-*")):  # both have met at the store
        check(processes[1].poll() is None, "rank 1 ended before its link was cut")
        time.sleep(0.01)
    ip("link", "set", "clipq-1", "down")
    cut = time.monotonic()
    for rank, process in enumerate(processes):
        text = process.communicate(timeout=300)[1]
        check(process.returncode == 3, f"rank {rank} ended with {process.returncode}, not 3: {text}")
        print(f"ok: link cut: rank {rank}: {text.strip().splitlines()[-1]}", flush=True)
    check(time.monotonic() - cut < 4 * TIMEOUT, "the ranks waited longer than the timeout")
    check(not output.exists(), "an artifact was written")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clipq", type=pathlib.Path, help="the program")
    clipq = parser.parse_args().clipq.resolve()
    with tempfile.TemporaryDirectory() as folder, hosts():
        runs = Runs(clipq, pathlib.Path(folder))
        for recipe in RECIPES:
            check_same_bytes(runs, recipe[0], lambda output, recipe=recipe: runs.quantize(recipe, output))
        subprocess.run(runs.quantize(RECIPES[0], runs.folder / "q.pt"), check=True, capture_output=True)
        for task in TASKS:
            check_same_bytes(runs, task, lambda output, task=task: runs.evaluate(task, output))
        check_restart(runs, RECIPES[1][0], lambda output: runs.quantize(RECIPES[1], output), True, "--resume", "--save-every", "0")
        check_restart(runs, TASKS[1], lambda output: runs.evaluate(TASKS[1], output), False)
        check_cut_link(runs)


if __name__ == "__main__":
    main()
