"""Contenders' processes. They speak the protocol of `clipq bench MODEL --on-request`; Python's also know
`check KIND BATCH FILE.npy`, which saves embeddings."""
import contextlib
import functools
import importlib
import os
import pathlib
import subprocess
import sys
import time

try:
    import numpy as np
except ModuleNotFoundError:
    np = None  # reported with the other packages that are missing

from peers.clip import inputs_of, load_tower
from peers.contenders import Failure, cpu_flags, has_bfloat16, last_line, note


def load_quantized(path):
    """The module that PT2E quantized; the quantizer's import registers its operators and Inductor's passes."""
    import torch
    importlib.import_module("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")
    return torch.export.load(path).module()


def torch_forward(path, model, tower, threads, kind):
    """For a batch size, a function that runs one forward and returns the embeddings."""
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    if kind == "compile-int8":
        module = load_quantized(path)
    else:
        module = load_tower(path, model, tower, linear=kind == "int8")
    if kind == "int8":
        torch.backends.quantized.engine = "onednn"
        module = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear}, dtype=torch.qint8)
    if kind.startswith("compile"):
        torch._inductor.config.freezing = True  # weights are constants, which oneDNN packs once
        module = torch.compile(module, dynamic=False)
    in_bfloat16 = kind == "compile-int8" and has_bfloat16(cpu_flags())  # what isn't INT8, as in OpenVINO

    def prepare(inputs):
        tensor = torch.from_numpy(inputs)

        def forward():
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
                return module(tensor)
        return forward, lambda: forward().float().numpy()
    return prepare


def ort_forward(path, threads):
    import onnxruntime

    def prepare(inputs):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_free_dimension_override_by_name("batch", len(inputs))
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        def forward():
            return session.run(None, {"input": inputs})
        return forward, lambda: forward()[0]
    return prepare


OPENVINO_OPTIONS = {
    "float32": {"INFERENCE_PRECISION_HINT": "f32"},
    "bfloat16": {"INFERENCE_PRECISION_HINT": "bf16"},
    "int8": {},
    "int8-dynamic": {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 256},
}


def openvino_forward(path, threads, kind):
    """Around INT8 layers with fixed ranges OpenVINO chooses the precision: bfloat16 where available. It takes ranges at
    run time only in float32; in bfloat16 it ignores the group size, and INT8 weights were slower than bfloat16's.
    Groups of 256 were the fastest; with 768, text's layers, 512 wide, were computed in float32."""
    import openvino

    core = openvino.Core()
    options = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    options |= OPENVINO_OPTIONS[kind]
    expected = options.get("INFERENCE_PRECISION_HINT")

    def prepare(inputs):
        model = core.read_model(pathlib.Path(path) / "model.xml")
        model.reshape({model.input(0): list(inputs.shape)})
        compiled = core.compile_model(model, "CPU", options)
        precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if expected not in (None, precision):
            raise Failure(f"OpenVINO computes in {precision}, expected {expected}")
        note(f"OpenVINO's inference precision: {precision}")
        request = compiled.create_infer_request()

        def forward():
            return request.infer([inputs], share_inputs=True, share_outputs=True)
        return forward, lambda: np.array(forward()[0])
    return prepare


def work(peer, path, model, tower, threads):
    """A Python contender's process. Only answers go to stdout: what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    runtime, _, kind = peer.partition("-")
    threads = int(threads)
    if runtime == "torch":
        prepare = torch_forward(path, model, tower, threads, kind)
    elif runtime == "ort":
        prepare = ort_forward(path, threads)
    else:
        prepare = openvino_forward(path, threads, kind)
    prepared = functools.cache(lambda batch: prepare(inputs_of(tower, batch)))
    print("ready", file=answers)
    for line in sys.stdin:
        *check, kind, batch = line.split()[:3]
        if check == ["check"]:
            np.save(line.split()[3], prepared(int(batch))[1]())
            print("saved", file=answers)
            continue
        forward = prepared(int(batch))[0]
        start = time.perf_counter()
        forward()
        print(1000 * (time.perf_counter() - start), file=answers)


class Worker:
    """A contender's process."""

    def __init__(self, name, title, command, environment, log_path):
        self.name, self.title, self.log_path = name, title, log_path
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(list(map(str, command)), env=environment, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        try:
            answer = self.answer("start")
            if answer != "ready":
                raise Failure(f"{title} answered {answer!r}, expected 'ready'")
        except BaseException:
            self.close()
            raise

    def answer(self, request):
        answer = self.process.stdout.readline().strip()
        if not answer:
            status = self.process.wait()
            raise Failure(f"{self.title} exited on '{request}' (exit status {status}): "
                          f"{last_line(self.log_path)}; its output is in {self.log_path}")
        return answer

    def ask(self, request):
        try:
            self.process.stdin.write(f"{request}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # answer() says why
        return self.answer(request)

    def milliseconds(self, cell):
        answer = self.ask(cell)
        try:
            return float(answer)
        except ValueError:
            raise Failure(f"{self.title} answered {answer!r} to '{cell}', expected milliseconds") from None

    def embeddings(self, cell, folder):
        path = folder / f".{os.getpid()}-{self.name}.npy"
        try:
            self.ask(f"check {cell} {path}")
            return np.load(path).astype(np.float64)
        finally:
            path.unlink(missing_ok=True)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
