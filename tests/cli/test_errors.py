"""Bad input: the message, the exit code, and nothing left half-written."""
import json
import os
import resource
import signal
import subprocess
import time
import unittest

import torch
from torch import nn

from support import CLIPQ, CliTest, export, tiny_clip, write_cifar, write_coco


class Errors(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()
        self.output = self.folder / "out" / "q.pt"
        self.output.parent.mkdir()

    def fails_to_quantize(self, code, message, checkpoint, *options):
        self.fails(code, message, "quantize", checkpoint, "-o", self.output, *options)
        self.assertEqual(list(self.output.parent.iterdir()), [])

    def test_missing_checkpoint(self):
        self.fails_to_quantize(3, "nowhere.pt does not exist", self.folder / "nowhere.pt")

    def test_truncated_archive(self):
        (self.folder / "cut.pt").write_bytes(self.path.read_bytes()[:-5000])
        self.fails_to_quantize(3, "cut.pt: damaged or truncated", self.folder / "cut.pt")

    def test_no_archive(self):
        (self.folder / "text.pt").write_text("these are not the weights")
        self.fails_to_quantize(3, "text.pt: not a checkpoint; expected a TorchScript archive", self.folder / "text.pt")

    def test_plain_state_dict(self):
        torch.save(self.model.state_dict(), self.folder / "state.pt")
        self.fails_to_quantize(2, "state.pt: neither a configuration nor samples give the number of heads.*--heads", self.folder / "state.pt")

    def test_no_clip(self):
        torch.jit.save(torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU())), str(self.folder / "mlp.pt"))
        self.fails_to_quantize(3, "mlp.pt: no CLIP that clipq knows: none of its 2 tensors is named", self.folder / "mlp.pt")

    def test_nan_weight(self):
        model = tiny_clip()
        model.visual.transformer.resblocks[1].mlp.c_fc.weight.data[5, 7] = float("nan")
        export(model, self.folder / "nan.pt")
        self.fails_to_quantize(3, r"visual.transformer.resblocks.1.mlp.c_fc.weight has 1 of \d+ values that are NaN",
                               self.folder / "nan.pt")

    def test_artifact_is_not_a_checkpoint(self):
        self.ok("quantize", self.path, "-o", self.folder / "q.pt")
        self.fails_to_quantize(3, "q.pt is already quantized.*int8-dynamic", self.folder / "q.pt")

    def test_damaged_artifact(self):
        self.ok("quantize", self.path, "-o", self.folder / "q.pt")
        data = (self.folder / "q.pt").read_bytes()
        (self.folder / "cut.pt").write_bytes(data[: len(data) // 2])
        self.fails(3, "damaged or truncated", "inspect", self.folder / "cut.pt")

    def test_unknown_recipe_and_key(self):
        self.fails_to_quantize(2, 'unknown recipe "int8-dynamics"; did you mean "int8-dynamic"', self.path, "--recipe",
                               "int8-dynamics")
        recipe = {"name": "x", "rules": [{"match": "*", "formt": "int8"}]}
        (self.folder / "bad.json").write_text(json.dumps(recipe))
        self.fails_to_quantize(2, 'rule 1: unknown key "formt"; did you mean "format"', self.path, "--recipe",
                               self.folder / "bad.json")
        (self.folder / "broken.json").write_text('{"name": "x",\n oops}')
        self.fails_to_quantize(2, r"broken.json:2:2: not valid JSON: expected a key in double quotes, got 'oops'", self.path,
                               "--recipe", self.folder / "broken.json")
        self.fails(2, r"broken.json:2:2: not valid JSON", "run", self.folder / "broken.json", "-o", self.folder / "run")
        (self.folder / "deep.json").write_text("[" * 100_000)
        self.fails_to_quantize(2, "deep.json: .*more than 200 levels deep", self.path, "--recipe", self.folder / "deep.json")
        self.fails_to_quantize(3, "absent.json does not exist", self.path, "--recipe", self.folder / "absent.json")

    def test_calibration_data_missing(self):
        self.fails_to_quantize(2, "needs calibration data.*--calib-data", self.path, "--recipe", "fp8-max")

    def test_captions_without_images(self):
        coco = write_coco(self.folder / "coco")
        for image in coco.glob("*.jpg"):
            image.unlink()
        self.fails_to_quantize(3, r"000000000000.jpg", self.path, "--recipe", "fp8-max", "--calib-data", f"coco:{coco}",
                               "--calib-captions", coco / "captions.json")

    def test_corrupt_jpeg_among_good_ones(self):
        coco = write_coco(self.folder / "coco")
        image = coco / "000000000003.jpg"
        image.write_bytes(image.read_bytes()[:600])
        self.fails_to_quantize(3, "000000000003.jpg", self.path, "--recipe", "fp8-max", "--calib-data", f"coco:{coco}",
                               "--calib-captions", coco / "captions.json")
        self.fails(3, "000000000003.jpg", "embed", self.path, "--images", coco, "-o", self.output.with_suffix(".npy"))
        self.assertEqual(list(self.output.parent.iterdir()), [])

    def test_wrong_length_cifar_file(self):
        cifar = write_cifar(self.folder / "cifar")
        (cifar / "test.bin").write_bytes((cifar / "test.bin").read_bytes()[:-7])
        self.fails(3, "test.bin.*3074", "eval", self.path, "--data", f"cifar100:{cifar}")

    def test_log_in_a_missing_folder(self):
        self.fails(3, "folder of the log file", "list", "--log-file", self.folder / "nowhere" / "x.log")
        self.assertFalse((self.folder / "nowhere").exists())

    def test_output_folder(self):
        self.fails(3, "output folder .*missing does not exist", "quantize", self.path, "-o", self.folder / "missing" / "q.pt")
        cifar = write_cifar(self.folder / "cifar")
        self.fails(3, "output folder .*missing does not exist", "eval", self.path, "--data", f"cifar100:{cifar}", "-o",
                   self.folder / "missing" / "r.json")

    def test_output_that_is_the_input_or_a_device(self):
        before = self.path.read_bytes()
        self.fails(2, "is the checkpoint itself", "quantize", self.path, "-o", self.path)
        self.assertEqual(self.path.read_bytes(), before)
        self.fails(3, "/dev/null is a device", "quantize", self.path, "-o", "/dev/null")

    def test_results_that_cannot_be_printed(self):
        with open("/dev/full", "w") as full:
            process = subprocess.run([CLIPQ, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(process.returncode, 3)
        self.assertIn("cannot write all results", process.stderr)

    def test_overrides_of_a_malformed_recipe(self):
        (self.folder / "odd.json").write_text('{"name": "x", "rules": {}}')
        self.fails_to_quantize(2, "rules.*must be a list", self.path, "--recipe", self.folder / "odd.json", "--set",
                               "*.weight_quantizer.bits=8")

    def test_metadata_that_makes_no_sense(self):
        path, _ = self.checkpoint("odd.pt", extra={"clipq_checkpoint.json": '{"preprocess": {"std": [0, 0, 0]}}'})
        self.fails_to_quantize(3, 'clipq_checkpoint.json: .*a "std" of pixels is', path)

    def test_data_without_labels(self):
        coco = write_coco(self.folder / "coco")
        self.fails(2, "has no labels", "eval", self.path, "--data", f"images:{coco}")
        self.fails(2, "needs a captions file", "eval", self.path, "--data", f"coco:{coco}")

    def test_options_before_positionals(self):
        self.ok("quantize", "--set", "*.input_quantizer.bits=8", self.path, "-o", self.output)
        self.ok("bench", "--batch-size", "1", "--seconds", "0.05", "--tower", "text", self.output)

    def test_full_disk(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        process = subprocess.run([CLIPQ, "quantize", self.path, "-o", self.output], capture_output=True, text=True,
                                 preexec_fn=limit, check=False)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertRegex(process.stderr, "cannot write .*q.pt: .*no file was left")
        self.assertEqual(list(self.output.parent.iterdir()), [])

    def test_ctrl_c(self):
        cifar = write_cifar(self.folder / "cifar", labels=[i % 100 for i in range(20000)])
        log = self.folder / "log"
        process = subprocess.Popen([CLIPQ, "eval", self.path, "--data", f"cifar100:{cifar}", "--batch-size", "1", "--log-file", log, "-o",
                                    self.output.with_suffix(".json")], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while not (log.exists() and "compared with the archive's own" in log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, message)
        self.assertIn("interrupted", message)
        self.assertEqual(list(self.output.parent.iterdir()), [])

    def test_usage(self):
        self.fails(2, "(checkpoint|output).*required", "quantize")
        self.fails(2, "(subcommand|arguments)", "frobnicate")
        self.fails(2, "unknown component", "quantize", self.path, "-o", self.output, "--component", "audio")
        self.fails(2, "expected native or simulate", "inspect", self.path, "--mode", "fast")
        self.fails(2, 'unknown activation "relu"', "inspect", self.path, "--activation", "relu")
        self.fails(2, 'unknown task "zeroshot"', "eval", self.path, "--data", "cifar100:x", "--task", "zeroshot")
        self.fails(2, "cifar1000", "eval", self.path, "--data", "cifar1000:x")

    def test_vocabulary_that_is_not_the_models(self):
        (self.folder / "merges.txt").write_text("#version\nr e\n")
        (self.folder / "texts.txt").write_text("red\n")
        self.fails(2, "tokenizer has 515 entries.*519", "embed", self.path, "--texts", self.folder / "texts.txt", "--bpe",
                   self.folder / "merges.txt", "-o", self.output)

    def test_numbers_of_options(self):
        data = ["eval", self.path, "--data", "cifar100:x"]
        batch = r"--batch-size: got {}, expected an integer from 1 to 65536"
        for text in ("0", "-1", "1.5", "ten", "99999999999999999999", "nan"):
            self.fails(2, batch.format(text), *data, f"--batch-size={text}")
        self.fails(2, batch.format(0), "bench", self.path, "--batch-size", "1,0")
        self.fails(2, "--limit: got 0, expected an integer from 1 to", *data, "--limit", "0")
        self.fails(2, "--threads: got 0, expected an integer from 1 to 1024", *data, "--threads", "0")
        self.fails(2, "--threads: got 100000, expected an integer from 1 to 1024", "doctor", "--threads", "100000")
        self.fails(2, "--skip-bad: got -1, expected an integer from 0", *data, "--skip-bad=-1")
        self.fails(2, "--seconds: got nan, expected a positive number", "bench", self.path, "--seconds", "nan")
        self.fails(2, "--save-every: got -1, expected a non-negative number", "quantize", self.path, "-o", self.output,
                   "--save-every=-1")
        self.fails(2, "--seed: got -1, expected an integer from 0", "demo", "-o", self.folder / "demo", "--seed=-1")

    def test_output_that_is_a_link(self):
        link = self.folder / "link.pt"
        link.symlink_to(self.output)
        self.ok("quantize", self.path, "-o", link)
        self.assertTrue(link.is_symlink())
        self.ok("inspect", self.output)
        link.unlink()
        link.symlink_to(self.folder / "missing" / "q.pt")
        self.fails(3, "output folder .*missing does not exist", "quantize", self.path, "-o", link)
        link.unlink()
        link.symlink_to(link)
        self.fails(3, "link.pt is a broken symbolic link", "quantize", self.path, "-o", link)

    def test_memory_that_does_not_suffice(self):
        """Whatever the limit: no abort, nothing about a broken archive or a defect."""
        need = self.peak_address_space()
        for share in (0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98):
            limit = int(need * share)

            def limited(limit=limit):
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

            process = subprocess.run([CLIPQ, "--threads", "1", "quantize", self.path, "-o", self.output], capture_output=True,
                                     text=True, preexec_fn=limited, check=False)
            with self.subTest(share=share, log=process.stderr):
                # 127: the system's loader had no memory for LibTorch
                self.assertIn(process.returncode, (0, 3, 127))
                self.assertNotRegex(process.stderr, "internal error|damaged|plain PyTorch operators|terminate called")
                if process.returncode == 3:
                    self.assertRegex(process.stderr, "out of memory|no more threads")
                self.output.unlink(missing_ok=True)

    def peak_address_space(self):
        """What quantizing takes at most, by bisection."""
        enough, little = 64 << 30, 0
        while enough - little > 16 << 20:
            limit = (enough + little) // 2

            def limited(limit=limit):
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

            process = subprocess.run([CLIPQ, "--threads", "1", "quantize", self.path, "-o", self.output], capture_output=True,
                                     preexec_fn=limited, check=False)
            enough, little = (limit, little) if process.returncode == 0 else (enough, limit)
            self.output.unlink(missing_ok=True)
        return enough

    def test_unwritable_output(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        self.output.parent.chmod(0o500)
        self.addCleanup(self.output.parent.chmod, 0o700)
        self.fails(3, "is not writable", "quantize", self.path, "-o", self.output)


if __name__ == "__main__":
    unittest.main()
