"""Options of the program: those of tasks."""
import json
import re
import unittest

from support import CliTest

PROMPT_TASKS = ("zeroshot_classification", "drift", "layers")
# option -> (a value, the tasks that take it)
TASK_OPTIONS = {
    "--classnames": ("names.txt", PROMPT_TASKS),
    "--templates": ("imagenet7", PROMPT_TASKS),
    "--classes": ("all", PROMPT_TASKS),
    "--per-class": (None, ("zeroshot_classification", "linear_probe")),
    "--recall-k": ("5", ("zeroshot_retrieval",)),
    "--pairs": ("2", ("drift",)),
    "--train-data": ("cifar100:x", ("linear_probe",)),
    "--train-limit": ("2", ("linear_probe",)),
    "--probe-features": ("pooled", ("linear_probe",)),
    "--probe-c": ("1", ("linear_probe",)),
    "--probe-iterations": ("5", ("linear_probe",)),
    "--probe-tolerance": ("1e-3", ("linear_probe",)),
    "--probe-sweep": (None, ("linear_probe",)),
}


def listed(names):
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


class TaskOptions(CliTest):
    def test_each_belongs_to_its_tasks(self):
        tasks = [row["name"] for row in json.loads(self.ok("list", "tasks", "--json"))["tasks"]]
        for option, (value, takers) in TASK_OPTIONS.items():
            others = [task for task in tasks if task not in takers]
            given = [option] if value is None else [option, value]
            with self.subTest(option):
                self.fails(2, f"{option} belongs to {listed(takers)}, not to {others[0]}; leave it out or change --task", "eval",
                           "clip.pt", "--data", "cifar100:x", "--task", others[0], *given)
                self.fails(3, "x does not exist", "eval", "clip.pt", "--data", f"cifar100:{self.folder / 'x'}", "--task", takers[-1],
                           *given)

    def test_help_groups_them(self):
        text = self.ok("eval", "--help")
        groups = {}
        for heading, body in re.findall(r"^(\S[^\n]*):\n((?:  .*\n?)+)", text, re.MULTILINE):
            groups[heading] = re.findall(r"^  (?:-\w,)?(--[\w-]+)", body, re.MULTILINE)
        expected = {}
        for option, (_, takers) in TASK_OPTIONS.items():
            expected.setdefault(f"Options of {listed(takers)}", []).append(option)
        common = groups.pop("Options")
        groups.pop("Positionals")
        self.assertEqual(groups, expected)
        self.assertLessEqual({"--task", "--data", "--limit", "--batch-size"}, set(common))

    def test_values(self):
        evaluate = ("eval", "clip.pt", "--data", "cifar100:x", "--task")
        self.fails(2, "--recall-k: got 0, expected", *evaluate, "zeroshot_retrieval", "--recall-k", "1,0")
        self.fails(2, "--pairs: got 1001, expected .* from 0 to 1000", *evaluate, "drift", "--pairs", "1001")
        self.fails(2, "--probe-c: got 0, expected", *evaluate, "linear_probe", "--probe-c", "0")
        self.fails(2, "--probe-features.*embedding or pooled", *evaluate, "linear_probe", "--probe-features", "all")
        self.fails(2, "--probe-sweep excludes --probe-c|--probe-c excludes --probe-sweep", *evaluate, "linear_probe",
                   "--probe-sweep", "--probe-c", "1")


if __name__ == "__main__":
    unittest.main()
