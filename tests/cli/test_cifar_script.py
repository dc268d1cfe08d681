"""scripts/cifar_to_binary.py on made-up data sets in the layout of the real ones."""
import io
import pathlib
import pickle
import subprocess
import sys
import tarfile
import tempfile
import unittest

import numpy as np

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "cifar_to_binary.py"


class Recorder:
    """Pickles to a call of os.system that leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return __import__("os").system, (f"touch {self.trace}",)


def python2_pickle(value):
    """What Python 2 wrote: bytes as strings of protocol 2, arrays by numpy.core.multiarray."""
    if isinstance(value, dict):
        return b"}(" + b"".join(python2_pickle(k) + python2_pickle(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python2_pickle, value)) + b"e"
    if isinstance(value, bytes):
        return b"T" + len(value).to_bytes(4, "little") + value
    if isinstance(value, int):
        return b"K" + bytes([value])
    rows, columns = value.shape
    shape = b"K" + bytes([rows]) + b"M" + columns.to_bytes(2, "little") + b"\x86"
    data_type = b"cnumpy\ndtype\n" + b"U\x02u1K\x00K\x01\x87R" + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R" +
            b"(K\x01" + shape + data_type + b"\x89" + python2_pickle(value.tobytes()) + b"tb")


def dump_python2(value):
    return b"\x80\x02" + python2_pickle(value) + b"."


def dump_python3(value):
    return pickle.dumps(value, protocol=2)


def pictures(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)


def cifar100(dump=dump_python2):
    """Files by name, and the expected .bin files."""
    files, expected = {}, {}
    for seed, name in enumerate(("train", "test")):
        data, fine, coarse = pictures(4 + seed, seed), [7, 99, 0, 42, 5][: 4 + seed], [1, 19, 0, 3, 2][: 4 + seed]
        files[name] = dump({b"data": data, b"fine_labels": fine, b"coarse_labels": coarse, b"filenames": [b"a.png"] * len(fine),
                            b"batch_label": b"training batch 1 of 1"})
        expected[f"{name}.bin"] = b"".join(bytes([c, f]) + row.tobytes() for c, f, row in zip(coarse, fine, data))
    files["meta"] = dump({b"fine_label_names": [b"fine_%d" % i for i in range(100)],
                          b"coarse_label_names": [b"coarse_%d" % i for i in range(20)]})
    return files, expected


def cifar10(dump=dump_python2):
    files, expected = {}, {}
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        data, labels = pictures(3, seed), [9, seed, 0]
        files[name] = dump({b"data": data, b"labels": labels, b"batch_label": b"", b"filenames": [b"a.png"] * 3})
        expected[f"{name}.bin"] = b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, data))
    files["batches.meta"] = dump({b"label_names": [b"class_%d" % i for i in range(10)], b"num_cases_per_batch": 3, b"num_vis": 200})
    return files, expected


class CifarScript(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.source, self.target = self.folder / "source", self.folder / "out" / "binary"

    def write(self, files):
        self.source.mkdir(exist_ok=True)
        for name, content in files.items():
            (self.source / name).write_bytes(content)

    def run_script(self, source=None):
        command = [sys.executable, SCRIPT, source or self.source, self.target]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def converts(self, expected, source=None):
        process = self.run_script(source)
        self.assertEqual(process.returncode, 0, process.stderr)
        for name, content in expected.items():
            self.assertEqual((self.target / name).read_bytes(), content, name)
        self.assertFalse([path for path in self.target.iterdir() if path.name.startswith(".")])
        return process.stdout

    def fails(self, message, source=None):
        process = self.run_script(source)
        self.assertEqual(process.returncode, 1, process.stdout + process.stderr)
        self.assertRegex(process.stderr, "^error: .*" + message)
        self.assertNotIn("Traceback", process.stderr)

    def test_cifar100(self):
        for dump in (dump_python2, dump_python3):
            with self.subTest(dump=dump.__name__):
                files, expected = cifar100(dump)
                self.write(files)
                self.assertIn("cifar100:", self.converts(expected))
                names = (self.target / "fine_label_names.txt").read_text().splitlines()
                self.assertEqual(names, [f"fine_{i}" for i in range(100)])
                names = (self.target / "coarse_label_names.txt").read_text().splitlines()
                self.assertEqual(names, [f"coarse_{i}" for i in range(20)])

    def test_cifar10(self):
        for dump in (dump_python2, dump_python3):
            with self.subTest(dump=dump.__name__):
                files, expected = cifar10(dump)
                self.write(files)
                self.assertIn("cifar10:", self.converts(expected))
                self.assertEqual((self.target / "batches.meta.txt").read_text(), "".join(f"class_{i}\n" for i in range(10)))

    def test_archive(self):
        files, expected = cifar100()
        archive = self.folder / "cifar-100-python.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(f"cifar-100-python/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        self.converts(expected, archive)
        archive.write_bytes(archive.read_bytes()[:2000])
        self.fails("tar.gz", archive)

    def test_refuses_code(self):
        trace = self.folder / "trace"
        for protocol in (0, 2, 4):
            files, _ = cifar100()
            files["train"] = pickle.dumps({b"data": Recorder(trace)}, protocol=protocol)
            self.write(files)
            self.fails("train cannot be read: it refers to (posix|os).system")
            self.assertFalse(trace.exists())

    def test_refuses_arrays_of_objects(self):
        files, _ = cifar100()
        files["train"] = pickle.dumps({b"data": np.array([{}, []], dtype=object)}, protocol=2)
        self.write(files)
        self.fails("train cannot be read: an array of 'O8', expected bytes")

    def test_missing_and_damaged_files(self):
        self.fails("does not exist")
        self.source.mkdir()
        self.fails("has neither train nor data_batch_1")
        files, _ = cifar100()
        for name in ("meta", "test"):
            self.write(files)
            (self.source / name).unlink()
            self.fails(f"{name} is missing")
            self.write(files)
            (self.source / name).write_bytes(files[name][:-200])
            self.fails(f"{name} cannot be read")
        self.assertFalse((self.target / "test.bin").exists())

    def test_wrong_content(self):
        data = pictures(2, 0)
        good = {b"data": data, b"fine_labels": [1, 2], b"coarse_labels": [1, 2]}
        for change, message in (({b"data": data[:, :3000]}, r"'data' is uint8 \[2, 3000\], expected uint8"),
                                ({b"data": [1]}, "'data' is list"),
                                ({b"fine_labels": [1]}, "'fine_labels' doesn't have one label for each of 2 images"),
                                ({b"fine_labels": [1, 100]}, "'fine_labels' of image 1 is 100, expected 0 to 99"),
                                ({b"coarse_labels": [20, 1]}, "'coarse_labels' of image 0 is 20")):
            files, _ = cifar100()
            files["train"] = dump_python3({**good, **change})
            self.write(files)
            self.fails(message)
        files, _ = cifar100()
        files["train"] = dump_python2({b"data": data})
        self.write(files)
        self.fails("has no 'coarse_labels', only 'data'")
        files["train"] = pickle.dumps([1, 2], protocol=2)
        self.write(files)
        self.fails("train holds list, expected a dictionary")


if __name__ == "__main__":
    unittest.main()
