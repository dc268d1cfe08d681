"""The rest of the program: version, lists, doctor, demo, install."""
import json
import os
import pathlib
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
        facts = json.loads(self.ok("doctor", "--quick", "--json"))
        here = [row["name"] for row in json.loads(self.ok("list", "attention", "--json"))["attention"]
                if "(not supported here)" not in row["comment"]]
        self.assertEqual(facts["attention"]["paths"], here)
        self.assertIn(facts["attention"]["long_towers"], here)
        self.assertEqual(facts["tokenizer"]["entries"], 49408)
        module = pathlib.Path(os.environ["CLIPQ_BUILD"]) / "libclipq_parquet.so"
        self.assertEqual(facts["parquet"]["available"], module.exists(), facts["parquet"])
        self.assertTrue(facts["libtorch"]["version"].startswith("2."))
        self.assertRegex(facts["libtorch"]["file"], r"libtorch_cpu\.so")
        self.assertTrue(os.path.exists(facts["libtorch"]["file"]))
        kernels = {entry["name"]: entry for entry in facts["kernels"]}
        self.assertEqual(set(kernels), {row["name"] for row in json.loads(self.ok("list", "kernels", "--json"))["kernels"]})
        self.assertTrue(kernels["portable"]["exact_8_bits"])
        for entry in kernels.values():  # what was tried agrees with what clipq relies on
            if "exact_fp8" in entry:
                self.assertTrue(entry["exact_fp8"], entry)
            elif entry["supported"]:
                self.assertTrue(entry["exact_7_bits"], entry)
                self.assertGreaterEqual(entry["exact_8_bits"], entry["taken_8_bits"], entry)
        if kernels["avx2"]["supported"]:
            self.assertFalse(kernels["avx2"]["exact_8_bits"])  # vpmaddubsw saturates
        self.assertEqual(facts["cores"]["allowed"], len(os.sched_getaffinity(0)))

    def test_doctor_gives_advice(self):
        one = {min(os.sched_getaffinity(0))}
        process = subprocess.run([os.environ["CLIPQ"], "doctor", "--quick", "--threads", "3"], capture_output=True, text=True,
                                 check=True, preexec_fn=lambda: os.sched_setaffinity(0, one))
        self.assertRegex(process.stdout, "with 3 threads but may use only 1 cores: use --threads 1")
        self.assertRegex(process.stdout, "VNNI")

    def test_doctor_measures(self):
        peak = json.loads(self.ok("doctor", "--json"))["gemm_peak"]
        self.assertGreater(peak["int8_gops"], 0)
        self.assertGreater(peak["float32_gops"], 0)
        self.assertGreater(peak["fp8_gops"], 0)

    def test_demo_of_the_installed_program(self):
        build = os.environ["CLIPQ_BUILD"]
        subprocess.run(["cmake", "--install", build, "--prefix", self.folder / "usr"], check=True, capture_output=True)
        program = self.folder / "usr" / "bin" / "clipq"
        demo = self.folder / "demo"
        process = subprocess.run([program, "demo", "-o", demo, "--images-per-class", "5", "--seconds", "0.05"],
                                 capture_output=True, text=True, cwd=self.folder, check=False)
        self.assertEqual(process.returncode, 0, process.stderr)
        results = json.loads((demo / "results.json").read_text())["results"]
        accuracy = {r["model"].get("recipe", "float"): r["metrics"]["acc1"] for r in results if "acc1" in r.get("metrics", ())}
        self.assertGreaterEqual(accuracy["float"], 0.9)
        for recipe in ("int8-dynamic", "fp8-max"):
            self.assertGreater(accuracy[recipe], accuracy["float"] - 0.02, recipe)
        self.assertEqual(sum(r["task"] == "bench" for r in results), len(accuracy))
        self.assertRegex(process.stdout, "int8-dynamic")


if __name__ == "__main__":
    unittest.main()
