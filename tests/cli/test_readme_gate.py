"""README's CI gate, cut out of the file and run as it stands, both ways."""
import os
import pathlib
import re
import subprocess
import unittest

from support import CLIPQ, CliTest, write_cifar

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


class Gate(CliTest):
    def gate(self, *gates):
        script = self.folder / "ci-gate.sh"
        script.write_text(re.search(r"```bash\n(#!.*?)```", README.read_text(), re.S).group(1))
        environment = {**os.environ, "PATH": f"{pathlib.Path(CLIPQ).parent}:{os.environ['PATH']}"}
        return subprocess.run(["bash", script, self.path, f"cifar100:{self.cifar}", *gates], capture_output=True, text=True,
                              timeout=600, check=False, env=environment)

    def test_both_ways(self):
        self.path, _ = self.checkpoint()
        self.cifar = write_cifar(self.folder / "cifar", labels=[i % 37 for i in range(100)])
        passed = self.gate("--max-drop", "acc1=100", "--max-size-ratio", "1", "--min-speedup", "0.001")
        self.assertEqual(passed.returncode, 0, passed.stderr)
        self.assertRegex(passed.stdout, "PASS")
        broken = self.gate("--max-drop", "acc1=100", "--max-size-ratio", "0.01")
        self.assertEqual(broken.returncode, 4, broken.stderr)
        self.assertRegex(broken.stderr, "size")
        # One code that flips may change an item on one machine and not on another.
        uncertain = self.gate("--max-drop", "acc1=2.2", "--require-certain")
        self.assertEqual(uncertain.returncode, 4, uncertain.stderr)
        self.assertRegex(uncertain.stderr, "100 items|too small")


if __name__ == "__main__":
    unittest.main()
