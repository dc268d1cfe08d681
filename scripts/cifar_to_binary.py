#!/usr/bin/env python3
"""Converts the Python version of CIFAR-10 or CIFAR-100 (which torchvision downloads) to the binary version, which clipq
reads. SOURCE is the folder cifar-100-python or cifar-10-batches-py, or its .tar.gz; the .bin files and the lists of class
names are written to TARGET. The pickles are untrusted: only plain containers, text, numbers and arrays are read."""
import argparse
import io
import os
import pathlib
import pickle
import sys
import tarfile
import tempfile

import numpy as np

PIXELS = 3072  # the red plane, the green and the blue, 32 x 32 each, as in the binary version
MAXIMUM_BYTES = 1 << 30  # of one member; the largest real one has 155 MB
MARKERS = {"cifar100": "train", "cifar10": "data_batch_1"}  # a file that tells which of the two it is
IMAGES = {"cifar100": {"train": "train.bin", "test": "test.bin"},
          "cifar10": {f"{name}": f"{name}.bin" for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]}}
LABELS = {"cifar100": {"coarse_labels": 20, "fine_labels": 100}, "cifar10": {"labels": 10}}  # in the order of a record
META = {"cifar100": "meta", "cifar10": "batches.meta"}
NAMES = {"cifar100": {"fine_label_names": ("fine_label_names.txt", 100), "coarse_label_names": ("coarse_label_names.txt", 20)},
         "cifar10": {"label_names": ("batches.meta.txt", 10)}}


class Damaged(Exception):
    """The input is invalid; the message says why."""


class PickledType:
    """Stands for numpy.dtype, whose own __setstate__ is not made for hostile input."""

    def __init__(self, name, *_):
        if name not in (b"u1", "u1"):
            raise pickle.UnpicklingError(f"an array of {name!r}, expected bytes (u1)")

    def __setstate__(self, state):
        pass  # byte order, which bytes don't have


class PickledArray:
    """Stands for numpy.ndarray likewise."""

    def __setstate__(self, state):
        _, shape, kind, by_columns, content = state
        if not isinstance(kind, PickledType) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array in an unknown form")
        self.array = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")


def empty_array(kind, *_):
    """numpy's pickles begin with an empty array that __setstate__ fills."""
    if kind is not PickledArray:
        raise pickle.UnpicklingError("an array in an unknown form")
    return PickledArray()


def empty_bytes():
    return b""


def encoded(text, encoding):
    """Python 3 writes bytes this way in protocol 2."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"bytes as {encoding!r}")
    return text.encode("latin1") if isinstance(text, str) else text


class PlainUnpickler(pickle.Unpickler):
    """Knows the names that arrays, bytes and empty bytes are pickled with, and no other."""

    ALLOWED = {("numpy", "ndarray"): PickledArray, ("numpy", "dtype"): PickledType, ("_codecs", "encode"): encoded,
               ("numpy.core.multiarray", "_reconstruct"): empty_array, ("numpy._core.multiarray", "_reconstruct"): empty_array,
               ("__builtin__", "bytes"): empty_bytes, ("builtins", "bytes"): empty_bytes}

    def find_class(self, module, name):
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which no data set needs") from None

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it refers to objects outside itself")


class Folder:
    def __init__(self, path):
        self.path = path

    def has(self, name):
        return (self.path / name).is_file()

    def read(self, name):
        return (self.path / name).read_bytes()


class Archive:
    """The files of a .tar.gz by their last name; nothing is unpacked to disk."""

    def __init__(self, path):
        self.path = path
        with tarfile.open(path) as archive:
            self.members = {pathlib.PurePosixPath(m.name).name: m.name for m in archive.getmembers() if m.isfile()}

    def has(self, name):
        return name in self.members

    def read(self, name):
        with tarfile.open(self.path) as archive:
            member = archive.getmember(self.members[name])
            if member.size > MAXIMUM_BYTES:
                raise Damaged(f"{self.path}: {member.name} has {member.size} bytes, expected at most {MAXIMUM_BYTES}")
            return archive.extractfile(member).read()


def open_source(path):
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise Damaged(f"{path} does not exist; expected the folder cifar-100-python or cifar-10-batches-py, or its .tar.gz")
    try:
        return Archive(path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Damaged(f"{path} is not a complete .tar.gz ({error}); download it again") from error


def kind_of(source):
    for kind, marker in MARKERS.items():
        if source.has(marker):
            return kind
    raise Damaged(f"{source.path} has neither {' nor '.join(MARKERS.values())}; "
                  "expected the folder cifar-100-python or cifar-10-batches-py, or its .tar.gz")


def read_pickle(source, name):
    """The dictionary in a file; its keys as text, whether Python 2 or 3 wrote them."""
    where = f"{source.path}/{name}"
    if not source.has(name):
        raise Damaged(f"{where} is missing; download the data set again")
    try:
        content = PlainUnpickler(io.BytesIO(source.read(name)), encoding="bytes").load()
    except Damaged:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise Damaged(f"{where} cannot be read: {error or type(error).__name__}; download the data set again") from error
    if not isinstance(content, dict):
        raise Damaged(f"{where} holds {type(content).__name__}, expected a dictionary")
    return {key.decode("latin1") if isinstance(key, bytes) else key: getattr(value, "array", value)
            for key, value in content.items()}


def value_of(content, key, where):
    if key not in content:
        raise Damaged(f"{where} has no {key!r}, only {', '.join(map(repr, content))}")
    return content[key]


def labels_of(content, key, classes, count, where):
    labels = value_of(content, key, where)
    if not isinstance(labels, (list, np.ndarray)) or len(labels) != count:
        raise Damaged(f"{where}: {key!r} doesn't have one label for each of {count} images")
    for i, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or not 0 <= label < classes:
            raise Damaged(f"{where}: {key!r} of image {i} is {label!r}, expected 0 to {classes - 1}")
    return np.asarray(labels, np.uint8)


def records(content, kind, where):
    """The binary version's records: labels, then the planes."""
    pixels = value_of(content, "data", where)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != PIXELS or not len(pixels):
        got = f"{pixels.dtype} {list(pixels.shape)}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise Damaged(f"{where}: 'data' is {got}, expected uint8 [images, {PIXELS}]")
    labels = [labels_of(content, key, classes, len(pixels), where) for key, classes in LABELS[kind].items()]
    return np.concatenate([np.stack(labels, 1), pixels], 1).tobytes()


def name_list(content, key, count, where):
    names = value_of(content, key, where)
    if not isinstance(names, list) or len(names) != count:
        raise Damaged(f"{where}: {key!r} is not a list of {count} names")
    texts = [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names]
    for text in texts:
        if not isinstance(text, str) or not text or "\n" in text:
            raise Damaged(f"{where}: {key!r} contains the invalid name {text!r}")
    return "".join(f"{text}\n" for text in texts).encode()


def write(target, content):
    """Writes under a temporary name first, so that no partial file is left under the final one."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def convert(source, target):
    kind = kind_of(source)
    meta = read_pickle(source, META[kind])
    target.mkdir(parents=True, exist_ok=True)
    for name, file in IMAGES[kind].items():
        write(target / file, records(read_pickle(source, name), kind, f"{source.path}/{name}"))
    for key, (file, count) in NAMES[kind].items():
        write(target / file, name_list(meta, key, count, f"{source.path}/{META[kind]}"))
    return kind


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path, metavar="SOURCE")
    parser.add_argument("target", type=pathlib.Path, metavar="TARGET")
    arguments = parser.parse_args()
    try:
        kind = convert(open_source(arguments.source), arguments.target)
    except (Damaged, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.target}: use it as {kind}:{arguments.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
