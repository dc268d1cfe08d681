"""Embeds for clipq: python serve.py FILE INPUT OUTPUT THREADS OPTIMIZED(0|1). Reads requests "SHAPE…\n" and float32 or int64 values, answers
"SHAPE…\n" and float32 values, or "error REASON\n". The first answer, "ready VERSION\n", says that the file is loaded."""
import os
import sys

import numpy as np
import onnxruntime

OUTPUT = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what libraries print is no answer

TYPES = {"tensor(float)": (np.float32, np.float32), "tensor(int64)": (np.int64, np.int64), "tensor(int32)": (np.int64, np.int32)}


def answer(text):
    OUTPUT.write((" ".join(str(text).split()) + "\n").encode())


def other_input(description):
    """Something for the other tower of a graph with both."""
    shape = [size if isinstance(size, int) else 1 for size in description.shape]
    return np.zeros(shape, TYPES[description.type][1])


def main():
    file, input_name, output_name, threads, optimized = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    if optimized == "0":
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        sent, taken = TYPES[next(each.type for each in session.get_inputs() if each.name == input_name)]
    except Exception as failure:
        answer(f"error {failure}")
        OUTPUT.flush()
        return
    others = {each.name: other_input(each) for each in session.get_inputs() if each.name != input_name}
    answer(f"ready {onnxruntime.__version__}")
    OUTPUT.flush()
    while line := sys.stdin.buffer.readline():
        shape = [int(size) for size in line.split()]
        data = sys.stdin.buffer.read(int(np.prod(shape)) * np.dtype(sent).itemsize)
        try:
            values = np.frombuffer(data, sent).reshape(shape).astype(taken)
            (rows,) = session.run([output_name], {input_name: values, **others})
            rows = np.ascontiguousarray(rows, np.float32)
            answer(" ".join(str(size) for size in rows.shape))
            OUTPUT.write(rows.tobytes())
        except Exception as failure:
            answer(f"error {failure}")
        OUTPUT.flush()


main()
