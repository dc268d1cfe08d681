"""The quantization engine: all recipes in stock PyTorch, hard twins, diagnosis, dry runs, calibrations cut and continued."""
import json
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

import torch

from support import CLIPQ, CliTest, clipq, pixels, tokens, worst_cosine, write_coco

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA_FREE = ("int8-dynamic", "int8-weight-only", "fp8-weight-only", "fp16", "dq-clip")
CALIBRATED = ("int8-static", "int8-smooth", "int4-weight-only", "int4-dynamic", "fp8-max")


class Engine(CliTest):
    def quantize(self, path, recipe, *options):
        output = self.folder / f"{recipe}.pt"
        data = self.calibration() if recipe in CALIBRATED else []
        self.ok("quantize", path, "--recipe", recipe, *data, "-o", output, *options)
        return output

    def manifest(self, path):
        return json.loads(self.ok("inspect", path, "--json"))["manifest"]

    def test_every_recipe_runs_in_stock_pytorch(self):
        path, float_model = self.checkpoint()
        shipped = {row["name"] for row in json.loads(self.ok("list", "recipes", "--json"))["recipes"]}
        self.assertEqual(shipped, set(DATA_FREE + CALIBRATED))
        for recipe in sorted(shipped):
            stock = torch.jit.load(str(self.quantize(path, recipe)))
            with torch.no_grad():
                image, text = stock.encode_image(pixels()), stock.encode_text(tokens())
                self.assertGreater(worst_cosine(image, float_model.encode_image(pixels())), 0.95, recipe)
                self.assertGreater(worst_cosine(text, float_model.encode_text(tokens())), 0.95, recipe)

    def test_hard_twin(self):
        path, float_model = self.checkpoint()
        twin = self.folder / "twin.pt"
        made = subprocess.run([sys.executable, ROOT / "scripts/make_hard_twin.py", path, "-o", twin, "--strength", "50", "100"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(made.returncode, 0, made.stderr)
        worst = {}
        with torch.no_grad():
            exact = float_model.encode_image(pixels(8))
            self.assertGreater(worst_cosine(torch.jit.load(str(twin)).encode_image(pixels(8)), exact), 0.99999)
            for recipe in ("int8-dynamic", "int8-smooth", "dq-clip", "int8-static"):
                for checkpoint in (path, twin):
                    quantized = torch.jit.load(str(self.quantize(checkpoint, recipe)))
                    worst[recipe, checkpoint] = worst_cosine(quantized.encode_image(pixels(8)), exact)
        for recipe in ("int8-dynamic", "int8-smooth"):  # as good as without outliers
            self.assertLess(1 - worst[recipe, twin], 1.5 * (1 - worst[recipe, path]), worst)
        for recipe in ("dq-clip", "int8-static"):
            self.assertGreater(1 - worst[recipe, twin], 5 * (1 - worst[recipe, path]), worst)

    def test_hard_twin_with_outlier_tokens(self):
        path, float_model = self.checkpoint()
        images, twin = write_coco(self.folder / "learned", count=60), self.folder / "twin.pt"
        command = [sys.executable, ROOT / "scripts/make_hard_twin.py", path, "-o", twin, "--outlier-tokens", "2", "--images", images]
        made = subprocess.run([*command, "--share", "0"], capture_output=True, text=True, check=False)
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        positions = [int(each) for each in re.search(r"positions (\d+), (\d+) ", made.stdout).groups()]
        original, hard = (torch.jit.load(str(each)).state_dict() for each in (path, twin))
        changed = {name for name in hard if not torch.equal(original[name], hard[name])}
        self.assertEqual(changed, {f"visual.transformer.resblocks.1.mlp.{name}" for name in ("c_fc.weight", "c_fc.bias", "c_proj.weight")})

        artifact = self.quantize(twin, "int8-static")
        text = self.ok("inspect", artifact)
        self.assertRegex(text, r"visual\S*resblocks.1.mlp.c_proj.input_quantizer .*\d\d\.\d \(\d+\.\d %\)")
        coco = write_coco(self.folder / "shown", count=8, seed=9)
        result = json.loads(self.ok("eval", twin, "--task", "layers", "--data", f"images:{coco}", "--json"))["results"][0]
        blocks = result["details"]["outliers"]["image"]["blocks"]
        self.assertEqual(blocks[0]["tokens"]["places"], [])
        self.assertEqual(sorted(place["index"] for place in blocks[1]["tokens"]["places"] if place["share"] > 0.9), positions)

        many = subprocess.run([*command, "--outlier-tokens", "17"], capture_output=True, text=True, check=False)
        self.assertRegex(many.stderr, "make_hard_twin: .*: an image has 16 patches, too few for 17 outlier tokens")
        missing = subprocess.run(command[:-2], capture_output=True, text=True, check=False)
        self.assertRegex(missing.stderr, "--outlier-tokens needs --images FOLDER")

    def test_dry_run_knows_the_size(self):
        path, _ = self.checkpoint()
        for recipe in ("int8-dynamic", "int8-static", "int4-weight-only"):
            report = json.loads(self.ok("quantize", path, "--recipe", recipe, "--dry-run", "--json"))
            self.assertTrue(report["dry_run"])
            self.assertEqual(sorted(file.name for file in self.folder.glob("*.pt")), ["tiny.pt"])
            actual = self.quantize(path, recipe)
            # The manifest's digits differ; of a file this small they are a part that can be seen.
            self.assertLess(abs(report["size_bytes"] / actual.stat().st_size - 1), 0.05, recipe)
            actual.unlink()
        text = self.ok("quantize", path, "--recipe", "int8-static", "--dry-run")
        self.assertRegex(text, r"in_proj.input_quantizer +Quantizer\(7 bit affine per-tensor amax=to be found\)")
        self.assertRegex(text, "resulting size")

    def test_inspect_shows_how_each_quantizer_fits(self):
        path, _ = self.checkpoint()
        artifact = self.quantize(path, "int8-static")
        text = self.ok("inspect", artifact)
        self.assertRegex(text, r"resblocks.1.mlp.c_proj.input_quantizer +8 bit affine per-tensor +\[-0\.\d+, \d+\.\d+\] "
                               r"+0\.\d+ +\d\d\.\d +0\.99\d+")
        on = [quantizer for quantizer in self.manifest(artifact)["quantizers"] if quantizer["enabled"]]
        for quantizer in on:
            if "token_embedding" not in quantizer["name"]:
                self.assertGreater(quantizer["output_cosine"], 0.9, quantizer)
            self.assertGreater(quantizer["sqnr_db"], 15, quantizer)
            self.assertLess(quantizer["low"], quantizer["high"])
        self.assertIn("softmax_quantizer", text)
        unknown = self.ok("inspect", self.quantize(path, "int8-dynamic"))
        self.assertIn("pass --calib-data to clipq quantize to measure them", unknown)

    def test_dead_channels_are_warned_of_by_name(self):
        path, model = self.checkpoint()
        archive = torch.jit.load(str(path))
        with torch.no_grad():
            getattr(archive.transformer.resblocks, "0").mlp.c_fc.weight[5].zero_()
        dead = self.folder / "dead.pt"
        torch.jit.save(archive, str(dead), _extra_files={"bpe_vocab": "#version: test\nr e\nre d</w>\nb l\nbl u\nblu e</w>\n"})
        report = json.loads(self.ok("quantize", dead, "--recipe", "int8-weight-only", "--json", "-o", self.folder / "q.pt"))
        self.assertEqual(report["warnings"], ["transformer.resblocks.0.mlp.c_fc.weight_quantizer: 1 of 256 ranges are zero: "
                                              "nothing but zeros there"])

    def cut(self, arguments, output, how):
        """Starts a calibration that saves its state after every batch, and stops it once the last pass has begun."""
        process = subprocess.Popen([CLIPQ, *map(str, arguments), "-o", str(output), "--save-every", "0"], text=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        state = output.with_name(output.name + ".calibration.ranges")
        deadline = time.monotonic() + 300
        while not state.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(how)
        _, errors = process.communicate()
        self.assertFalse(output.exists(), "the calibration ended before it could be cut")
        return process.returncode, errors

    def test_cut_calibration_goes_on_to_the_same_bits(self):
        path, _ = self.checkpoint()
        arguments = ["quantize", path, "--recipe", "int8-smooth", *self.calibration(200), "--set", "calibration.observer=mse"]
        self.ok(*arguments, "-o", self.folder / "whole.pt")
        whole = torch.jit.load(str(self.folder / "whole.pt"))
        for how, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
            output = self.folder / f"{how.name}.pt"
            returned, errors = self.cut(arguments, output, how)
            self.assertEqual(returned, code, errors)
            resumed = clipq(*arguments, "-o", output, "--resume")
            self.assertEqual(resumed.returncode, 0, resumed.stderr)
            self.assertIn("continues after", resumed.stderr)
            self.assertFalse(list(self.folder.glob("*.calibration*")))
            self.assertEqual(self.manifest(self.folder / "whole.pt")["quantizers"], self.manifest(output)["quantizers"])
            self.assertTrue(torch.equal(whole.encode_image(pixels()), torch.jit.load(str(output)).encode_image(pixels())))
        self.assertRegex(errors, r"the calibration so far is in .*\n.*--resume continues from there")

    def test_cut_calibration_without_undecodable_images_goes_on_to_the_same_bits(self):
        path, _ = self.checkpoint()
        data = self.calibration(200)
        bad = next(self.folder.rglob("000000000007*.jpg"))
        bad.write_text("no picture")
        arguments = ["quantize", path, "--recipe", "int8-smooth", *data, "--skip-bad", "1"]
        self.ok(*arguments, "-o", self.folder / "whole.pt")
        output = self.folder / "cut.pt"
        self.cut(arguments, output, signal.SIGKILL)
        resumed = clipq(*arguments, "-o", output, "--resume")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertIn("continues after", resumed.stderr)
        whole, again = (self.manifest(self.folder / name) for name in ("whole.pt", "cut.pt"))
        self.assertEqual(whole["quantizers"], again["quantizers"])
        self.assertEqual([whole["calibration"]["skipped"], again["calibration"]["skipped"]], [[bad.name]] * 2)

    def test_only_the_same_calibration_goes_on(self):
        path, _ = self.checkpoint()
        arguments = ["quantize", path, "--recipe", "int8-smooth", *self.calibration(200)]
        output = self.folder / "cut.pt"
        self.cut(arguments, output, signal.SIGKILL)
        (self.folder / "merges.txt").write_text("#version: test\nr e\nre d</w>\nb l\nbl u\nu e</w>\n")
        for change in (("--set", "calibration.samples=100"), ("--bpe", self.folder / "merges.txt"), ("--component", "image"),
                       ("--set", "*.input_quantizer.bits=8"), ("--calib-samples", "40")):
            self.fails(3, "another model, recipe, data or part", *arguments, "-o", output, "--resume", *change)

    def test_state_of_another_calibration_is_refused(self):
        path, _ = self.checkpoint()
        data = self.calibration()
        (self.folder / "q.pt.calibration.ranges").write_bytes(b"nonsense")
        self.fails(3, "not a calibration that this version of clipq saved, or damaged", "quantize", path, "--recipe", "fp8-max", *data, "-o", self.folder / "q.pt",
                   "--resume")

    def test_foreign_files_beside_the_output_stay(self):
        path, _ = self.checkpoint()
        note = self.folder / "int8-static.pt.calibration.notes"
        note.write_text("mine")
        self.quantize(path, "int8-static")
        self.assertEqual(note.read_text(), "mine")

    def test_one_tower_needs_only_its_data(self):
        path, _ = self.checkpoint()
        self.calibration()
        self.ok("quantize", path, "--recipe", "int8-weight-only", "--set", "visual.*.c_fc.input_quantizer.format=int8",
                "--calib-data", f"images:{self.folder / 'coco'}", "-o", self.folder / "q.pt")
        self.fails(2, "need --calib-data", "quantize", path, "--calib-samples", "7", "-o", self.folder / "q.pt")

    def test_groups_larger_than_a_row(self):
        path, model = self.checkpoint()
        artifact = self.quantize(path, "int8-dynamic", "--set", "*.granularity=group:2000000000")
        with torch.no_grad():
            got = torch.jit.load(str(artifact)).encode_image(pixels())
            self.assertGreater(worst_cosine(got, model.encode_image(pixels())), 0.99)

    def test_recipes_that_need_data_say_so(self):
        path, _ = self.checkpoint()
        for recipe in CALIBRATED:
            self.fails(2, "needs calibration data.*--calib-data", "quantize", path, "--recipe", recipe, "-o", self.folder / "q.pt")

    def test_options_of_algorithms(self):
        path, _ = self.checkpoint()
        artifact = self.quantize(path, "int8-dynamic", "--set", "algorithms.equalize.alpha=0.3")
        self.assertEqual(self.manifest(artifact)["recipe"]["algorithms"], [{"name": "equalize", "alpha": 0.3, "data_free": True}])
        self.fails(2, 'unknown key "alhpa"; did you mean "alpha"', "quantize", path, "--set", "algorithms.equalize.alhpa=0.3", "-o",
                   self.folder / "q.pt")


if __name__ == "__main__":
    unittest.main()
