"""`clipq completion`: what bash and zsh offer, asked of the shells themselves."""
import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from support import CLIPQ, CliTest

ZSH = shutil.which("zsh")
# Stands in for zsh's completion system: prints what would be offered.
ZSH_STUBS = """
compdef() { :; }
compset() { current=${current#*[=:]}; return 0; }
compadd() { shift; print -l -- "$@"; }
_files() { print FILES; }
"""


class Completion(CliTest):
    def setUp(self):
        super().setUp()
        self.lists = {key: [row["name"] for row in rows] for key, rows in json.loads(self.ok("list", "--json")).items()}
        self.script = self.folder / "completion"

    def run_shell(self, shell, commands):
        return subprocess.run([shell, "-c", commands], capture_output=True, text=True, check=True, cwd=self.folder).stdout.split()

    def bash(self, *words):
        """What bash offers for the last word."""
        self.script.write_text(self.ok("completion", "bash"))
        line = " ".join(shlex.quote(word) for word in ("clipq", *words))
        return self.run_shell("bash", f"source completion; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _clipq; "
                                      'printf "%s\\n" "${COMPREPLY[@]}"')

    def zsh(self, *words):
        self.script.write_text(ZSH_STUBS + self.ok("completion", "zsh"))
        line = " ".join(shlex.quote(word) for word in ("clipq", *words))
        return self.run_shell("zsh", f"source ./completion; words=({line}); CURRENT={len(words) + 1}; _clipq")

    def test_subcommands_are_those_of_help(self):
        offered = self.bash("")
        self.assertLessEqual({"quantize", "run", "completion", "doctor"}, set(offered))
        shown = [line.split()[0] for line in self.ok("--help").split("Subcommands:")[1].splitlines() if line.startswith("  ")
                 and line[2:3].isalpha()]
        self.assertCountEqual(offered, shown)
        self.assertEqual(self.bash("quan"), ["quantize"])

    def test_options_are_those_of_help(self):
        for command in self.bash(""):
            offered = self.bash(command, "--")
            for line in self.ok(command, "--help").splitlines():
                for word in line.replace(",", " ").split()[:2]:
                    if line.startswith("  -") and word.startswith("--"):
                        self.assertIn(word, offered, command)
            self.assertLessEqual({"--json", "--log-file", "--threads"}, set(offered), command)

    def test_values(self):
        self.assertCountEqual(self.bash("quantize", "--recipe", ""), self.lists["recipes"])
        self.assertEqual(self.bash("quantize", "--recipe", "int8-dy"), ["int8-dynamic"])
        self.assertEqual(self.bash("quantize", "--recipe", "=", "dq"), ["dq-clip"])
        self.assertCountEqual(self.bash("quantize", "clip.pt", "--component", ""), ["image", "text", "both"])
        self.assertCountEqual(self.bash("eval", "a.pt", "--task", ""), self.lists["tasks"])
        self.assertCountEqual(self.bash("eval", "--kernels", ""), self.lists["kernels"])
        self.assertCountEqual(self.bash("bench", "--tower", ""), ["image", "text", "both"])
        self.assertCountEqual(self.bash("run", ""), self.lists["runs"])
        self.assertCountEqual(self.bash("list", ""), self.lists)
        self.assertCountEqual(self.bash("completion", ""), ["bash", "zsh"])
        self.assertCountEqual(self.bash("eval", "--data", ""), [kind + ":" for kind in self.lists["datasets"]])

    def test_options_that_are_not_for_use(self):
        offered = self.bash("quantize", "--")
        self.assertIn("--recipe", offered)
        self.assertNotIn("--precision", offered)

    def test_options_of_tasks(self):
        self.assertLessEqual({"--recall-k", "--probe-c", "--classnames"}, set(self.bash("eval", "--")))
        self.assertCountEqual(self.bash("eval", "--classes", ""), ["all", "present"])
        self.assertCountEqual(self.bash("eval", "--probe-features", ""), ["embedding", "pooled"])
        self.assertCountEqual(self.bash("eval", "--templates", ""), self.lists["templates"])
        self.assertCountEqual(self.bash("eval", "--train-data", ""), [kind + ":" for kind in self.lists["datasets"]])

    def test_files(self):
        (self.folder / "clip.pt").write_text("")
        (self.folder / "my.json").write_text("")
        self.assertEqual(self.bash("quantize", "cl"), ["clip.pt"])
        for option in ("-m", "--model"):
            self.assertEqual(self.bash("eval", option, "cl"), ["clip.pt"])
        self.assertEqual(self.bash("quantize", "--recipe", "my"), ["my.json"])
        self.assertEqual(self.bash("--log-file", "my"), ["my.json"])
        self.assertEqual(self.bash("eval", "--log-file", "my"), ["my.json"])
        self.assertEqual(self.bash("eval", "--data", "cifar100", ":", "cl"), ["clip.pt"])
        self.assertEqual(self.bash("bench", "clip.pt", "--threads", "4", "cl"), ["clip.pt"])

    def test_in_a_terminal(self):
        """Readline itself: it splits words in its own way, and puts what is offered into the line."""
        self.script.write_text(self.ok("completion", "bash"))
        (self.folder / "clip.pt").write_text("")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.environ.update(PS1="$ ", TERM="dumb", PATH=f"{Path(CLIPQ).parent}:{os.environ['PATH']}")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.addCleanup(os.close, terminal)
        os.write(terminal, b"source completion; clipq() { printf '<%s>' \"$@\"; }\n")
        os.write(terminal, b"clipq quantize cli\t--rec\tint8-dy\t--compo\tte\t; exit\n")
        shown = self.read_all(terminal)
        os.waitpid(pid, 0)
        self.assertIn("<quantize><clip.pt><--recipe><int8-dynamic><--component><text>", shown)

    def read_all(self, terminal):
        shown, end = b"", time.monotonic() + 30
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
        return shown.decode()

    @unittest.skipUnless(ZSH, "zsh is not installed")
    def test_zsh(self):
        self.assertCountEqual(self.zsh(""), self.bash(""))
        self.assertCountEqual(self.zsh("quantize", "--recipe", ""), [*self.lists["recipes"], "FILES"])
        self.assertCountEqual(self.zsh("quantize", "--component", ""), ["image", "text", "both"])
        self.assertCountEqual(self.zsh("run", ""), [*self.lists["runs"], "FILES"])
        self.assertCountEqual(self.zsh("eval", "-"), self.bash("eval", "-"))
        self.assertEqual(self.zsh("eval", "--data", "cifar100:x"), ["FILES"])
        self.assertEqual(self.zsh("inspect", ""), ["FILES"])


if __name__ == "__main__":
    unittest.main()
