#!/usr/bin/env python3
"""Runs the ONNX files of this folder on its sample inputs and compares the embeddings with clipq's own.

    python verify.py [FOLDER] [--against FOLDER] [--openvino] [--threads N] [--json]

Needs numpy and onnxruntime (with --openvino, openvino instead). Sessions have default options; of an export for TensorRT, ONNX
Runtime's optimizations are off, because it fuses products of FP8 into integer ones. Exits with 1 if a check fails, 2 if the
arguments are wrong, 3 if a package or file is missing.
"""
import argparse
import json
import os
import pathlib
import sys
import time


def stop(message):
    print(f"verify.py: {message}", file=sys.stderr)
    sys.exit(3)


try:
    import numpy as np
except ImportError:
    stop("numpy is missing; pip install numpy onnxruntime")

LARGEST_LOGIT_DIFFERENCE = 1e-2
SECONDS = 1.0  # of timing for each file


class OnnxRuntime:
    """A file in ONNX Runtime, with default options but for the number of threads, if that is given."""

    name = "onnxruntime"

    def __init__(self, file, threads, optimized):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if threads:
            options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(self, feeds):
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, feeds)))

    @staticmethod
    def version():
        import onnxruntime

        return onnxruntime.__version__


class OpenVino:
    """A file in OpenVINO on the CPU, in float32 where nothing is quantized."""

    name = "openvino"

    def __init__(self, file, threads, optimized):
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self.model = openvino.Core().compile_model(str(file), "CPU", settings)

    def run(self, feeds):
        results = self.model(feeds)
        return {output.get_any_name(): results[output] for output in self.model.outputs}

    @staticmethod
    def version():
        import openvino

        return openvino.__version__


def cosines(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def unit_rows(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


class Folder:
    """An exported folder: its description and sample inputs."""

    def __init__(self, path):
        self.path = path
        self.description = json.loads((path / "clipq" / "export.json").read_text(encoding="utf-8"))
        self.checks = self.description["checks"]
        self.graphs = self.description["graphs"]
        self.optimized = self.description["target"] != "tensorrt"

    def run_by(self, runtime_type, graph, threads):
        file = pathlib.PurePath(graph["file"])
        if file.is_absolute() or ".." in file.parts:
            stop(f"{self.path}: {file} isn't in the folder")
        return runtime_type(self.path / file, threads, self.optimized)

    def sample(self, name):
        return np.load(self.path / "clipq" / f"{name}.npy")

    def inputs_of(self, graph):
        feeds = {}
        for tower, name in graph["inputs"].items():
            if tower == "image":
                feeds[name] = self.sample("pixel_values")
            else:
                feeds[name] = self.sample("input_ids").astype(graph["token_type"])
        return feeds


def compare(got, expected, least_cosine):
    if got.shape != expected.shape:
        return {"error": f"shape {list(got.shape)}, expected {list(expected.shape)}", "passed": False}
    if not np.isfinite(got).all():
        return {"error": "values that aren't finite", "passed": False}
    cosine = float(cosines(got, expected).min())
    if not np.isfinite(cosine):
        return {"error": "embeddings of length 0", "passed": False}
    return {
        "least_cosine": cosine,
        "largest_difference": float(np.abs(got - expected).max()),
        "passed": cosine >= least_cosine,
    }


def alone(runtime, feeds, output, index):
    return runtime.run({name: value[index : index + 1] for name, value in feeds.items()})[output][0]


def check_batches(runtime, feeds, output, together, least_cosine):
    rows = np.stack([alone(runtime, feeds, output, i) for i in range(len(together))])
    return compare(rows, together, least_cosine)


def check_tower(folder, graph, runtime, feeds, results, tower):
    output = graph["outputs"][tower]
    got = results[output]
    expected = folder.sample(output_of(tower))
    least = folder.checks["least_cosine"]
    checks = {"embeddings": compare(got, expected, least)}
    if folder.checks["items_are_independent"]:
        checks["batch_of_1"] = check_batches(runtime, feeds, output, got, least)
    if tower == "text" and folder.checks["texts_may_be_cut"] and folder.checks["items_are_independent"]:
        name = graph["inputs"]["text"]
        length = int(folder.sample("lengths")[:3].max())
        cut = dict(feeds, **{name: feeds[name][:3, :length]})
        checks[f"context_of_{length}"] = compare(runtime.run(cut)[output], expected[:3], least)
    return checks


def output_of(tower):
    return f"{tower}_embeds"


def check_logits(folder, graph, results):
    images, texts = (unit_rows(results[graph["outputs"][tower]].astype(np.float64)) for tower in ("image", "text"))
    expected = folder.description["logit_scale"] * images @ texts.T
    difference = max(float(np.abs(results["logits_per_image"] - expected).max()),
                     float(np.abs(results["logits_per_text"] - expected.T).max()))
    return {"largest_difference": difference, "passed": difference <= LARGEST_LOGIT_DIFFERENCE}


def first_of(feeds):
    return {name: value[:1] for name, value in feeds.items()}


def times(runs):
    """Median milliseconds of each of some callables, called in turn."""
    taken = [[] for _ in runs]
    for run in runs:
        run()
    end = time.perf_counter() + SECONDS * len(runs)
    while time.perf_counter() < end or len(taken[0]) < 5:
        for run, each in zip(runs, taken):
            start = time.perf_counter()
            run()
            each.append(1000 * (time.perf_counter() - start))
    return [float(np.median(each)) for each in taken]


def same_graph(other, graph):
    for each in other.graphs:
        if sorted(each["outputs"]) == sorted(graph["outputs"]):
            return each
    stop(f"{other.path} has no graph with the towers of {graph['file']}")


def verify_graph(folder, other, graph, runtime_type, threads):
    verdict = {"file": graph["file"]}
    try:
        runtime = folder.run_by(runtime_type, graph, threads)
        feeds = folder.inputs_of(graph)
        results = runtime.run(feeds)
        checks = {}
        for tower in graph["outputs"]:
            for name, check in check_tower(folder, graph, runtime, feeds, results, tower).items():
                checks[f"{tower}.{name}"] = check
        if "logits_per_image" in results:
            checks["logits"] = check_logits(folder, graph, results)
        verdict["checks"] = checks
        verdict["passed"] = all(check["passed"] for check in checks.values())
    except Exception as failure:  # a file that doesn't load or run: whatever the runtime throws
        verdict["error"] = str(failure)
        verdict["passed"] = False
        return verdict
    runs = [lambda: runtime.run(first_of(feeds))]
    if other:
        other_graph = same_graph(other, graph)
        other_runtime = other.run_by(runtime_type, other_graph, threads)
        other_feeds = other.inputs_of(other_graph)
        runs.append(lambda: other_runtime.run(first_of(other_feeds)))
    measured = times(runs)
    verdict["milliseconds"] = measured[0]
    if other:
        verdict["milliseconds_against"] = measured[1]
        verdict["speedup"] = measured[1] / measured[0]
    return verdict


def lines_of(verdict):
    mark = "passed" if verdict["passed"] else "FAILED"
    if "milliseconds" not in verdict:
        return [f"{verdict['file']}: {mark}: {verdict['error']}"]
    time_text = f"{verdict['milliseconds']:.1f} ms a single input"
    if "speedup" in verdict:
        time_text += f", {verdict['milliseconds_against']:.1f} ms for the other: {verdict['speedup']:.2f} times as fast"
    lines = [f"{verdict['file']}: {mark}, {time_text}"]
    for name, check in verdict["checks"].items():
        parts = [f"{key.replace('_', ' ')} {value:.6g}" for key, value in check.items() if isinstance(value, float)]
        parts += [check["error"]] if "error" in check else []
        lines.append(f"  {name.replace('_', ' ')}: {', '.join(parts)}{'' if check['passed'] else '  FAILED'}")
    return lines


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent if "__file__" in globals() else None,
                        help="exported folder (default: the one this script is in)")
    parser.add_argument("--against", type=pathlib.Path, help="exported folder, of the float model, to compare times with")
    parser.add_argument("--openvino", action="store_true", help="run in OpenVINO")
    parser.add_argument("--threads", type=int, default=0, help="compute threads (default: the runtime's)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def open_folder(path):
    try:
        return Folder(path)
    except (OSError, ValueError, KeyError, TypeError) as failure:
        stop(f"{path} is no folder exported by clipq: {failure!r}")


def own_output():
    """Standard output for the document alone: what libraries print goes to standard error."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


def main():
    arguments = parse_arguments()
    output = own_output() if arguments.json else sys.stdout
    runtime_type = OpenVino if arguments.openvino else OnnxRuntime
    try:
        version = runtime_type.version()
    except ImportError as failure:
        stop(f"{failure}; pip install {runtime_type.name}")
    folder = open_folder(arguments.folder)
    other = open_folder(arguments.against) if arguments.against else None
    graphs = [verify_graph(folder, other, graph, runtime_type, arguments.threads) for graph in folder.graphs]
    verdict = {
        "runtime": f"{runtime_type.name} {version}",
        "least_cosine": folder.checks["least_cosine"],
        "graphs": graphs,
        "passed": all(graph["passed"] for graph in graphs),
    }
    if arguments.json:
        print(json.dumps(verdict, indent=2, allow_nan=False), file=output, flush=True)
    else:
        print(f"{verdict['runtime']}; embeddings compared with clipq's: a cosine of {verdict['least_cosine']:.6g} is needed")
        print("\n".join(line for graph in graphs for line in lines_of(graph)))
    sys.exit(0 if verdict["passed"] else 1)


if __name__ == "__main__":
    main()
