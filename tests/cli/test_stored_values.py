"""Artifacts whose stored values can't be what a quantizer made, and models whose embeddings are no numbers."""
import json
import unittest
import zipfile

import numpy as np
import torch

from support import CliTest, write_cifar, write_coco

LAYER = "visual.transformer.resblocks.1.mlp.c_fc"


class StoredValues(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.coco = write_coco(self.folder / "coco")
        (self.folder / "texts.txt").write_text("red\nblue\n")
        self.changed_file = self.folder / "changed.pt"

    def artifact(self, recipe, *options):
        output = self.folder / f"{recipe}.pt"
        self.ok("quantize", self.path, "--recipe", recipe, "--calib-data", f"coco:{self.coco}", "--calib-captions",
                self.coco / "captions.json", "-o", output, *options)
        return output

    def change(self, artifact, tensor, change, manifest=lambda document: None):
        """Writes the artifact with one tensor changed in its place."""
        extra = {"clipq.json": "", "bpe_vocab": ""}
        module = torch.jit.load(str(artifact), _extra_files=extra)
        if tensor:
            change(module.state_dict()[tensor])
        document = json.loads(extra["clipq.json"])
        for digest in ("tensors_sha256", "manifest_sha256"):  # artifacts of clipq 0.1 have none
            document.pop(digest)
        manifest(document)
        torch.jit.save(module, str(self.changed_file), _extra_files={**extra, "clipq.json": json.dumps(document)})

    def refused(self, message):
        self.fails(3, "changed.pt: " + message, "embed", self.changed_file, "--texts", self.folder / "texts.txt", "-o",
                   self.folder / "e.npy")
        self.assertFalse((self.folder / "e.npy").exists())

    def test_flipped_bits_of_records(self):
        """In a checkpoint and in an artifact: LibTorch's own reader doesn't check CRCs."""
        for path in (self.path, self.artifact("int8-dynamic")):
            whole = bytearray(path.read_bytes())
            with zipfile.ZipFile(path) as archive:
                records = [item for item in archive.infolist() if "/data/" in item.filename and item.file_size > 1000]
            for item in records[:: max(1, len(records) // 4)]:
                damaged = bytearray(whole)
                damaged[item.header_offset + 30 + len(item.filename) + item.file_size // 2 + 64] ^= 1
                self.changed_file.write_bytes(damaged)
                self.refused(f'record "{item.filename}" is damaged')

    def test_tensors_that_are_not_those_of_the_manifest(self):
        artifact = self.artifact("int8-dynamic")
        extra = {"clipq.json": "", "bpe_vocab": ""}
        module = torch.jit.load(str(artifact), _extra_files=extra)
        module.state_dict()[LAYER + ".weight"][3, 4] += 1
        torch.jit.save(module, str(self.changed_file), _extra_files=extra)
        self.refused("its tensors aren't those that clipq wrote")

    def test_a_manifest_that_was_changed(self):
        artifact = self.artifact("int8-dynamic")
        extra = {"clipq.json": "", "bpe_vocab": ""}
        module = torch.jit.load(str(artifact), _extra_files=extra)
        document = json.loads(extra["clipq.json"])
        document["quantizers"] = [each for each in document["quantizers"] if each["name"] != LAYER + ".input_quantizer"]
        torch.jit.save(module, str(self.changed_file), _extra_files={**extra, "clipq.json": json.dumps(document)})
        self.refused(".*the manifest was changed after clipq wrote it")

    def test_scales(self):
        artifact = self.artifact("fp8-max")
        scale = LAYER + ".weight_scale"
        for value in (0.0, -1.0, 1e38):
            self.change(artifact, scale, lambda tensor, value=value: tensor.fill_(value))
            self.refused(scale + ": 1 of 1 scales ")
        self.change(artifact, scale, lambda tensor: tensor.fill_(float("nan")))
        self.refused(scale + " has 1 of 1 values that are NaN")
        activation = LAYER + ".input_quantizer.scale"
        self.change(artifact, activation, lambda tensor: tensor.fill_(0))
        self.refused(activation + ": 1 of 1 scales are zero, negative or NaN")

    def test_codes(self):
        weight = LAYER + ".weight"
        self.change(self.artifact("fp8-max"), weight, lambda tensor: tensor.view(torch.uint8)[3, 4].fill_(0x7F))
        self.refused(weight + r": 1 of \d+ codes are NaN or infinite")
        artifact = self.artifact("int8-dynamic")
        self.change(artifact, weight, lambda tensor: tensor[3, 4].fill_(-128))
        self.refused(weight + ": its codes reach from -128 to")
        self.change(artifact, weight, lambda tensor: tensor[3, 4].fill_(1))
        self.ok("inspect", self.changed_file)

    def test_zero_points(self):
        artifact = self.artifact("int8-static")
        state = torch.jit.load(str(artifact)).state_dict()
        zero_point = next((name for name in state if name.endswith("zero_point")), None)
        if zero_point is None:
            self.skipTest("no zero point in int8-static")
        self.change(artifact, zero_point, lambda tensor: tensor.fill_(255))
        self.refused(".*zero_point|.*scale: .*zero points aren't whole numbers")

    def test_manifest(self):
        artifact = self.artifact("int8-dynamic")
        wrong = {
            '"mean" of pixels is': lambda document: document["preprocess"].update(mean=[1e300, 0, 0]),
            '"std" of pixels is 0': lambda document: document["preprocess"].update(std=[0, 1, 1]),
            '"std" of pixels is -1': lambda document: document["preprocess"].update(std=[-1, 1, 1]),
            "preprocessing makes images of 64 pixels": lambda document: document["preprocess"].update(size=64),
            "images of 1000000 pixels": lambda document: document["preprocess"].update(size=10**6),
            "a size of the architecture is 1152921504606846976":
                lambda document: document["config"].update(vocab_size=2**60),
            "the image tower has 100000 blocks": lambda document: document["config"].update(vision_layers=10**5),
            "int8 has 2 to 8 bits, got 60": lambda document: [
                quantizer.update(bits=60) for quantizer in document["quantizers"] if quantizer["enabled"]],
            "calibration: expected an object": lambda document: document.update(calibration=[1]),
        }
        for message, change in wrong.items():
            self.change(artifact, "", None, change)
            self.refused(".*" + message)

    def test_embeddings_that_are_no_numbers(self):
        artifact = self.artifact("int8-dynamic")
        self.change(artifact, LAYER + ".weight_scale", lambda tensor: tensor.fill_(1e36))
        message = rf"changed.pt: the image tower's embedding of 000000000000.jpg isn't finite; .* arises in {LAYER}:"
        for mode in ("native", "simulate"):
            self.fails(3, message, "embed", self.changed_file, "--images", self.coco, "--mode", mode, "-o", self.folder / "e.npy")
        cifar = write_cifar(self.folder / "cifar", labels=range(4))
        self.fails(3, rf"arises in {LAYER}:", "eval", self.path, self.changed_file, "--data", f"cifar100:{cifar}")
        self.fails(3, rf"arises in {LAYER}:", "eval", self.changed_file, "--task", "layers", "--data", f"coco:{self.coco}",
                   "--captions", self.coco / "captions.json")
        self.fails(3, rf"arises in {LAYER}:", "classify", self.changed_file, self.coco / "000000000000.jpg", "--labels", "a,b")
        # The text tower is whole.
        self.ok("embed", self.changed_file, "--texts", self.folder / "texts.txt", "-o", self.folder / "t.npy")
        self.assertTrue(np.isfinite(np.load(self.folder / "t.npy")).all())
        text = LAYER.removeprefix("visual.")
        self.change(artifact, text + ".weight_scale", lambda tensor: tensor.fill_(1e36))
        self.fails(3, rf'text tower\'s embedding of the text "(red|blue)" isn\'t finite; .* arises in {text}:', "embed",
                   self.changed_file, "--texts", self.folder / "texts.txt", "-o", self.folder / "t.npy")


if __name__ == "__main__":
    unittest.main()
