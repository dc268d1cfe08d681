"""Damages every kind of input, with fixed seeds, and judges how the program ends: by no signal, without a defect's message, in
time, with finite numbers if it succeeds, and never with another outcome because a record is damaged.

    python tests/mutation/mutate.py --build build/asan --count 3000 --seed 0
    python tests/mutation/mutate.py --build build/asan --count 10000 --targets readers
    python tests/mutation/mutate.py --build build/dev --seed 0 --only 1234 --keep /tmp/case    # one of them again
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import shlex
import shutil
import subprocess
import sys
import tempfile

from runner import CommandServer


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build's folder; at best one with sanitizers")
    parser.add_argument("--count", type=int, default=60, help="mutations (default: 60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--targets", help="only these, comma-separated, or \"readers\" (default: all)")
    parser.add_argument("--only", type=int, metavar="INDEX", help="one mutation alone")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="keep what failed, a folder each")
    parser.add_argument("--seconds", type=float, default=120, help="time limit of a mutation")
    parser.add_argument("--memory", type=float, default=12, help="GiB of address space; 0: no limit, which sanitizers need")
    return parser.parse_args()


def judge(index, inputs, options, targets):
    """Makes and runs a mutation; returns its target, and what is wrong or nothing."""
    from targets import TARGETS, verdict

    name = targets[index % len(targets)]
    rng = random.Random(f"{options.seed}/{index}")
    place = pathlib.Path(tempfile.mkdtemp(prefix=f"{index}-", dir=inputs.folder.parent))
    case, log = None, ""
    try:
        case = TARGETS[name](rng, inputs, place)
        outcome = inputs.server.run(case.arguments)
        log = outcome.stderr
        wrong = verdict(case, outcome)
    except subprocess.TimeoutExpired:
        wrong = f"takes more than {options.seconds:g} s"
    except (ValueError, OSError, RuntimeError) as failure:
        wrong = f"leaves an outcome that can't be read: {failure!r}"
    if wrong and options.keep is not None:
        kept = options.keep / str(index)
        shutil.copytree(place, kept, dirs_exist_ok=True)
        (kept / "command.txt").write_text(shlex.join([str(inputs.program), *(case.arguments if case else [])]) + "\n" + log)
    shutil.rmtree(place, ignore_errors=True)
    return name, f"{wrong}: {log.strip()[-300:]}" if wrong else ""


def main():
    options = parse_arguments()
    options.build = options.build.resolve()
    program = options.build / "clipq"
    os.environ["CLIPQ"] = str(program)  # which the tests' modules want
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0:allocator_may_return_null=0:max_allocation_size_mb=4096")
    if "asan" in options.build.name:
        options.memory = 0
    from targets import READERS, TARGETS, Inputs

    names = options.targets.split(",") if options.targets else list(TARGETS)
    targets = [each for name in names for each in (READERS if name == "readers" else [name])]
    server = CommandServer(options.build / "tests" / "clipq_command_server", options.seconds, int(options.memory * 2**30))
    indices = range(options.count) if options.only is None else [options.only]
    failures, tried = [], collections.Counter()
    with tempfile.TemporaryDirectory(prefix="clipq-mutation-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        whole = pathlib.Path(folder) / "whole"
        whole.mkdir()
        inputs = Inputs(program, server, whole)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            judged = pool.map(lambda index: (index, *judge(index, inputs, options, targets)), indices)
            for done, (index, name, wrong) in enumerate(judged, 1):
                tried[name] += 1
                if wrong:
                    failures.append((index, name, wrong))
                    print(f"seed {options.seed} index {index} ({name}): {wrong}", flush=True)
                if done % 100 == 0:
                    print(f"{done} of {len(indices)}, {len(failures)} failures", file=sys.stderr, flush=True)
    server.close()
    by_target = collections.Counter(name for _, name, _ in failures)
    print(f"{sum(tried.values())} mutations, {len(failures)} failures: "
          + ", ".join(f"{name} {by_target[name]} of {count}" for name, count in sorted(tried.items())))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
