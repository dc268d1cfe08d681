"""The contenders of a comparison, what is timed, and helpers that all modules share."""
import argparse
import dataclasses
import importlib.metadata
import pathlib
import sys


@dataclasses.dataclass(frozen=True)
class Peer:
    """A contender other than clipq: its name in the table and the packages it needs."""

    title: str
    packages: tuple


PEERS = {
    "torch-float32": Peer("PyTorch float32", ("torch",)),
    "torch-compile": Peer("PyTorch float32, torch.compile", ("torch",)),
    "torch-compile-int8": Peer("PyTorch INT8 static, torch.compile (PT2E)", ("torch", "torchao")),
    "torch-int8": Peer("PyTorch INT8 dynamic (oneDNN)", ("torch",)),
    "ort-float32": Peer("ONNX Runtime float32", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "ort-float16": Peer("ONNX Runtime float16", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "ort-int8": Peer("ONNX Runtime INT8 dynamic", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "ort-int8-static": Peer("ONNX Runtime INT8 static", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "ort-int4": Peer("ONNX Runtime INT4 (MatMulNBits)", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "openvino-float32": Peer("OpenVINO float32", ("torch", "openvino")),
    "openvino-bfloat16": Peer("OpenVINO bfloat16", ("torch", "openvino")),
    "openvino-int8": Peer("OpenVINO INT8 (NNCF)", ("torch", "openvino", "nncf")),
    "openvino-int8-dynamic": Peer("OpenVINO INT8 dynamic (NNCF)", ("torch", "openvino", "nncf")),
}
REFERENCE = "torch-float32"


class Failure(Exception):
    """Ends the program; the message says what failed and what to do."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """What is timed: image, text (full context) or text_prompts (real prompts, clipq only); and how many."""

    kind: str
    batch: int

    @classmethod
    def parse(cls, text):
        kind, _, batch = text.partition(":")
        if kind not in ("image", "text", "text_prompts") or not batch.isdecimal() or int(batch) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not image:N, text:N or text_prompts:N")
        return cls(kind, int(batch))

    @property
    def tower(self):
        return "image" if self.kind == "image" else "text"

    def __str__(self):
        return f"{self.kind} {self.batch}"


def runs(name, cell):
    return cell.kind != "text_prompts" or name not in PEERS


def clipq_name(recipe):
    return f"clipq-{pathlib.Path(recipe).stem}"


def clipq_title(recipe):
    return f"clipq {pathlib.Path(recipe).stem}"


def note(text):
    print(text, file=sys.stderr, flush=True)


def last_line(path):
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def log_file(folder, name):
    """The path of a child process's log."""
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(exist_ok=True)
    return path


def version(package):
    return importlib.metadata.version(package)


def cpu_flags():
    return set(cpu_line("flags").split())


def cpu_line(key):
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"


def has_vnni(flags):
    return bool({"avx512_vnni", "avx_vnni", "amx_int8"} & flags)


def has_bfloat16(flags):
    return bool({"avx512_bf16", "amx_bf16"} & flags)
