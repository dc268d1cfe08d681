"""Archives whose code tries to do harm when it is loaded or called: by default it does none, and the user is told."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest
import zipfile

import torch
from torch import nn

from support import CLIPQ, MERGES, CliTest, clipq, tiny_clip, tokens


class Called(nn.Module):
    """A CLIP whose encode_image does `harm` first."""

    def __init__(self, clip, target: str):
        super().__init__()
        self.visual, self.transformer, self.token_embedding = clip.visual, clip.transformer, clip.token_embedding
        self.positional_embedding, self.ln_final = clip.positional_embedding, clip.ln_final
        self.text_projection, self.logit_scale = clip.text_projection, clip.logit_scale
        self.target = target

    def harm(self) -> int:
        return 0

    def forward(self, image, text):
        return self.encode_image(image) @ self.encode_text(text).t()

    @torch.jit.export
    def encode_image(self, image):
        return self.visual(image) + self.harm()

    @torch.jit.export
    def encode_text(self, text):
        x = self.transformer(self.token_embedding(text) + self.positional_embedding)
        return self.ln_final(x)[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection


class Zeroes(Called):
    def harm(self) -> int:
        return int(torch.from_file(self.target, shared=True, size=16, dtype=torch.uint8).zero_().sum())


class Writes(Called):
    def harm(self) -> int:
        return int(torch.from_file(self.target + ".made", shared=True, size=1 << 20, dtype=torch.uint8).fill_(0).sum())


class Loops(Called):
    def harm(self) -> int:
        count = 0
        while count >= 0:
            count = (count + 1) % 1000
        return count


class Allocates(Called):
    def harm(self) -> int:
        kept = [torch.ones(1)]
        for i in range(64):
            kept.append(torch.full([1 << 28], float(i)))
        return len(kept)


class Prints(Called):
    def harm(self) -> int:
        print("{\"printed\": \"by the archive\"}")
        return 0


class OnLoad(nn.Module):
    """Runs code when it is loaded: what __setstate__ is for."""

    def __init__(self, target: str):
        super().__init__()
        self.target = target

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return (self.target, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.target = state[0]
        self.training = state[1]
        zeroed = torch.from_file(self.target, shared=True, size=16, dtype=torch.uint8).zero_()
        assert int(zeroed.sum()) == 0


class LoadsHarm(Called):
    def __init__(self, clip, target: str):
        super().__init__(clip, target)
        self.trap = OnLoad(target)


class Hostile(CliTest):
    def setUp(self):
        super().setUp()
        self.target = self.folder / "precious"
        self.target.write_bytes(b"sixteen bytes ok")

    def archive(self, kind, name="hostile.pt"):
        path = self.folder / name
        scripted = torch.jit.script(kind(tiny_clip().eval(), str(self.target)))
        torch.jit.save(scripted, str(path), _extra_files={"bpe_vocab": MERGES})
        return path

    def assert_unharmed(self, before):
        self.assertEqual(self.target.read_bytes(), b"sixteen bytes ok")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), before)

    def refused(self, kind, message):
        path = self.archive(kind)
        before = sorted(p.name for p in self.folder.iterdir())
        process = self.fails(3, message, "inspect", path)
        self.assert_unharmed(before)
        return path, process

    def test_writing_when_called(self):
        path, _ = self.refused(Writes, "can't be compared.*encode_image fails: .*Operation not permitted")
        self.refused(Zeroes, "can't be compared.*encode_image fails: .*Operation not permitted")
        self.ok("inspect", self.archive(Writes), "--parity", "skip")  # reading runs nothing
        self.assertEqual(self.target.read_bytes(), b"sixteen bytes ok")

    def test_the_archives_do_harm_where_they_may(self):
        """Without this the other tests could pass for another reason."""
        clipq("inspect", self.archive(Zeroes), "--parity", "run")
        self.assertEqual(self.target.read_bytes(), bytes(16))

    def test_writing_when_loaded(self):
        path, _ = self.refused(LoadsHarm, "can't be compared.*loading the archive with its code fails: .*Operation not permitted")
        self.ok("inspect", path, "--parity", "skip")
        self.assertEqual(self.target.read_bytes(), b"sixteen bytes ok")

    def test_allocating_without_end(self):
        self.refused(Allocates, "can't be compared.*it asked for more than .* MiB of memory")

    def test_loops_end(self):
        path, started = self.archive(Loops), time.monotonic()
        self.fails(3, "can't be compared.*it had not finished after 31 s", "inspect", path)
        self.assertLess(time.monotonic() - started, 100)

    def test_interrupting_leaves_no_child(self):
        process = subprocess.Popen([CLIPQ, "inspect", str(self.archive(Loops))], stderr=subprocess.PIPE, text=True,
                                   start_new_session=True)
        time.sleep(5)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        self.assertEqual(len(children), 1)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        _, stderr = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertFalse(pathlib.Path(f"/proc/{children[0]}").exists())

    def test_a_child_dies_with_its_parent(self):
        process = subprocess.Popen([CLIPQ, "inspect", str(self.archive(Loops))], stderr=subprocess.DEVNULL)
        time.sleep(5)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait()
        time.sleep(1)
        state = pathlib.Path(f"/proc/{children[0]}/stat")
        self.assertTrue(not state.exists() or state.read_text().split(")")[1].split()[0] == "Z")

    def test_ending_the_process_when_loaded(self):
        """Source nested so deeply that LibTorch's parser overflows its stack."""
        plain, deep = self.archive(Called, "plain.pt"), self.folder / "deep.pt"
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(deep, "w", zipfile.ZIP_STORED) as target:
            for item in source.infolist():
                content = source.read(item)
                if item.filename.endswith("code/__torch__.py"):
                    content += b"class Deep(Module):\n  def forward(self: __torch__.Deep) -> int:\n    return " + b"(" * 300000 + b"1" + b")" * 300000 + b"\n"
                    content = content.replace(b"  def encode_text(", b"  def trap(self) -> int:\n    return " + b"-" * 400000 + b"1\n  def encode_text(", 1)
                target.writestr(item, content)
        self.fails(3, "can't be compared.*(signal 11|fails: )", "inspect", deep)

    def test_printing_goes_nowhere(self):
        found = json.loads(self.ok("inspect", self.archive(Prints), "--json"))
        self.assertNotIn("printed", found)

    def test_artifacts_run_no_code(self):
        """An artifact whose code was exchanged is read for its tensors; its own code is never compiled."""
        path = self.archive(Called)
        self.ok("quantize", path, "-o", self.folder / "q.pt")
        broken = self.folder / "broken.pt"
        with zipfile.ZipFile(self.folder / "q.pt") as source, zipfile.ZipFile(broken, "w", zipfile.ZIP_STORED) as target:
            for item in source.infolist():
                content = source.read(item)
                target.writestr(item, b"this is no code" if item.filename.endswith(".py") else content)
        (self.folder / "texts.txt").write_text("red\n")
        for model in ("q.pt", "broken.pt"):
            self.ok("embed", self.folder / model, "--texts", self.folder / "texts.txt", "-o", self.folder / f"{model}.npy")
        self.assertEqual((self.folder / "q.pt.npy").read_bytes(), (self.folder / "broken.pt.npy").read_bytes())


if __name__ == "__main__":
    unittest.main()
