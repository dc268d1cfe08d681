"""The installed library: examples/ built against it with find_package(clipq), and what the installed place has."""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import numpy as np
from PIL import Image
from support import CliTest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["CLIPQ_BUILD"])
SANITIZE = " -fsanitize=address,undefined" if os.environ.get("CLIPQ_SANITIZE") == "ON" else ""
DEMO = SOURCE / "demo" / "clip-demo.pt"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, check=False, **options)


class Library(CliTest):
    def setUp(self):
        super().setUp()
        self.prefix = self.folder / "prefix"
        process = run("cmake", "--install", BUILD, "--prefix", self.prefix)
        self.assertEqual(process.returncode, 0, process.stderr)

    def build_example(self):
        """Outside the source tree, so that it can use nothing but what is installed."""
        source, build = self.folder / "example", self.folder / "example-build"
        shutil.copytree(SOURCE / "examples" / "search", source)
        for command in (("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_BUILD_TYPE=Release",
                         f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror{SANITIZE}"), ("cmake", "--build", build)):
            process = run(*command)
            self.assertEqual(process.returncode, 0, process.stdout + process.stderr)
        return build / "search"

    def test_example_ranks_images_as_embed_does(self):
        program = self.build_example()
        artifact, images = self.folder / "int8.pt", self.folder / "images"
        self.ok("quantize", DEMO, "--recipe", "int8-dynamic", "-o", artifact)
        images.mkdir()
        generator = np.random.default_rng(1)
        for i in range(3):
            Image.fromarray(generator.integers(0, 256, (50 + i, 70, 3), np.uint8)).save(images / f"{i}.png")
        (self.folder / "text.txt").write_text("a blue square\n")
        for model in (DEMO, artifact):
            process = run(program, model, "a blue square", *sorted(images.iterdir()))
            self.assertEqual(process.returncode, 0, process.stderr)
            *lines, best = process.stdout.splitlines()
            cosines = [float(line.split()[0]) for line in lines]
            for name, source in (("image.npy", ("--images", images)), ("text.npy", ("--texts", self.folder / "text.txt"))):
                self.ok("embed", model, *source, "--normalize", "-o", self.folder / name)
            expected = np.load(self.folder / "image.npy") @ np.load(self.folder / "text.npy")[0]
            np.testing.assert_allclose(cosines, expected, atol=2e-5)
            self.assertEqual(best, f"best: {images / str(expected.argmax())}.png")

    def test_errors_of_the_example_are_the_librarys(self):
        program = self.build_example()
        process = run(program, self.folder / "missing.pt", "a dog", DEMO)
        self.assertEqual(process.returncode, 1)
        self.assertIn("clip-demo.pt", process.stderr)  # is no image
        Image.new("RGB", (8, 8)).save(self.folder / "a.png")
        process = run(program, self.folder / "missing.pt", "a dog", self.folder / "a.png")
        self.assertEqual(process.returncode, 1)
        self.assertRegex(process.stderr, r"missing\.pt.*(does not exist|[Nn]o such file)")

    def test_headers_are_a_handful_and_need_no_other_library(self):
        headers = sorted(path.relative_to(self.prefix / "include").as_posix() for path in (self.prefix / "include").rglob("*.h"))
        self.assertEqual(len(headers), 9, headers)
        for header in headers:
            for line in (self.prefix / "include" / header).read_text().splitlines():
                if line.startswith("#include"):
                    name = line.split()[1].strip('<>"')
                    self.assertTrue(name in headers or "/" not in name and not name.endswith(".h"), f"{header}: {line}")

    def test_readme_snippet_compiles(self):
        readme = (SOURCE / "README.md").read_text()
        snippet = readme.split("```cpp\n", 1)[1].split("```", 1)[0]
        include, body = snippet.split("\n\n", 1)
        folder = self.folder / "snippet"
        folder.mkdir()
        (folder / "main.cpp").write_text(f"{include}\nint main() {{\n{body}return images.count == texts.count;\n}}\n")
        (folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(snippet LANGUAGES CXX)\nadd_executable(server main.cpp)\n"
            + readme.split("```cmake\n", 1)[1].split("```", 1)[0].replace("clipq REQUIRED", "clipq 0.1 REQUIRED"))
        for command in (("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                         f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror{SANITIZE}"), ("cmake", "--build", folder / "build")):
            process = run(*command)
            self.assertEqual(process.returncode, 0, process.stdout + process.stderr)

    def test_library_exports_the_public_interface_only(self):
        library = next(self.prefix.rglob("libclipq.so"))
        process = run("nm", "-DC", "--defined-only", library)
        names = [line.split(" ", 2)[2] for line in process.stdout.splitlines()]
        names = [re.sub("^(vtable|typeinfo|typeinfo name|non-virtual thunk) (for|to) ", "", name) for name in names]
        own = {re.match(r"clipq::(\w+(::set_sink)?)", name).group(1) for name in names if name.startswith("clipq::")}
        self.assertEqual(own, {"Embedder", "Error", "InputError", "InternalError", "Interrupted", "UsageError", "decode_image",
                               "log::set_sink", "normalized", "quantize_checkpoint", "set_compute_threads"})
        self.assertFalse([name for name in names if name.startswith("clipq_")])


if __name__ == "__main__":
    unittest.main()
