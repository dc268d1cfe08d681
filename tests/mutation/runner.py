"""Runs commands of clipq in servers that live on: none waits for LibTorch to be loaded. A command that crashes or takes too long ends
its server, and the next one gets a new one."""
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


class CommandServer:
    """May be used by several threads; each gets a process of its own."""

    def __init__(self, program, seconds, memory):
        self.program, self.seconds, self.memory = program, seconds, memory
        self.local, self.processes = threading.local(), []

    def process(self):
        if getattr(self.local, "process", None) is None or self.local.process.poll() is not None:
            self.local.process = subprocess.Popen([self.program, str(self.memory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.processes.append(self.local.process)
        return self.local.process

    def run(self, arguments):
        """Throws subprocess.TimeoutExpired."""
        process = self.process()
        with tempfile.TemporaryDirectory() as name:
            files = {stream: pathlib.Path(name) / stream for stream in ("stdout", "stderr")}
            # One thread: commands run beside each other, and sums differ with the number of threads.
            request = {"arguments": [*map(str, arguments), "--threads", "1"]} | {key: str(file) for key, file in files.items()}
            timed_out = threading.Event()
            timer = threading.Timer(self.seconds, lambda: (timed_out.set(), process.kill()))
            timer.start()
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            timer.cancel()
            if timed_out.is_set():
                raise subprocess.TimeoutExpired(request["arguments"], self.seconds)
            answer = json.loads(line) if line else {"code": process.wait(), "peak": 0}
            out, log = (files[stream].read_text(errors="replace") if files[stream].exists() else "" for stream in ("stdout", "stderr"))
        return Outcome(answer["code"], out, log, answer["peak"])

    def close(self):
        for process in self.processes:
            process.stdin.close()
            process.wait()
