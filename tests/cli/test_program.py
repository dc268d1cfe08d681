"""The rest of the program: version, lists, doctor, demo, install."""
import json
import os
import subprocess
import unittest

from support import CliTest


class Program(CliTest):
    def test_version_and_help(self):
        self.assertRegex(self.ok("--version"), r"^clipq \d+\.\d+\.\d+\n$")
        self.assertIn("quantize", self.ok("--help"))

    def test_list(self):
        listed = json.loads(self.ok("list", "--json"))
        self.assertLessEqual({"int8-dynamic", "dq-clip", "fp8-max"}, {row["name"] for row in listed["recipes"]})
        self.assertIn("fp8_e4m3", self.ok("list", "formats"))
        self.fails(2, 'unknown "recipe"; did you mean "recipes"', "list", "recipe")

    def test_doctor(self):
        facts = json.loads(self.ok("doctor", "--json"))
        self.assertEqual(facts["standard tokenizer"], "49408 entries")
        self.assertTrue(facts["LibTorch"].startswith("2."))

    def test_demo_of_the_installed_program(self):
        build = os.environ["CLIPQ_BUILD"]
        subprocess.run(["cmake", "--install", build, "--prefix", self.folder / "usr"], check=True, capture_output=True)
        program = self.folder / "usr" / "bin" / "clipq"
        demo = self.folder / "demo"
        process = subprocess.run([program, "demo", "-o", demo, "--images-per-class", "5", "--seconds", "0.05"],
                                 capture_output=True, text=True, cwd=self.folder, check=False)
        self.assertEqual(process.returncode, 0, process.stderr)
        results = json.loads((demo / "results.json").read_text())["results"]
        accuracy = {r["model"].get("recipe", "float"): r["metrics"]["acc1"] for r in results if "metrics" in r}
        self.assertGreaterEqual(accuracy["float"], 0.9)
        for recipe in ("int8-dynamic", "fp8-max"):
            self.assertGreater(accuracy[recipe], accuracy["float"] - 0.02, recipe)
        self.assertEqual(sum(r["task"] == "bench" for r in results), len(accuracy))
        self.assertRegex(process.stdout, "int8-dynamic")


if __name__ == "__main__":
    unittest.main()
