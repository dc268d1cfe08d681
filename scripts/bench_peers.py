#!/usr/bin/env python3
"""Times clipq's artifacts against ONNX Runtime, PyTorch and OpenVINO on full-size CLIPs; writes Markdown.

  bench_peers.py                                        all models, peers and cells; the recipe int8-dynamic
  bench_peers.py --models ViT-B-32 --cells image:1      a part
  bench_peers.py --recipes int8-dynamic int8-smooth --quantize-args="--calib-data coco:DIR …"
  bench_peers.py --recipes                              the peers alone

The models are seeded and untrained: they serve for speed, and say nothing about accuracy. Every contender is
a process of its own on the same cores; they take turns, one forward at a time, so that a noisy machine slows
all of them alike. What is built is kept in --work and used again. The packages are those of
bench_peers_requirements.txt, in a virtual environment of their own; torch.compile also needs g++.
"""
import argparse
import collections
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import platform
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
except ModuleNotFoundError:
    np = None  # reported with the other packages that are missing

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = pathlib.Path(__file__).resolve().with_name("bench_peers_requirements.txt")
GENERATION = 1  # raised when what is built into --work changes, so that nothing stale is used
RESOLUTION, CONTEXT, VOCABULARY = 224, 77, 49408
CALIBRATION_INPUTS = 32  # of OpenVINO's post-training quantization


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Sizes of a CLIP with ViT towers; heads are 64 wide."""

    patch: int
    vision_width: int = 768
    vision_layers: int = 12
    text_width: int = 512
    text_layers: int = 12
    embedding: int = 512


ARCHITECTURES = {
    "ViT-B-32": Architecture(patch=32),
    "ViT-B-16": Architecture(patch=16),
    "ViT-L-14": Architecture(patch=14, vision_width=1024, vision_layers=24, text_width=768, embedding=768),
}


@dataclasses.dataclass(frozen=True)
class Peer:
    """A contender other than clipq: its name in the table and the packages it needs."""

    title: str
    packages: tuple


PEERS = {
    "torch-float32": Peer("PyTorch float32", ("torch",)),
    "torch-compile": Peer("PyTorch float32, torch.compile", ("torch",)),
    "torch-int8": Peer("PyTorch INT8 dynamic (oneDNN)", ("torch",)),
    "ort-float32": Peer("ONNX Runtime float32", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "ort-int8": Peer("ONNX Runtime INT8 dynamic", ("torch", "onnx", "onnxscript", "onnxruntime")),
    "openvino-float32": Peer("OpenVINO float32", ("torch", "openvino")),
    "openvino-int8": Peer("OpenVINO INT8 (NNCF)", ("torch", "openvino", "nncf")),
}
REFERENCE = "torch-float32"


class Failure(Exception):
    """Ends the program; the text says what failed and what to do."""


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


def inputs_of(tower, batch, seed=1):
    """The batch that all Python contenders run on: pixels, or random ids, the largest one last."""
    generator = np.random.default_rng(seed)
    if tower == "image":
        return generator.standard_normal((batch, 3, RESOLUTION, RESOLUTION), np.float32)
    ids = generator.integers(1, VOCABULARY - 2, (batch, CONTEXT), np.int64)
    ids[:, 0], ids[:, -1] = VOCABULARY - 2, VOCABULARY - 1
    return ids


# ------------------------------------------------------------------------------------------------------------
# The model
# ------------------------------------------------------------------------------------------------------------


@functools.cache
def clip_class():
    """The CLIP in PyTorch, with OpenAI's parameter names. A function, as only children import torch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Attention(nn.Module):
        """nn.MultiheadAttention's parameters; use_linear makes the nn.Linear that quantization looks for."""

        def __init__(self, width, causal):
            super().__init__()
            self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
            self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
            self.out_proj = nn.Linear(width, width)
            self.heads, self.causal, self.in_proj = width // 64, causal, None

        def use_linear(self):
            outputs, inputs = self.in_proj_weight.shape
            self.in_proj = nn.Linear(inputs, outputs, device="meta")
            self.in_proj.weight, self.in_proj.bias = self.in_proj_weight, self.in_proj_bias
            del self.in_proj_weight, self.in_proj_bias

        def forward(self, x):
            n, length, width = x.shape
            if self.in_proj is None:
                projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
            else:
                projected = self.in_proj(x)
            q, k, v = projected.view(n, length, 3, self.heads, 64).permute(2, 0, 3, 1, 4).unbind(0)
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
            return self.out_proj(attended.transpose(1, 2).reshape(n, length, width))

    class QuickGelu(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(1.702 * x)

    class Block(nn.Module):
        def __init__(self, width, causal):
            super().__init__()
            self.attn = Attention(width, causal)
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mlp = nn.Sequential(collections.OrderedDict(
                c_fc=nn.Linear(width, 4 * width), gelu=QuickGelu(), c_proj=nn.Linear(4 * width, width)))

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Transformer(nn.Module):
        """Initialised as OpenAI does: the residual stream's magnitude stays near 1 whatever the depth."""

        def __init__(self, width, layers, causal):
            super().__init__()
            self.resblocks = nn.Sequential(*[Block(width, causal) for _ in range(layers)])
            for block in self.resblocks:
                nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
                nn.init.normal_(block.attn.out_proj.weight, std=(2 * layers * width) ** -0.5)
                nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
                nn.init.normal_(block.mlp.c_proj.weight, std=(2 * layers * width) ** -0.5)

        def forward(self, x):
            return self.resblocks(x)

    class Visual(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            width = sizes.vision_width
            self.conv1 = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=False)
            self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
            tokens = (RESOLUTION // sizes.patch) ** 2 + 1
            self.positional_embedding = nn.Parameter(torch.randn(tokens, width) * width**-0.5)
            self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
            self.transformer = Transformer(width, sizes.vision_layers, causal=False)
            self.proj = nn.Parameter(torch.randn(width, sizes.embedding) * width**-0.5)

        def forward(self, x):
            x = self.conv1(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
            return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj

    class Clip(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            width = sizes.text_width
            self.visual = Visual(sizes)
            self.transformer = Transformer(width, sizes.text_layers, causal=True)
            self.token_embedding = nn.Embedding(VOCABULARY, width)
            nn.init.normal_(self.token_embedding.weight, std=0.02)
            self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, width) * 0.01)
            self.ln_final = nn.LayerNorm(width)
            self.text_projection = nn.Parameter(torch.randn(width, sizes.embedding) * width**-0.5)
            self.logit_scale = nn.Parameter(torch.tensor(0.07).log().neg())

        def encode_image(self, image):
            return self.visual(image)

        def encode_text(self, text):
            x = self.transformer(self.token_embedding(text) + self.positional_embedding)
            return self.ln_final(x)[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

        def forward(self, image, text):
            image = F.normalize(self.encode_image(image), dim=-1)
            text = F.normalize(self.encode_text(text), dim=-1)
            logits = self.logit_scale.exp() * image @ text.t()
            return logits, logits.t()

    return Clip


def load_tower(checkpoint, model, tower, linear=False):
    """One tower of a checkpoint as a module; `linear` makes nn.Linear of all its linear layers."""
    import torch
    from torch import nn

    class TextTower(nn.Module):
        def __init__(self, clip):
            super().__init__()
            del clip.visual
            self.clip = clip

        def forward(self, text):
            return self.clip.encode_text(text)

    with torch.device("meta"):
        clip = clip_class()(ARCHITECTURES[model])
    clip.load_state_dict(torch.jit.load(checkpoint, map_location="cpu").state_dict(), assign=True)
    module = (clip.visual if tower == "image" else TextTower(clip)).eval().requires_grad_(False)
    if linear:
        for part in module.modules():
            if hasattr(part, "use_linear"):
                part.use_linear()
    return module


# ------------------------------------------------------------------------------------------------------------
# Building what the contenders run: each build is a process of its own, which gives its memory back
# ------------------------------------------------------------------------------------------------------------


def build_checkpoint(target, model, seed):
    """A TorchScript archive as clipq reads it."""
    import torch

    torch.manual_seed(int(seed))
    clip = clip_class()(ARCHITECTURES[model]).eval().requires_grad_(False)
    image, text = (torch.from_numpy(inputs_of(tower, 2)) for tower in ("image", "text"))
    methods = {"forward": (image, text), "encode_image": (image,), "encode_text": (text,)}
    with torch.no_grad():
        torch.jit.save(torch.jit.trace_module(clip, methods, check_trace=False), target)


def build_onnx(target, checkpoint, model, tower):
    """ONNX of opset 23, whose Attention ONNX Runtime has a kernel for. On two cores with AVX512-VNNI
    opset 17, the contributed MultiHeadAttention and Attention, and onnxruntime.transformers.optimizer, which
    fuses SkipLayerNormalization and QuickGelu, were slower or within the noise of a busy machine."""
    import torch

    module = load_tower(checkpoint, model, tower)
    with torch.no_grad():
        torch.onnx.export(module, (torch.from_numpy(inputs_of(tower, 2)),), target, dynamo=True,
                          opset_version=23, input_names=["input"], output_names=["output"],
                          external_data=False, verbose=False,
                          dynamic_shapes=({0: torch.export.Dim("batch")},))


def build_onnx_int8(target, source):
    """Linear layers with signed weights per channel, and unsigned inputs with ranges taken at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], per_channel=True,
                     weight_type=QuantType.QInt8, reduce_range=not has_vnni(cpu_flags()),
                     extra_options={"MatMulConstBOnly": True})


def build_openvino(target, checkpoint, model, tower):
    import openvino
    import torch

    module = load_tower(checkpoint, model, tower)
    with torch.no_grad():
        converted = openvino.convert_model(module, example_input=torch.from_numpy(inputs_of(tower, 2)))
    shape = [-1, 3, RESOLUTION, RESOLUTION] if tower == "image" else [-1, CONTEXT]
    converted.reshape({converted.input(0): openvino.PartialShape(shape)})
    pathlib.Path(target).mkdir()
    openvino.save_model(converted, pathlib.Path(target) / "model.xml", compress_to_fp16=False)


def build_openvino_int8(target, source, tower):
    import nncf
    import openvino

    model = openvino.Core().read_model(pathlib.Path(source) / "model.xml")
    samples = nncf.Dataset([inputs_of(tower, 1, seed) for seed in range(100, 100 + CALIBRATION_INPUTS)])
    quantized = nncf.quantize(model, samples, subset_size=CALIBRATION_INPUTS,
                              model_type=nncf.ModelType.TRANSFORMER)
    pathlib.Path(target).mkdir()
    openvino.save_model(quantized, pathlib.Path(target) / "model.xml", compress_to_fp16=False)


BUILDERS = {builder.__name__: builder for builder in
            (build_checkpoint, build_onnx, build_onnx_int8, build_openvino, build_openvino_int8)}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Builds:
    """What is kept in --work. File names have the versions of all packages that had a part in them."""

    def __init__(self, folder, model, seed, environment):
        self.folder, self.model, self.environment = folder, model, environment
        self.stem = f"{model}-seed{seed}-g{GENERATION}-torch{version('torch')}"
        self.seed = seed
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, name, command, what):
        """The path `name`; `command(path)` is run to write it if it isn't there."""
        target = self.folder / name
        if target.exists():
            return target
        partial = self.folder / f".{os.getpid()}-{name}"
        note(f"{self.model}: {what}")
        log_path = log_file(self.folder, name)
        try:
            with log_path.open("w") as log:
                status = subprocess.run(list(map(str, command(partial))), env=self.environment, check=False,
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL).returncode
            if status or not partial.exists():
                raise Failure(f"{what}: failed for {self.model} (exit status {status}): "
                              f"{last_line(log_path)}; the whole output is in {log_path}")
            partial.rename(target)
        finally:
            remove(partial)
        return target

    def build(self, name, what, builder, *arguments):
        def command(target):
            return [sys.executable, __file__, "_build", builder.__name__, target, *arguments]
        return self.keep(name, command, what)

    def checkpoint(self):
        return self.build(f"{self.stem}.pt", "make the checkpoint", build_checkpoint, self.model, self.seed)

    def of_peer(self, peer, tower):
        """The file or folder that a worker of `peer` loads."""
        if peer.startswith("torch"):
            return self.checkpoint()
        if peer.startswith("ort"):
            name = f"{self.stem}-{tower}-onnx{version('onnx')}-{version('onnxscript')}"
            exported = self.build(f"{name}.onnx", f"export the {tower} tower to ONNX", build_onnx,
                                  self.checkpoint(), self.model, tower)
            if peer == "ort-float32":
                return exported
            range_of_weights = "int8" if has_vnni(cpu_flags()) else "int7"
            return self.build(f"{name}-ort{version('onnxruntime')}-{range_of_weights}.onnx",
                              f"quantize the {tower} tower for ONNX Runtime", build_onnx_int8, exported)
        name = f"{self.stem}-{tower}-openvino{version('openvino')}"
        converted = self.build(name, f"convert the {tower} tower to OpenVINO", build_openvino,
                               self.checkpoint(), self.model, tower)
        if peer == "openvino-float32":
            return converted
        return self.build(f"{name}-nncf{version('nncf')}", f"quantize the {tower} tower with NNCF",
                          build_openvino_int8, converted, tower)

    def of_clipq(self, program, recipe, arguments):
        """A recipe's artifact, made anew when the program, the recipe's file or the arguments are others."""
        key = hashlib.sha256(program.read_bytes() + "\0".join(arguments).encode())
        if os.path.isfile(recipe):
            key.update(pathlib.Path(recipe).read_bytes())
        name = f"{self.stem}-{pathlib.Path(recipe).stem}-clipq{key.hexdigest()[:12]}.pt"
        checkpoint = self.checkpoint()

        def command(target):
            return [program, "quantize", checkpoint, "--recipe", recipe, *arguments, "-o", target]
        return self.keep(name, command, f"quantize with clipq's recipe {recipe}")


# ------------------------------------------------------------------------------------------------------------
# Workers: the protocol of `clipq bench MODEL --on-request`; `check KIND BATCH FILE.npy` also saves embeddings
# ------------------------------------------------------------------------------------------------------------


def torch_forward(path, model, tower, threads, kind):
    """For a batch size, a function that runs one forward and returns the embeddings."""
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    module = load_tower(path, model, tower, linear=kind == "int8")
    if kind == "int8":
        torch.backends.quantized.engine = "onednn"
        module = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear}, dtype=torch.qint8)
    if kind == "compile":
        torch._inductor.config.freezing = True  # weights are constants, which oneDNN packs once
        module = torch.compile(module, dynamic=False)

    def prepare(inputs):
        tensor = torch.from_numpy(inputs)

        def forward():
            with torch.inference_mode():
                return module(tensor)
        return forward, lambda: forward().numpy()
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


def openvino_forward(path, threads, kind):
    """float32 is computed in float32; around INT8 layers OpenVINO chooses: bfloat16 where there is it."""
    import openvino

    core = openvino.Core()
    options = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    if kind == "float32":
        options["INFERENCE_PRECISION_HINT"] = "f32"

    def prepare(inputs):
        model = core.read_model(pathlib.Path(path) / "model.xml")
        model.reshape({model.input(0): list(inputs.shape)})
        compiled = core.compile_model(model, "CPU", options)
        precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if kind == "float32" and precision != "f32":
            raise Failure(f"OpenVINO computes in {precision}, expected f32")
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


# ------------------------------------------------------------------------------------------------------------
# The parent
# ------------------------------------------------------------------------------------------------------------


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
                raise Failure(f"{title} said {answer!r}, expected 'ready'")
        except BaseException:
            self.close()
            raise

    def answer(self, request):
        answer = self.process.stdout.readline().strip()
        if not answer:
            status = self.process.wait()
            raise Failure(f"{self.title} ended at '{request}' (exit status {status}): "
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
        if peer == "torch-compile" and not shutil.which("g++"):
            raise Failure("torch.compile needs g++, which is not on the path: install it")
        path = self.builds.of_peer(peer, tower)
        return [sys.executable, __file__, "_work", peer, path, self.model, tower, self.options.threads]

    def command_of_clipq(self, recipe):
        artifact = self.builds.of_clipq(self.options.clipq, recipe, self.options.quantize_args)
        return [self.options.clipq, "bench", artifact, "--on-request"]

    def workers(self, tower, stack):
        """Started contenders; of one that can't be started the reason is remembered. All are built before any
        is started, as building takes memory too."""
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
        note(f"{self.model}: {name} is left out: {failure}")

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
        """Two forwards of each, and the check of peers' embeddings; returns those that came through."""
        reference = None
        alive = []
        for worker in workers:
            if not runs(worker.name, cell):
                alive.append(worker)
                continue
            note(f"{self.model}: warm up {worker.name} for {cell}")
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
        """Contenders take turns in an order drawn anew each round. The pause lets the threads of the one
        before go to sleep; the forward of batch 1 after it, which wakes threads and caches, isn't counted."""
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


def runs(name, cell):
    return cell.kind != "text_prompts" or name not in PEERS


def clipq_name(recipe):
    return f"clipq-{pathlib.Path(recipe).stem}"


def clipq_title(recipe):
    return f"clipq {pathlib.Path(recipe).stem}"


# ------------------------------------------------------------------------------------------------------------
# The report
# ------------------------------------------------------------------------------------------------------------


def summarize(values, batch):
    """Milliseconds of a batch: minimum, median and p95 (nearest rank); median and minimum of an item."""
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
    known = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")
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
    lines = ["# clipq against its peers", "", *(f"- {key}: {value}" for key, value in facts.items()), ""]
    lines.append(
        "Seeded, untrained CLIPs of OpenAI's architecture with QuickGELU. Every contender is a process on "
        "the same cores with the same number of threads; they take turns in an order drawn anew each round, "
        "one forward each, "
        f"after a pause of {options.pause:g} ms and a forward of batch 1 that isn't counted. "
        f"`text` is at full context ({CONTEXT} tokens); `text_prompts`, which only clipq offers, is on real "
        "prompts and held against the peers at full context. Cosines are to PyTorch float32, the worst of "
        f"all; below {options.least_cosine} a peer is marked as wrong and doesn't count. What isn't INT8 "
        "in OpenVINO's INT8 model is computed in the precision that OpenVINO chooses.")
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


# ------------------------------------------------------------------------------------------------------------
# Options
# ------------------------------------------------------------------------------------------------------------


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    cells = [Cell(kind, batch) for kind in ("image", "text", "text_prompts") for batch in (1, 32)]
    add("--models", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES), metavar="MODEL",
        help="default: %(default)s")
    add("--cells", nargs="+", type=Cell.parse, default=cells, metavar="KIND:BATCH",
        help="image:N, text:N and, for clipq alone, text_prompts:N; default: each with 1 and 32")
    add("--peers", nargs="*", choices=PEERS, default=list(PEERS), metavar="PEER",
        help=f"default: %(default)s; {REFERENCE} always runs, the others are checked against it")
    add("--recipes", nargs="*", default=["int8-dynamic"], metavar="RECIPE",
        help="clipq's recipes, built in or files; none: leave clipq out; default: %(default)s")
    add("--quantize-args", type=shlex.split, default=[], metavar="'ARGUMENT …'",
        help="further arguments of clipq quantize in one word, such as --quantize-args='--calib-data …'")
    add("--clipq", type=pathlib.Path, default=ROOT / "build/release/clipq", metavar="PATH",
        help="default: build/release/clipq")
    add("--threads", type=positive, help="of every contender, on as many cores; default: all it may use")
    add("--seconds", type=float, default=120, help="for a cell, all together; default: %(default)s")
    add("--rounds", type=positive, default=100, help="at most, for a cell; default: %(default)s")
    add("--least-rounds", type=positive, default=5, metavar="ROUNDS",
        help="even if --seconds are over; default: %(default)s")
    add("--pause", type=float, default=50, metavar="MS", help="before each turn; default: %(default)s")
    add("--least-cosine", type=float, default=0.98, metavar="COSINE",
        help="to PyTorch float32; a peer below it doesn't count; default: %(default)s")
    add("--seed", type=int, default=0, help="of the weights; default: %(default)s")
    add("--work", type=pathlib.Path, default=ROOT / "build/peers", metavar="DIR",
        help="where models are kept; 12 GB for all of them; default: build/peers")
    add("-o", "--output", type=pathlib.Path, default=ROOT / "docs/bench_peers.md", metavar="FILE",
        help="Markdown; default: docs/bench_peers.md")
    add("--json", type=pathlib.Path, metavar="FILE", help="raw numbers; default: beside the Markdown file")
    options = parser.parse_args()
    options.peers = [peer for peer in PEERS if peer in options.peers or peer == REFERENCE]
    options.json = options.json or options.output.with_suffix(".json")
    options.work = options.work.resolve()
    if not options.recipes:
        options.cells = [cell for cell in options.cells if cell.kind != "text_prompts"]
    return options


def require_packages(peers):
    """All that the chosen peers need, or an error that names the command."""
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
        raise Failure(f"{options.clipq} is not a program. Build clipq (cmake --build --preset release), "
                      "name it with --clipq, or leave it out with an empty --recipes")
    options.clipq = options.clipq.resolve()


def pin(options):
    """Pins this process, and with it all contenders, to as many cores as there are threads."""
    allowed = sorted(os.sched_getaffinity(0))
    options.threads = options.threads or len(allowed)
    if options.threads > len(allowed):
        raise Failure(f"--threads {options.threads}: only {len(allowed)} cores are allowed to this process")
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
    note(f"written: {options.output} and {options.json}")


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
