"""Archives whose pickles are made by hand: none makes the reader allocate or walk without end, or fail as a defect."""
import os
import struct
import subprocess
import time
import unittest
import zipfile

import torch

from support import CLIPQ, MERGES, CliTest, TinyClip, export, pixels, tokens


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def numbers(values):
    return b"(" + b"".join(map(integer, values)) + b"t"


def tensor(sizes, strides, stored=1, storage="FloatStorage"):
    """The pickle of a tensor in the record data/0, which has `stored` numbers."""
    place = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text("0") + text("cpu") + integer(stored) + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + integer(0) + numbers(sizes) + numbers(strides) + b"\x89}tR"


def module(items):
    return b"c__torch__\nM\n)\x81}(" + b"".join(text(name) + value for name, value in items) + b"ub"


class Crafted(CliTest):
    def write(self, root, record=struct.pack("<f", 1.0), method=zipfile.ZIP_STORED):
        path = self.folder / "crafted.pt"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a/data.pkl", b"\x80\x02" + root + b".")
            archive.writestr("a/constants.pkl", b"\x80\x02).")
            archive.writestr("a/data/0", record)
        return path

    def refused(self, message, path):
        """Within 20 seconds and with no more than what the program itself takes, about 0.3 GiB."""
        started = time.monotonic()
        process = subprocess.Popen([CLIPQ, "inspect", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        log = process.stderr.read()
        _, status, usage = resource_of(process)
        self.assertEqual(status, 3, log)
        self.assertRegex(log, message)
        self.assertNotIn("internal error", log)
        self.assertLess(time.monotonic() - started, 20)
        self.assertLess(usage.ru_maxrss / 2**20, 1.0)

    def test_a_stride_of_zero(self):
        for sizes in ([1 << 23, 64], [2**62, 4], [1] * 30):
            self.refused('tensor "w" .*again', self.write(module([("w", tensor(sizes, [0] * len(sizes)))])))

    def test_many_tensors_of_one_storage(self):
        stored = 1 << 20
        items = [(f"t{i:02}", tensor([stored], [1], stored)) for i in range(40)]
        self.refused('tensor "t18" shares its storage with too many', self.write(module(items), bytes(4 * stored)))

    def test_types_that_no_clip_has(self):
        for storage in ("Bits8Storage", "QInt8Storage", "ComplexFloatStorage", "NoStorage"):
            self.refused('tensor "w" is of type torch ' + storage, self.write(module([("w", tensor([1], [1], storage=storage))])))

    def test_one_module_under_many_names(self):
        shared = module([(f"t{i}", tensor([1], [1])) for i in range(1000)]) + b"r" + struct.pack("<I", 7)
        names = [("m", shared)] + [(f"m{i}", b"j" + struct.pack("<I", 7)) for i in range(20000)]
        self.refused("nested without end", self.write(module(names)))

    def test_a_module_in_itself(self):
        root = b"c__torch__\nM\n)\x81q\x05}(" + text("self") + b"h\x05ub"
        self.refused("nested without end", self.write(root))

    def test_long_names_many_times(self):
        name = text("a" * 200000) + b"q\x00"
        self.refused("a name that is too long", self.write(name + b"h\x00h\x00\x93" * 4000))

    def test_a_pickle_that_inflates(self):
        self.refused("(claims|it has) .*bytes", self.write(b"N" * (80 << 20), method=zipfile.ZIP_DEFLATED))

    def test_deep_tuples(self):
        self.refused("holds no module", self.write(b"N" + b"\x85" * 1000000))

    def test_many_values_of_a_byte_each(self):
        for opcode in (b"N", b"]", b"("):
            self.refused("too many values", self.write(b"N" + opcode * (60 << 20), method=zipfile.ZIP_DEFLATED))

    def test_a_long_list_as_the_size_of_many_tensors(self):
        sizes = b"]q\x01(" + b"K\x01" * 500_000 + b"e"
        shared = tensor([1], [1]).replace(numbers([1]), b"h\x01")
        self.refused('tensor "t0" has a description', self.write(
            b"c__torch__\nM\n)\x81}(" + text("list") + sizes
            + b"".join(text(f"t{i}") + shared for i in range(50_000)) + b"ub"))

    def test_code_that_is_slow_to_read(self):
        """Calls in calls without an end, and a number of a million digits: the settings are read in one pass."""
        export(TinyClip(), self.folder / "whole.pt", {"clipq_checkpoint.json": '{"activation": "quick_gelu", "vision_heads": 2, "text_heads": 1}'})
        for code in ("torch.gelu(" * 200_000, "torch.layer_norm(a, b, c, d, " * 100_000 + "1e-3" + ")" * 100_000, "1.70" + "0" * 4_000_000,
                     "CONSTANTS.c" * 200_000, "CONSTANTS.c" + "1" * 2_000_000, "torch.sigmoid(x)\n" + "torch.view(x, [" + "1, " * 1_000_000 + "])"):
            path = self.folder / "slow.pt"
            with zipfile.ZipFile(self.folder / "whole.pt") as source, zipfile.ZipFile(path, "w") as target:
                for name in source.namelist():
                    target.writestr(name, source.read(name) + (f"    {code}\n".encode() if name.endswith(".py") else b""))
            started = time.monotonic()
            self.ok("inspect", path, "--parity", "skip")
            self.assertLess(time.monotonic() - started, 20)

    def test_a_vocabulary_of_three(self):
        torch.manual_seed(0)
        clip = TinyClip()
        clip.token_embedding = torch.nn.Embedding(3, 64)
        path = self.folder / "three.pt"
        with torch.no_grad():
            traced = torch.jit.trace_module(clip.eval(), {"encode_image": (pixels(2),), "encode_text": (tokens(2) % 3,)},
                                            check_trace=False)
        torch.jit.save(traced, str(path), _extra_files={"bpe_vocab": MERGES})
        self.refused("a vocabulary of 3", path)

    def test_code_that_gives_one_row_is_run_row_by_row(self):
        class OneRow(TinyClip):
            def encode_image(self, image):
                return super().encode_image(image)[:1]

            def encode_text(self, text):
                return super().encode_text(text)[:1]

        torch.manual_seed(0)
        export(OneRow(), self.folder / "row.pt")
        self.ok("inspect", self.folder / "row.pt")

    def test_settings_that_leave_a_small_difference_are_taken(self):
        class Shifted(TinyClip):
            def encode_image(self, image):
                return super().encode_image(image) + 1e-4

        torch.manual_seed(0)
        clip = Shifted(width=320)
        for block in clip.visual.transformer.resblocks:
            block.attn.heads = 10
        export(clip, self.folder / "shifted.pt")
        log = self.warns("image tower: heads: 10 fits, 5 was assumed", self.folder / "shifted.pt")
        self.assertIn("the difference is small", log)

    def warns(self, message, path):
        process = subprocess.run([CLIPQ, "inspect", str(path)], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertRegex(process.stderr, message)
        return process.stderr


def resource_of(process):
    """Waits for a child; its exit code and what it used."""
    pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return pid, process.returncode, usage


if __name__ == "__main__":
    unittest.main()
