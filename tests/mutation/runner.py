"""Runs commands of clipq in a fork server: none waits for LibTorch to be loaded, and a crash of one ends no other."""
import dataclasses
import json
import pathlib
import subprocess
import tempfile
import threading


@dataclasses.dataclass
class Outcome:
    """How a command ended: its exit code, or below 0 the signal; what it said; the most bytes that it had allocated at a time, 0
    without the address sanitizer."""

    code: int
    stdout: str
    stderr: str
    peak: int


class ForkServer:
    """May be used by several threads; each gets a server of its own."""

    def __init__(self, server, seconds, memory):
        self.server, self.limits = server, {"seconds": seconds, "memory": memory}
        self.local, self.processes = threading.local(), []

    def process(self):
        if getattr(self.local, "process", None) is None or self.local.process.poll() is not None:
            self.local.process = subprocess.Popen([self.server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.processes.append(self.local.process)
        return self.local.process

    def run(self, arguments):
        """Throws subprocess.TimeoutExpired."""
        process = self.process()
        with tempfile.TemporaryDirectory() as name:
            files = {stream: str(pathlib.Path(name) / stream) for stream in ("stdout", "stderr")}
            # One thread: commands run beside each other, and sums differ with the number of threads.
            request = {"arguments": [*map(str, arguments), "--threads", "1"]} | files | self.limits
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            out, log = (pathlib.Path(files[stream]).read_text(errors="replace") for stream in ("stdout", "stderr"))
        if answer.get("timed_out"):
            raise subprocess.TimeoutExpired(request["arguments"], self.limits["seconds"])
        code = answer["code"] if "code" in answer else -answer["signal"]
        return Outcome(code, out, log, answer["peak"])

    def close(self):
        for process in self.processes:
            process.stdin.close()
            process.wait()

