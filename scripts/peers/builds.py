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
CALIBRATION_INPUTS = 32  # of peers whose ranges are fixed


def build_checkpoint(target, model, seed):
    """A TorchScript archive as clipq reads it."""
    import torch
    from clip_torch import trace

    torch.manual_seed(int(seed))
    clip = make_clip(model).eval().requires_grad_(False)
    if has_resnet(model):
        settle_statistics(clip)
    torch.jit.save(trace(clip, *(torch.from_numpy(inputs_of(tower, 2)) for tower in ("image", "text"))), target)


def build_torch_int8(target, checkpoint, model, tower):
    """Convolutions and linear layers as X86InductorQuantizer's default recipe quantizes them: signed weights per
    channel, unsigned activations, fixed ranges. It leaves scaled_dot_product_attention alone."""
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer, get_default_x86_inductor_quantization_config)

    def export(module):
        return torch.export.export(module, (torch.from_numpy(inputs_of(tower, 2)),),
                                   dynamic_shapes=({0: torch.export.Dim("batch")},))

    recipe = get_default_x86_inductor_quantization_config(reduce_range=not has_vnni(cpu_flags()))
    with torch.no_grad():
        exported = export(load_tower(checkpoint, model, tower, linear=True)).module()
        prepared = prepare_pt2e(exported, X86InductorQuantizer().set_global(recipe))
        for inputs in calibration_inputs(tower):
            prepared(torch.from_numpy(inputs))
        torch.export.save(export(convert_pt2e(prepared)), target)


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


def build_onnx_float16(target, source):
    """What ONNX Runtime has no float16 kernel for on CPUs it computes in float32, between casts that it inserts."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def build_onnx_int4(target, source):
    """Weights of linear layers in blocks of 128; accuracy level 4 rounds inputs to INT8. On two cores with AMX, blocks
    of 32 were slower than float32, and so was HQQ, whose zero points aren't integers."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(source, bits=4, block_size=128, is_symmetric=True, accuracy_level=4,
                                     op_types_to_quantize=("MatMul",))
    quantizer.process()
    quantizer.model.save_model_to_file(target)


def build_onnx_int8(target, source):
    """Linear layers with signed weights per channel, and unsigned inputs with ranges taken at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], per_channel=True,
                     weight_type=QuantType.QInt8, reduce_range=not has_vnni(cpu_flags()),
                     extra_options={"MatMulConstBOnly": True})


def calibration_inputs(tower):
    return [inputs_of(tower, 1, seed) for seed in range(100, 100 + CALIBRATION_INPUTS)]


class RandomInputs:
    """What ONNX Runtime's calibration reads."""

    def __init__(self, tower):
        self.batches = iter([{"input": inputs} for inputs in calibration_inputs(tower)])

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


def save_openvino(model, target):
    import openvino

    pathlib.Path(target).mkdir()
    openvino.save_model(model, pathlib.Path(target) / "model.xml", compress_to_fp16=False)


def build_openvino(target, checkpoint, model, tower):
    import openvino
    import torch

    module = load_tower(checkpoint, model, tower)
    with torch.no_grad():
        converted = openvino.convert_model(module, example_input=torch.from_numpy(inputs_of(tower, 2)))
    shape = [-1, 3, RESOLUTION, RESOLUTION] if tower == "image" else [-1, CONTEXT]
    converted.reshape({converted.input(0): openvino.PartialShape(shape)})
    save_openvino(converted, target)


def build_openvino_int8(target, source, tower, model_name):
    import nncf
    import openvino

    model = openvino.Core().read_model(pathlib.Path(source) / "model.xml")
    samples = nncf.Dataset(calibration_inputs(tower))
    is_transformer = tower == "text" or not has_resnet(model_name)
    quantized = nncf.quantize(model, samples, subset_size=CALIBRATION_INPUTS,
                              model_type=nncf.ModelType.TRANSFORMER if is_transformer else None)
    save_openvino(quantized, target)


def build_openvino_int8_weights(target, source):
    """Signed weights per channel; OpenVINO quantizes their inputs when it runs, if told to."""
    import nncf
    import openvino

    model = openvino.Core().read_model(pathlib.Path(source) / "model.xml")
    save_openvino(nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM), target)


BUILDERS = {builder.__name__: builder for builder in
            (build_checkpoint, build_torch_int8, build_onnx, build_onnx_float16, build_onnx_int4, build_onnx_int8,
             build_onnx_int8_static, build_openvino, build_openvino_int8, build_openvino_int8_weights)}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def int8_range():
    """One side of INT8 products has 7 bits where instructions without VNNI would saturate."""
    return "int8" if has_vnni(cpu_flags()) else "int7"


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
        runtime = peer.partition("-")[0]
        return {"torch": self.of_torch, "ort": self.of_ort, "openvino": self.of_openvino}[runtime](peer, tower)

    def of_torch(self, peer, tower):
        if peer != "torch-compile-int8":
            return self.checkpoint()
        return self.build(f"{self.stem}-{tower}-torchao{version('torchao')}-{int8_range()}.pt2",
                          f"quantize the {tower} tower with PT2E", build_torch_int8,
                          self.checkpoint(), self.model, tower)

    def of_ort(self, peer, tower):
        name = f"{self.stem}-{tower}-onnx{version('onnx')}-{version('onnxscript')}"
        exported = self.build(f"{name}.onnx", f"export the {tower} tower to ONNX", build_onnx,
                              self.checkpoint(), self.model, tower)
        if peer == "ort-float32":
            return exported
        suffix, what, builder, *arguments = {
            "ort-float16": ("float16", "in float16", build_onnx_float16),
            "ort-int8": (int8_range(), "in INT8", build_onnx_int8),
            "ort-int8-static": (f"{int8_range()}-static", "in INT8 with fixed ranges", build_onnx_int8_static, tower),
            "ort-int4": ("int4", "in INT4", build_onnx_int4)}[peer]
        return self.build(f"{name}-ort{version('onnxruntime')}-{suffix}.onnx",
                          f"convert the {tower} tower for ONNX Runtime, {what}", builder, exported, *arguments)

    def of_openvino(self, peer, tower):
        name = f"{self.stem}-{tower}-openvino{version('openvino')}"
        converted = self.build(name, f"convert the {tower} tower to OpenVINO", build_openvino,
                               self.checkpoint(), self.model, tower)
        if peer == "openvino-int8":
            return self.build(f"{name}-nncf{version('nncf')}", f"quantize the {tower} tower with NNCF",
                              build_openvino_int8, converted, tower, self.model)
        if peer == "openvino-int8-dynamic":
            return self.build(f"{name}-nncf{version('nncf')}-weights",
                              f"quantize the {tower} tower's weights with NNCF", build_openvino_int8_weights, converted)
        return converted

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
