"""Tables of the measurements, and what they were measured on."""
import datetime
import hashlib
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

from peers.clip import CONTEXT
from peers.contenders import (PEERS, REFERENCE, Cell, clipq_name, clipq_title, cpu_flags, cpu_line,
                              version)


def summarize(values, batch):
    """Milliseconds per batch: minimum, median and p95 (nearest rank); median and minimum per item."""
    ordered = sorted(values)
    median = statistics.median(ordered)
    return {"rounds": len(ordered), "min": ordered[0], "median": median,
            "p95": ordered[-(len(ordered) // 20) - 1],
            "median_per_item": median / batch, "min_per_item": ordered[0] / batch}


class Report:
    """Tables of one model's results."""

    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.contenders = {peer: PEERS[peer].title for peer in self.options.peers}
        self.contenders |= {clipq_name(recipe): clipq_title(recipe) for recipe in self.options.recipes}
        self.summaries = {key: summarize(values, key[1].batch) for key, values in bench.times.items()}

    def cosine(self, name):
        """The worst over all cells; None for clipq, whose accuracy is tested elsewhere."""
        cosines = self.bench.cosines.items()
        return min((value for (contender, _), value in cosines if contender == name), default=None)

    def counts(self, name, cell):
        cosine = self.bench.cosines.get((name, cell), 0)
        return (name, cell) in self.summaries and cosine >= self.options.least_cosine

    def best(self, cell, statistic, clipq):
        """The time and name of the fastest of clipq's recipes, or of the peers whose embeddings are right."""
        names = [name for name in self.contenders if (name, cell) in self.summaries
                 and (name not in PEERS if clipq else name in PEERS and self.counts(name, cell))]
        return min(((self.summaries[name, cell][statistic], name) for name in names), default=None)

    def ratios(self, cell, against_reference):
        """How many times faster clipq's best is, by medians and minima; prompts against full context."""
        peer_cell = Cell(cell.tower, cell.batch)
        parts = []
        peers = []
        for statistic in ("median", "min"):
            ours = self.best(cell, statistic, clipq=True)
            if against_reference:
                theirs = self.summaries.get((REFERENCE, peer_cell))
                theirs = theirs and (theirs[statistic], REFERENCE)
            else:
                theirs = self.best(peer_cell, statistic, clipq=False)
            if not ours or not theirs:
                return "–"
            parts.append(f"{theirs[0] / ours[0]:.2f}")
            peers.append(theirs[1])
        text = f"{parts[0]} ({parts[1]})"
        return text if against_reference else f"{text} {' / '.join(dict.fromkeys(peers))}"

    def row_cell(self, name, cell):
        summary = self.summaries.get((name, cell))
        if not summary:
            return "–"
        text = f"{summary['median']:.1f} ({summary['min']:.1f})"
        return text if name not in PEERS or self.counts(name, cell) else f"{text} wrong"

    def markdown(self):
        cells = self.options.cells
        rows = [["ms per batch: median (minimum)", *map(str, cells), "worst cosine"]]
        for name, title in self.contenders.items():
            cosine = self.cosine(name)
            times = (self.row_cell(name, cell) for cell in cells)
            rows.append([title, *times, "–" if cosine is None else f"{cosine:.4f}"])
        fastest = [self.best(cell, "median", clipq=False) for cell in cells]
        rows.append(["fastest peer, by median", *(best[1] if best else "–" for best in fastest), ""])
        if self.options.recipes:
            rows.append(["**clipq's best is faster than the fastest peer by**",
                         *(self.ratios(cell, against_reference=False) for cell in cells), ""])
            rows.append(["**clipq's best is faster than PyTorch float32 by**",
                         *(self.ratios(cell, against_reference=True) for cell in cells), ""])
        details = [["contender", "cell", "rounds", "min", "median", "p95", "median per item", "min per item"]]
        columns = ("min", "median", "p95", "median_per_item", "min_per_item")
        for name, title in self.contenders.items():
            for cell in cells:
                summary = self.summaries.get((name, cell))
                if summary:
                    times = (f"{summary[column]:.2f}" for column in columns)
                    details.append([title, str(cell), str(summary["rounds"]), *times])
        lines = [f"## {self.bench.model}", "", *table(rows), ""]
        lines += [f"- {name}, {tower} tower, didn't run: {reason}\n" for (name, tower), reason in
                  self.bench.missing.items()]
        return "\n".join([*lines, "All times in ms:", "", *table(details), ""])

    def raw(self):
        contenders = {}
        for name in self.contenders:
            cells = {str(cell): {**summary, "samples_ms": self.bench.times[name, cell],
                                 "cosine": self.bench.cosines.get((name, cell))}
                     for (contender, cell), summary in self.summaries.items() if contender == name}
            reasons = {tower: reason for (contender, tower), reason in self.bench.missing.items()
                       if contender == name}
            contenders[name] = {"cells": cells, "did_not_run": reasons}
        return contenders


def table(rows):
    """Markdown of rows, the first of which is the head; all columns but the first are aligned right."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:])]


def machine(options, load):
    """What the numbers depend on."""
    flags = cpu_flags()
    packages = sorted({package for peer in options.peers for package in PEERS[peer].packages})
    compiler = "absent"
    if shutil.which("g++"):
        compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True,
                                  check=False).stdout.strip()
    known = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    facts = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(["scripts/bench_peers.py", *sys.argv[1:]]),
        "processor": cpu_line("model name"),
        "instruction sets": ", ".join(flag for flag in known if flag in flags) or "none of those that matter",
        "cores": f"{len(options.cores)} of {os.cpu_count()} ({','.join(map(str, options.cores))})",
        "threads": options.threads,
        "load average before and after": f"{load[0]:.1f}, {os.getloadavg()[0]:.1f}",
        "versions": ", ".join([f"Python {platform.python_version()}",
                               *(f"{name} {version(name)}" for name in packages), f"g++ {compiler}"]),
    }
    if options.recipes:
        process = subprocess.run([options.clipq, "--version"], capture_output=True, text=True, check=False)
        digest = hashlib.sha256(options.clipq.read_bytes()).hexdigest()[:12]
        facts["clipq"] = f"{' '.join(process.stdout.split()) or 'unknown version'}, digest {digest}"
    return facts


def head(facts, options):
    lines = ["# clipq compared with its peers", "", *(f"- {key}: {value}" for key, value in facts.items()), ""]
    lines.append(
        "Seeded, untrained CLIPs of OpenAI's architecture with QuickGELU. Each runtime is a process on "
        "the same cores with the same number of threads; they take turns in a new random order each round, "
        "one forward pass each, "
        f"after a pause of {options.pause:g} ms and an uncounted forward pass of batch 1. "
        f"`text` is at full context ({CONTEXT} tokens); `text_prompts`, which only clipq offers, is on real "
        "prompts and compared with the peers at full context. Cosines are relative to PyTorch float32, the worst of "
        f"all; below {options.least_cosine} a peer is marked as wrong and doesn't count. What INT8 models "
        "don't compute in INT8 they compute in float32, except OpenVINO's with fixed ranges, where OpenVINO chooses, "
        "PyTorch's static one, which uses bfloat16 where the processor has it, and clipq's attention of 128 tokens or "
        "more, which uses bfloat16 on AMX machines.")
    return "\n".join(lines) + "\n"


def write_atomically(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    try:
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError:
        os.unlink(file.name)
        raise
