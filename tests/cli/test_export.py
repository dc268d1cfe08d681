"""clipq export: graphs in every recipe's form, run by ONNX Runtime and OpenVINO and compared with the artifact in stock PyTorch."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import numpy as np
import onnx
import onnxruntime
import torch
from torch.nn import functional as F

from siglip_torch import folder_with_tokenizer
from support import CONTEXT, CliTest, clipq, pixels, tokens, worst_cosine, write_cifar, write_coco
from test_checkpoint_kinds import save_safetensors

OPSETS = {"dq-clip": 17, "fp16": 17, "fp8-max": 19, "fp8-weight-only": 19, "int4-dynamic": 21, "int4-weight-only": 21, "int8-dynamic": 17, "int8-smooth": 17,
          "int8-static": 17, "int8-weight-only": 17}
# Python imports it at its start.
WRONG_RUNTIME = """
import numpy as np
import onnxruntime

computed = onnxruntime.InferenceSession.run

def run(session, names, feeds, options=None):
    return [WRONG for rows in computed(session, names, feeds, options)]

onnxruntime.InferenceSession.run = run
"""


def session(file, level=None, optimized=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if level is not None:
        options.graph_optimization_level = level
    if optimized:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def operators(file):
    graph = onnx.load(str(file), load_external_data=False).graph
    return {node.op_type for node in graph.node}


class ExportTest(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()
        self.coco = write_coco(self.folder / "coco")

    def quantized(self, recipe, *options, name=None):
        target = self.folder / f"{name or recipe}.pt"
        self.ok("quantize", self.path, "--recipe", recipe, "--calib-data", f"coco:{self.coco}", "--calib-captions",
                self.coco / "captions.json", "-o", target, *options)
        return target

    def exported(self, model, name, *options):
        """The folder, verified in ONNX Runtime, and the report."""
        folder = self.folder / name
        report = json.loads(self.ok("export", model, "-o", folder, "--verify", "always", "--json", *options))
        self.assertTrue(report["verification"]["passed"])
        return folder, report

    def description(self, folder):
        return json.loads((folder / "clipq" / "export.json").read_text())

    def assert_computes(self, folder, encode_image, encode_text, least=None):
        """Batches of 1 and 7, texts of few and of all tokens."""
        least = least or self.description(folder)["checks"]["least_cosine"]
        image, text = session(folder / "image.onnx"), session(folder / "text.onnx")
        for batch in (1, 7):
            images, ids = pixels(batch), tokens(batch)
            with torch.no_grad():
                expected = encode_image(images), encode_text(ids)
            self.assertGreater(worst_cosine(image.run(["image_embeds"], {"pixel_values": images.numpy()})[0], expected[0]), least)
            for length in {CONTEXT, int(ids.argmax(-1).max()) + 1}:
                rows = text.run(["text_embeds"], {"input_ids": ids[:, :length].numpy()})[0]
                self.assertGreater(worst_cosine(rows, expected[1]), least)


class Recipes(ExportTest):
    def test_float(self):
        folder, _ = self.exported(self.path, "float")
        self.assert_computes(folder, self.model.encode_image, self.model.encode_text, 0.999999)
        for tower in ("image", "text"):
            self.assert_valid(folder / f"{tower}.onnx", 17)

    def test_shipped(self):
        for recipe, opset in OPSETS.items():
            with self.subTest(recipe):
                self.assert_recipe(recipe, opset)

    def assert_recipe(self, recipe, opset):
        artifact = self.quantized(recipe)
        folder, _ = self.exported(artifact, f"{recipe}-onnx")
        torch_model = torch.jit.load(artifact).eval()
        if recipe != "dq-clip":  # whose ranges span texts and their padding
            self.assert_computes(folder, torch_model.encode_image, torch_model.encode_text)
        for tower in ("image", "text"):
            self.assert_valid(folder / f"{tower}.onnx", opset)
        if recipe != "fp8-max":  # OpenVINO rounds FP8 by way of float16
            self.assert_verifies(folder, "--openvino")

    def assert_valid(self, file, opset):
        model = onnx.load(str(file))
        onnx.checker.check_model(model, full_check=True)
        self.assertEqual([each.version for each in model.opset_import if not each.domain], [opset])
        self.assertEqual(model.ir_version, {17: 8, 19: 9, 21: 10}[opset])
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        typed = {value.name for value in inferred.graph.value_info} | {value.name for value in inferred.graph.output}
        self.assertLessEqual({name for node in model.graph.node for name in node.output}, typed)
        metadata = {each.key: each.value for each in model.metadata_props}
        self.assertIn("clipq.config", metadata)
        self.assertEqual(len(json.loads(metadata["clipq.source"])["sha256"]), 64)

    def assert_verifies(self, folder, *options):
        process = subprocess.run([sys.executable, folder / "verify.py", "--json", *options], capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, 0, process.stdout + process.stderr)

    def test_integer_kernels(self):
        expected = {"int8-smooth": "MatMulIntegerToFloat", "int8-static": "MatMulIntegerToFloat", "int8-dynamic": "MatMulInteger"}
        for recipe, kernel in expected.items():
            folder, _ = self.exported(self.quantized(recipe), recipe)
            session(folder / "image.onnx", optimized=self.folder / "optimized.onnx")
            used = operators(self.folder / "optimized.onnx")
            self.assertIn(kernel, used, recipe)
            self.assertNotIn("Gemm", used, recipe)

    def test_ranges_over_the_whole_tensor(self):
        artifact = self.quantized("int8-dynamic")
        folder = self.folder / "tensor"
        # Without VNNI, ONNX Runtime's products of 8 bits by 8 bits saturate, which the verification notices.
        has_vnni = "vnni" in pathlib.Path("/proc/cpuinfo").read_text()
        process = clipq("export", artifact, "-o", folder, "--verify", "always", "--json", "--dynamic-range", "tensor")
        self.assertIn(process.returncode, (0,) if has_vnni else (0, 5), process.stderr)
        session(folder / "image.onnx", optimized=self.folder / "optimized.onnx")
        self.assertIn("DynamicQuantizeMatMul", operators(self.folder / "optimized.onnx"))
        if process.returncode != 0:
            return self.assertIn("its verification failed: image.onnx", process.stderr)
        report = json.loads(process.stdout)
        checks = report["verification"]["graphs"][0]["checks"]
        self.assertNotIn("image.batch_of_1", checks)
        self.assertLess(checks["image.embeddings"]["least_cosine"], 0.999999)

    def test_weights_stay_small_in_onnx_runtime(self):
        for recipe, bits in (("int8-weight-only", 8), ("int4-weight-only", 4)):
            folder, _ = self.exported(self.quantized(recipe), recipe, "--target", "onnxruntime")
            nodes = [node for node in onnx.load(str(folder / "text.onnx")).graph.node if node.op_type == "MatMulNBits"]
            attributes = {each.name: each.i for each in nodes[0].attribute}
            self.assertEqual((attributes["bits"], attributes["accuracy_level"]), (bits, 4))

    def test_other_quantizers(self):
        """What no shipped recipe has, in plain operators."""
        changes = {"twin": ("int8-smooth", "*.c_proj.input_quantizer.scheme=twin"),
                   "symmetric": ("int8-dynamic", "*.input_quantizer.scheme=symmetric"),
                   "dynamic-twin": ("int8-dynamic", "*.c_proj.input_quantizer.scheme=twin"),
                   "affine-weights": ("int8-dynamic", "*.weight_quantizer.scheme=affine"),
                   "int4-embedding": ("int4-weight-only", "token_embedding.weight_quantizer.format=int4"),
                   "int4-affine": ("int4-weight-only", "*.c_fc.weight_quantizer.scheme=affine"),
                   "fp8-dynamic": ("fp8-max", "*.input_quantizer.range=dynamic"),
                   "e5m2": ("fp8-weight-only", "*.weight_quantizer.format=fp8_e5m2"),
                   "fp8-token": ("fp8-max", "*.c_fc.input_quantizer.granularity=token", "*.c_fc.input_quantizer.range=dynamic")}
        for name, (recipe, *settings) in changes.items():
            with self.subTest(name):
                artifact = self.quantized(recipe, *(word for each in settings for word in ("--set", each)), name=name)
                folder, _ = self.exported(artifact, f"{name}-onnx")
                torch_model = torch.jit.load(artifact).eval()
                if not (name == "fp8-dynamic"):
                    self.assert_computes(folder, torch_model.encode_image, torch_model.encode_text)

    def test_older_onnx_runtime(self):
        """Graphs use only what has been there for years."""
        older = pathlib.Path(sys.prefix) / "onnxruntime-1.23.2"
        for recipe in OPSETS:
            folder, _ = self.exported(self.quantized(recipe), f"{recipe}-onnx")
            process = subprocess.run([sys.executable, folder / "verify.py", "--json"], capture_output=True, text=True, check=False,
                                     env=os.environ | {"PYTHONPATH": str(older)})
            self.assertEqual(process.returncode, 0, process.stdout + process.stderr)
            self.assertIn("1.23.2", json.loads(process.stdout)["runtime"])

    def test_ranges_over_the_whole_tensor_of_a_model_that_has_none(self):
        self.fails(2, "no layer of the model takes its range at run time", "export", self.path, "--dynamic-range", "tensor", "-o",
                   self.folder / "x")

    def test_what_a_target_cannot_take(self):
        artifact = self.quantized("int8-smooth")
        self.fails(2, r"visual\.conv1: TensorRT .*fp8-max", "export", artifact, "--target", "tensorrt", "-o", self.folder / "trt")
        self.assertFalse((self.folder / "trt").exists())
        groups = self.quantized("int8-dynamic", "--set", "*.c_fc.input_quantizer.granularity=group:32", name="groups")
        self.fails(2, r"c_fc: an activation with group:32 scales", "export", groups, "-o", self.folder / "groups-onnx")
        fp8 = self.quantized("fp8-max")
        self.fails(2, "transformers.js runs no FP8", "export", fp8, "--layout", "transformers.js", "-o", self.folder / "js")
        folder, _ = self.exported(fp8, "fp8-trt", "--target", "tensorrt")
        quantizers = [node for node in onnx.load(str(folder / "image.onnx")).graph.node if node.op_type == "QuantizeLinear"]
        constants = {each.name for each in onnx.load(str(folder / "image.onnx")).graph.initializer}
        self.assertTrue(all(node.input[1] in constants for node in quantizers))
        self.ok("embed", folder, "--images", self.coco, "-o", self.folder / "rows.npy")
        softmax = self.quantized("fp8-max", "--set", "*.softmax_quantizer.enable=true", "--set", "*.softmax_quantizer.format=fp8_e4m3",
                                 name="softmax")
        self.fails(2, "softmax and values both in FP8", "export", softmax, "-o", self.folder / "softmax-onnx")
        self.exported(softmax, "softmax-trt", "--target", "tensorrt")


class Graphs(ExportTest):
    def test_external_data(self):
        folder, _ = self.exported(self.path, "external", "--external-data-above", 1000)
        self.assertLess((folder / "image.onnx").stat().st_size, 200_000)
        moved = self.folder / "moved"
        shutil.move(folder, moved)
        self.assert_computes(moved, self.model.encode_image, self.model.encode_text, 0.999999)
        onnx.checker.check_model(str(moved / "image.onnx"), full_check=True)
        offsets = [int(entry.value) for tensor in onnx.load(str(moved / "image.onnx"), load_external_data=False).graph.initializer
                   for entry in tensor.external_data if entry.key == "offset"]
        self.assertTrue(offsets and all(offset % 4096 == 0 for offset in offsets))

    def test_joint(self):
        folder, _ = self.exported(self.path, "joint", "--joint", "--normalize")
        images, ids = pixels(3), tokens(2)
        names = ["image_embeds", "text_embeds", "logits_per_image", "logits_per_text"]
        image, text, per_image, per_text = session(folder / "model.onnx").run(names, {"pixel_values": images.numpy(), "input_ids": ids.numpy()})
        with torch.no_grad():
            expected_image, expected_text = F.normalize(self.model.encode_image(images)), F.normalize(self.model.encode_text(ids))
            logits = self.model.logit_scale.exp() * expected_image @ expected_text.t()
        np.testing.assert_allclose(image, expected_image, atol=1e-5)
        np.testing.assert_allclose(text, expected_text, atol=1e-5)
        np.testing.assert_allclose(per_image, logits, atol=1e-4)
        np.testing.assert_allclose(per_text, logits.t(), atol=1e-4)
        self.ok("embed", folder, "--images", self.coco, "-o", self.folder / "rows.npy")
        self.fails(2, "immich has a file for each tower", "export", self.path, "--joint", "--layout", "immich", "-o", self.folder / "j")

    def test_same_model_gives_same_bytes(self):
        first, _ = self.exported(self.path, "first")
        second, _ = self.exported(self.path, "second")
        for file in sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file() and path.name != "verification.json"):
            self.assertEqual((first / file).read_bytes(), (second / file).read_bytes(), file)

    def test_siglip(self):
        for kind in ("siglip", "gemma"):
            folder_with_tokenizer(kind, self.folder / kind, save_safetensors)
            folder, report = self.exported(self.folder / kind, f"{kind}-onnx")
            self.assertNotIn("text.context", json.dumps(report["verification"]))  # it knows the full context only
            self.ok("quantize", self.folder / kind, "--recipe", "int8-dynamic", "-o", self.folder / f"{kind}.pt")
            self.exported(self.folder / f"{kind}.pt", f"{kind}-int8")

    def test_a_tower_alone(self):
        state = {name.removeprefix("visual."): tensor for name, tensor in self.model.visual.state_dict().items()}
        save_safetensors({f"visual.{name}": tensor for name, tensor in state.items()}, self.folder / "vision.safetensors")
        options = ("--heads", "2", "--activation", "quick_gelu", "--parity", "skip")
        folder, report = self.exported(self.folder / "vision.safetensors", "vision", *options)
        self.assertEqual([graph["file"] for graph in report["verification"]["graphs"]], ["image.onnx"])
        self.assertFalse((folder / "text.onnx").exists() or (folder / "tokenizer.json").exists())
        self.ok("embed", folder, "--images", self.coco, "-o", self.folder / "rows.npy")
        self.fails(2, "has no text tower", "embed", folder, "--texts", self.coco / "captions.json", "-o", self.folder / "rows.npy")


class Folders(ExportTest):
    def test_a_wrong_runtime_is_found_out(self):
        values = {"rows + np.float32(0.5) * np.roll(rows, 1, -1)": ("image.onnx; text.onnx", "FAILED"),
                  "rows * np.float32('nan')": ("image.onnx; text.onnx", "values that aren't finite"),
                  "rows[:, :5]": ("image.onnx; text.onnx", r"shape \[7, 5\], expected \[7, 48\]"),
                  "exec('raise RuntimeError(\"no\")')": ("image.onnx: no; text.onnx: no", "FAILED"),
                  "exec('import os; os.abort()')": ("ended with exit code 134 before it had a verdict", "verified in"),
                  "[print('noise'), rows + np.float32(0.1)][1]": ("image.onnx", "FAILED")}
        for i, (value, (reason, shown)) in enumerate(values.items()):
            with self.subTest(value):
                fake = self.folder / f"fake{i}"
                fake.mkdir()
                (fake / "sitecustomize.py").write_text(WRONG_RUNTIME.replace("WRONG", value))
                folder = self.folder / f"out{i}"
                environment = os.environ | {"PYTHONPATH": str(fake)}
                process = self.fails(5, f"verification failed: .*{reason}", "export", self.path, "-o", folder, env=environment)
                self.assertRegex(process.stdout, shown)
                self.assertFalse(json.loads((folder / "clipq" / "verification.json").read_text())["passed"])
                self.assertTrue((folder / "image.onnx").exists())

    def test_modules_of_the_current_folder_are_not_run(self):
        (self.folder / "numpy.py").write_text("raise SystemExit('run')")
        self.ok("export", self.path, "-o", self.folder / "out", "--verify", "always", cwd=self.folder)
        self.ok("embed", self.folder / "out", "--images", self.coco, "-o", self.folder / "rows.npy", cwd=self.folder)

    def test_ctrl_c(self):
        slow = self.folder / "slow"
        slow.mkdir()
        (slow / "sitecustomize.py").write_text(WRONG_RUNTIME.replace("WRONG", "__import__('time').sleep(60)"))
        process = subprocess.Popen([os.environ["CLIPQ"], "export", self.path, "-o", self.folder / "out"], stderr=subprocess.PIPE, text=True,
                                   env=os.environ | {"PYTHONPATH": str(slow)})
        while "verifying" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        self.assertNotIn("Traceback", process.communicate(timeout=20)[1])
        self.assertEqual(process.returncode, 130)

    def test_without_onnx_runtime(self):
        environment = os.environ | {"CLIPQ_PYTHON": "/bin/false"}
        self.fails(3, "CLIPQ_PYTHON is /bin/false, which has no numpy and onnxruntime", "export", self.path, "-o", self.folder / "out",
                   env=environment)
        self.assertFalse((self.folder / "out").exists())
        environment = {name: value for name, value in os.environ.items() if name != "CLIPQ_PYTHON"} | {"PATH": str(self.folder)}
        self.fails(3, "no Python with numpy and onnxruntime", "export", self.path, "-o", self.folder / "out", "--verify", "always",
                   env=environment)
        report = json.loads(self.ok("export", self.path, "-o", self.folder / "out", "--json", env=environment))
        self.assertIsNone(report["verification"])
        self.assertIn("onnxruntime", report["not_verified"])
        self.fails(3, "runs in ONNX Runtime, but no Python", "embed", self.folder / "out", "--images", self.coco, "-o",
                   self.folder / "rows.npy", env=environment)

    def test_folders_of_others_stay(self):
        folder = self.folder / "mine"
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
        self.fails(3, "has files that clipq didn't export", "export", self.path, "-o", folder)
        self.assertEqual([each.name for each in folder.iterdir()], ["notes.txt"])
        self.fails(3, "none does not exist", "export", self.path, "-o", self.folder / "none" / "out")
        self.fails(3, "has files that clipq didn't export", "export", self.path, "-o", f"{folder}/")
        again, _ = self.exported(self.path, "again")
        (again / "image.onnx").write_bytes(b"old")
        self.exported(self.path, "again")
        self.assertGreater((again / "image.onnx").stat().st_size, 1000)
        self.exported(self.path, "again/")
        self.fails(3, "the current folder is in it", "export", self.path, "-o", ".", cwd=again)
        (again / "mine.txt").write_text("mine")
        self.fails(3, "mine.txt for one; they stay", "export", self.path, "-o", again)
        (again / "mine.txt").unlink()
        shutil.copy(self.path, again / "tiny.pt")
        self.fails(3, "tiny.pt lies in it", "export", again / "tiny.pt", "-o", again)
        self.assertEqual(list(self.folder.glob(".*clipq-*")), [])

    def test_a_killed_export_leaves_nothing_for_long(self):
        abandoned = self.folder / ".out.clipq-abcdef"
        abandoned.mkdir()
        (abandoned / "image.onnx").write_bytes(b"half")
        self.exported(self.path, "out")
        self.assertFalse(abandoned.exists())

    def test_full_disk(self):
        limit = f"ulimit -f 200; exec {os.environ['CLIPQ']} export {self.path} -o {self.folder / 'out'} --verify never"
        process = subprocess.run(["bash", "-c", limit], capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertFalse((self.folder / "out").exists())
        self.assertEqual(list(self.folder.glob(".*clipq-*")), [])

    def test_is_a_model_like_any_other(self):
        artifact = self.quantized("int8-smooth")
        folder, _ = self.exported(artifact, "onnx")
        cifar = write_cifar(self.folder / "cifar")
        output = self.folder / "results.json"
        self.ok("eval", artifact, folder, "--mode", "simulate", "--task", "zeroshot_classification", "--data", f"cifar100:{cifar}",
                "--no-cache", "-o", output)
        simulated, run = json.loads(output.read_text())["results"]
        self.assertEqual((run["model"]["mode"], run["model"]["recipe"]), ("onnx", "int8-smooth"))
        self.assertRegex(run["model"]["kernels"], r"ONNX Runtime \d")
        self.assertEqual(simulated["metrics"].keys(), run["metrics"].keys())
        for source in (("--images", self.coco), ("--texts", self.coco / "captions.json")):
            rows = []
            for model in (artifact, folder):
                self.ok("embed", model, *source, "-o", self.folder / "rows.npy")
                rows.append(np.load(self.folder / "rows.npy"))
            self.assertGreater(worst_cosine(*rows), 0.9995)
        self.ok("bench", folder, "--seconds", "0.2")
        self.assertIn("exported folder", self.ok("inspect", folder))
        for command in ("quantize", "export"):
            self.fails(3, "is an export, which can only embed", command, folder, "-o", self.folder / "x")

    def test_damaged(self):
        folder, _ = self.exported(self.path, "onnx")
        embed = ("embed", folder, "--images", self.coco, "-o", self.folder / "rows.npy")
        graph = (folder / "image.onnx").read_bytes()
        (folder / "image.onnx").write_bytes(graph[: len(graph) // 2])
        self.fails(3, "image.onnx: ONNX Runtime: ", *embed)
        (folder / "image.onnx").unlink()
        self.fails(3, "image.onnx", *embed)
        (folder / "image.onnx").write_bytes(graph)
        self.ok(*embed)
        description = self.description(folder)
        for change, message in (({"schema": "x"}, "schema is \"x\""), ({"graphs": []}, "no graph has the image tower"),
                                ({"config": {}}, "config|tower"), ({"graphs": 3}, "\"graphs\" is no list"), ({"graphs": [3]}, "a graph is no object"),
                                ({"logit_scale": -3}, "\"logit_scale\" is -3"),
                                ({"graphs": [description["graphs"][0] | {"file": "../onnx/image.onnx"}]}, "isn't in the folder"),
                                ({"config": description["config"] | {"embed_dim": 7}}, "its output has the shape")):
            (folder / "clipq" / "export.json").write_text(json.dumps(description | change))
            self.fails(3, message, *embed)
        (folder / "clipq" / "export.json").write_text("{")
        self.fails(3, "export.json", *embed)


class Safetensors(ExportTest):
    def test_is_the_same_model(self):
        for model in (self.path, self.quantized("int8-dynamic")):
            folder = self.folder / f"{model.stem}-safetensors"
            report = json.loads(self.ok("export", model, "--format", "safetensors", "-o", folder, "--json"))
            self.assertTrue(report["verification"]["passed"])
            rows = []
            for each in (model, folder / "model.safetensors"):
                self.ok("embed", each, "--images", self.coco, "-o", self.folder / "rows.npy")
                rows.append(np.load(self.folder / "rows.npy"))
            self.assertTrue(np.array_equal(*rows))

    def test_what_it_replaces(self):
        export = ("export", self.path, "--format", "safetensors", "-o", self.folder / "st")
        self.ok(*export)
        self.ok(*export)
        (self.folder / "hub").mkdir()
        save_safetensors(self.model.state_dict(), self.folder / "hub" / "model.safetensors")
        self.fails(3, "isn't an export of another model", "export", self.path, "--format", "safetensors", "-o", self.folder / "hub")
        exported = self.folder / "st" / "model.safetensors"
        self.fails(3, "isn't an export of another model", "export", exported, "--format", "safetensors", "-o", self.folder / "st")
        self.fails(2, "--joint is for --format onnx", *export, "--joint")

    def test_of_a_float_model_is_quantized_likewise(self):
        self.ok("export", self.path, "--format", "safetensors", "-o", self.folder / "st")
        exported = self.folder / "st" / "model.safetensors"
        self.assertIn("exported float model", self.ok("inspect", exported))
        rows = []
        for i, model in enumerate((self.path, exported)):
            self.ok("quantize", model, "-o", self.folder / f"{i}.pt")
            self.ok("embed", self.folder / f"{i}.pt", "--texts", self.coco / "captions.json", "-o", self.folder / "rows.npy")
            rows.append(np.load(self.folder / "rows.npy"))
        self.assertTrue(np.array_equal(*rows))


if __name__ == "__main__":
    unittest.main()
