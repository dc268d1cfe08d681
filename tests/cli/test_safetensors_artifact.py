"""Artifacts as safetensors: the same model as in the TorchScript archive, readable by anybody."""
import json
import struct
import unittest

import numpy as np
import torch

from support import CliTest, write_coco

DTYPES = {"I8": torch.int8, "U8": torch.uint8, "F32": torch.float32, "F16": torch.float16, "F8_E4M3": torch.float8_e4m3fn,
          "F8_E5M2": torch.float8_e5m2}


def read(path):
    """The metadata and the tensors, by the format's description."""
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header, data = json.loads(data[8:8 + length]), data[8 + length:]
    metadata, tensors = header.pop("__metadata__"), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert begin % torch.empty(0, dtype=DTYPES[entry["dtype"]]).element_size() == 0, f"{name} isn't aligned"
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=DTYPES[entry["dtype"]]).view(entry["shape"])
    assert length % 8 == 0
    return metadata, tensors


class SafetensorsArtifact(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.coco = write_coco(self.folder / "coco")
        (self.folder / "texts.txt").write_text("red\nblue\n")

    def quantized(self, recipe, ending):
        target = self.folder / f"{recipe}.{ending}"
        self.ok("quantize", self.path, "--recipe", recipe, "--calib-data", f"coco:{self.coco}", "--calib-captions",
                self.coco / "captions.json", "-o", target)
        return target

    def embedded(self, artifact):
        rows = []
        for source in (("--images", self.coco), ("--texts", self.folder / "texts.txt")):
            self.ok("embed", artifact, *source, "-o", self.folder / "rows.npy")
            rows.append(np.load(self.folder / "rows.npy"))
        return np.concatenate(rows)

    def test_is_the_same_model(self):
        for recipe in ("int8-dynamic", "fp8-max", "int4-weight-only"):
            archive, file = self.quantized(recipe, "pt"), self.quantized(recipe, "safetensors")
            self.assertTrue(np.array_equal(self.embedded(archive), self.embedded(file)), recipe)
            metadata, tensors = read(file)
            self.assertEqual(json.loads(metadata["clipq.json"])["recipe"]["name"], recipe)
            buffers = dict(torch.jit.load(archive).named_buffers())
            self.assertEqual(set(buffers), set(tensors))
            for name, tensor in tensors.items():
                self.assertTrue(torch.equal(tensor.view(torch.uint8) if tensor.dim() else tensor,
                                            buffers[name].view(torch.uint8) if tensor.dim() else buffers[name]), name)
            self.assertLess(file.stat().st_size, archive.stat().st_size)

    def test_commands_take_it(self):
        file = self.quantized("int8-dynamic", "safetensors")
        self.assertIn("clipq artifact", self.ok("inspect", file))
        results = json.loads(self.ok("eval", self.path, file, "--task", "drift", "--data", f"coco:{self.coco}", "--captions",
                                     self.coco / "captions.json", "--json"))["results"]
        self.assertGreater(results[1]["metrics"]["image_cosine_mean"], 0.99)
        self.fails(3, "already quantized", "quantize", file, "-o", self.folder / "again.pt")
        dry = json.loads(self.ok("quantize", self.path, "--dry-run", "-o", self.folder / "dry.safetensors", "--json"))
        self.ok("quantize", self.path, "-o", self.folder / "wet.safetensors")
        self.assertAlmostEqual(dry["size_bytes"] / (self.folder / "wet.safetensors").stat().st_size, 1, delta=0.01)

    def test_damage_is_found(self):
        file = self.quantized("int8-dynamic", "safetensors")
        data = bytearray(file.read_bytes())
        data[-9] ^= 1
        file.write_bytes(data)
        self.fails(3, "its tensors aren't those that clipq wrote", "inspect", file)
        data[-9] ^= 1
        at = data.index(b'recipe') + 20
        data[at] ^= 1
        file.write_bytes(data)
        self.fails(3, "manifest was changed|header|quantize the checkpoint again", "inspect", file)
        file.write_bytes(data[:-100])
        self.fails(3, "copy or download the file again", "inspect", file)


if __name__ == "__main__":
    unittest.main()
