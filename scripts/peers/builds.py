"""What contenders load. Each build runs in its own process, so that its memory is freed."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from peers.clip import CONTEXT, RESOLUTION, has_resnet, inputs_of, load_tower, make_clip, settle_statistics
from peers.contenders import Failure, cpu_flags, has_vnni, last_line, log_file, note, version

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "bench_peers.py"
GENERATION = 1  # raised when what is built into --work changes, so that nothing stale is used
CALIBRATION_INPUTS = 32  # of OpenVINO's post-training quantization


def build_checkpoint(target, model, seed):
    """A TorchScript archive as clipq reads it."""
    import torch
    from clip_torch import trace

    torch.manual_seed(int(seed))
    clip = make_clip(model).eval().requires_grad_(False)
    if has_resnet(model):
        settle_statistics(clip)
    torch.jit.save(trace(clip, *(torch.from_numpy(inputs_of(tower, 2)) for tower in ("image", "text"))), target)


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


class RandomInputs:
    """What ONNX Runtime's calibration reads."""

    def __init__(self, tower):
        self.batches = iter([{"input": inputs_of(tower, 1, seed)} for seed in range(100, 100 + CALIBRATION_INPUTS)])

    def get_next(self):
        return next(self.batches, None)


def build_onnx_int8_static(target, source, tower):
    """Convolutions and linear layers with signed weights per channel, unsigned activations, fixed ranges."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    CalibrationDataReader.register(RandomInputs)
    prepared = f"{target}.prepared"
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(prepared, target, RandomInputs(tower), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                    reduce_range=not has_vnni(cpu_flags()), extra_options={"ActivationSymmetric": False})
    pathlib.Path(prepared).unlink()


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


def build_openvino_int8(target, source, tower, model_name):
    import nncf
    import openvino

    model = openvino.Core().read_model(pathlib.Path(source) / "model.xml")
    samples = nncf.Dataset([inputs_of(tower, 1, seed) for seed in range(100, 100 + CALIBRATION_INPUTS)])
    is_transformer = tower == "text" or not has_resnet(model_name)
    quantized = nncf.quantize(model, samples, subset_size=CALIBRATION_INPUTS,
                              model_type=nncf.ModelType.TRANSFORMER if is_transformer else None)
    pathlib.Path(target).mkdir()
    openvino.save_model(quantized, pathlib.Path(target) / "model.xml", compress_to_fp16=False)


BUILDERS = {builder.__name__: builder for builder in
            (build_checkpoint, build_onnx, build_onnx_int8, build_onnx_int8_static, build_openvino,
             build_openvino_int8)}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Builds:
    """The builds kept in --work. File names include the versions of all packages involved."""

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
                              f"{last_line(log_path)}; the full output is in {log_path}")
            partial.rename(target)
        finally:
            remove(partial)
        return target

    def build(self, name, what, builder, *arguments):
        def command(target):
            return [sys.executable, PROGRAM, "_build", builder.__name__, target, *arguments]
        return self.keep(name, command, what)

    def checkpoint(self):
        return self.build(f"{self.stem}.pt", "create the checkpoint", build_checkpoint, self.model, self.seed)

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
            if peer == "ort-int8-static":
                return self.build(f"{name}-ort{version('onnxruntime')}-{range_of_weights}-static.onnx",
                                  f"quantize the {tower} tower for ONNX Runtime, with fixed ranges",
                                  build_onnx_int8_static, exported, tower)
            return self.build(f"{name}-ort{version('onnxruntime')}-{range_of_weights}.onnx",
                              f"quantize the {tower} tower for ONNX Runtime", build_onnx_int8, exported)
        name = f"{self.stem}-{tower}-openvino{version('openvino')}"
        converted = self.build(name, f"convert the {tower} tower to OpenVINO", build_openvino,
                               self.checkpoint(), self.model, tower)
        if peer == "openvino-float32":
            return converted
        return self.build(f"{name}-nncf{version('nncf')}", f"quantize the {tower} tower with NNCF",
                          build_openvino_int8, converted, tower, self.model)

    def of_clipq(self, program, recipe, arguments):
        """A recipe's artifact, rebuilt when the program, the recipe's file or the arguments change."""
        key = hashlib.sha256(program.read_bytes() + "\0".join(arguments).encode())
        if os.path.isfile(recipe):
            key.update(pathlib.Path(recipe).read_bytes())
        name = f"{self.stem}-{pathlib.Path(recipe).stem}-clipq{key.hexdigest()[:12]}.pt"
        checkpoint = self.checkpoint()

        def command(target):
            return [program, "quantize", checkpoint, "--recipe", recipe, *arguments, "-o", target]
        return self.keep(name, command, f"quantize with clipq's recipe {recipe}")
