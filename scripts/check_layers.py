#!/usr/bin/env python3
"""Checks that every module includes only modules before it (in the order below), that only
tools/clipq parses arguments or prints, and that below app no text names an option of the program. Run from anywhere; lists each violation and exits with 1."""
import pathlib
import re
import sys

ORDER = ["core", "result", "data", "text", "onnx_graph", "numerics", "kernels", "model", "checkpoint", "quant", "native", "artifact", "onnx", "eval", "bench",
         "report", "search", "library", "app"]
TORCH_FREE = {"core", "result", "data", "text", "onnx_graph", "report", "search"}
OF_OTHER_PROGRAMS = {"text_file.cpp", "onnx_python.cpp", "tar_shard.cpp"}  # which name options of iconv and Python
ROOT = pathlib.Path(__file__).resolve().parent.parent
OPTION = re.compile(r'"[^"]*(?<![\w-])-(?:-[a-z]|[a-z]\b)')
INCLUDE = re.compile(r'^\s*#include\s+["<]([^">]+)[">]')


def problems():
    for folder in ("include/clipq", "src"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix not in (".h", ".cpp") or path.parent == ROOT / folder:
                continue
            module = path.relative_to(ROOT / folder).parts[0]
            where = path.relative_to(ROOT)
            if module not in ORDER:
                yield f"{where}: {module} is not a module; they are listed in ORDER in scripts/check_layers.py"
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if re.search(r"\bstd::(cout|cerr)\b", line):
                    yield f"{where}:{number}: only tools/clipq prints; return the text, or use core/log.h"
                if module != "app" and OPTION.search(line.split("// ")[0]) and path.name not in OF_OTHER_PROGRAMS:
                    yield f"{where}:{number}: only app and tools/clipq name options; attach Advice to the error"
                found = INCLUDE.match(line)
                if not found:
                    continue
                name = found.group(1)
                if name.startswith("clipq/"):
                    used = name.split("/")[1]
                    if used in ORDER and ORDER.index(used) > ORDER.index(module):
                        yield f"{where}:{number}: {module} comes before {used} and must not include {name}"
                elif name.startswith("CLI/"):
                    yield f"{where}:{number}: only tools/clipq parses arguments"
                elif module in TORCH_FREE and name.split("/")[0] in ("torch", "ATen", "c10"):
                    yield f"{where}:{number}: {module} must not see LibTorch ({name})"


found = list(problems())
print("\n".join(found) if found else "check_layers: every include follows the module order")
sys.exit(1 if found else 0)
