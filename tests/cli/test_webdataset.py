"""Tar shards as data sets, whatever they lie in, and their agreement with the same pictures as files."""
import io
import json
import os
import random
import signal
import subprocess
import tarfile
import time
import unittest

import numpy as np
from PIL import Image
from support import CLIPQ, CliTest, clipq

CLASSES = ("red_thing", "blue", "green thing")
TEMPLATES = ("a picture of a {c}.", "some {c}")
CAPTIONS = ("a red thing", "something blue on red")


def picture(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def sample(i):
    """Members of one key."""
    return {"png": picture(i), "cls": f"{i % 3}\n".encode(), "txt": "\n".join(f"{text} {i}" for text in CAPTIONS).encode()}


def write_tar(path, samples, mode="w"):
    """samples: (key, {extension: bytes}) in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for key, members in samples:
            for extension, content in members.items():
                info = tarfile.TarInfo(f"{key}.{extension}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def write_shards(folder, count=24, shards=3, mode="w", ending=".tar"):
    each = count // shards
    return [write_tar(folder / f"{shard:05d}{ending}", [(f"s{i:04d}", sample(i)) for i in range(shard * each, (shard + 1) * each)], mode)
            for shard in range(shards)]


def parquet_table(file):
    from pyarrow import parquet  # which a clipq without Parquet doesn't need
    return parquet.read_table(file)


class WebDataset(CliTest):
    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()

    def metrics(self, task, *data):
        return json.loads(self.ok("eval", self.path, "--task", task, *data, "--json", "--no-cache"))["results"][0]["metrics"]

    def embed(self, spec, *options, name="out"):
        out = self.folder / name
        self.ok("embed", self.path, "--images", spec, "-o", out, *options)
        return np.concatenate([np.load(file) for file in sorted((out / "img_emb").glob("*.npy"))])

    def files(self, count=24):
        """The same pictures as files, in class folders and with captions."""
        folder = self.folder / "files"
        images, annotations = [], []
        for i in range(count):
            place = folder / CLASSES[i % 3] / f"s{i:04d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(picture(i))
            name = str(place.relative_to(folder))
            images.append({"id": i, "file_name": name, "height": 40, "width": 50})
            annotations += [{"id": 10 * i + j, "image_id": i, "caption": f"{text} {i}"} for j, text in enumerate(CAPTIONS)]
        (self.folder / "captions.json").write_text(json.dumps({"images": images, "annotations": annotations}))
        return folder

    def test_clip_benchmark_layout(self):
        root = self.folder / "wds"
        for i, path in enumerate(write_shards(root / "test")):
            path.rename(root / "test" / f"{i}.tar")
        (root / "test" / "nshards.txt").write_text("3")
        (root / "classnames.txt").write_text("\n".join(CLASSES))
        (root / "zeroshot_classification_templates.txt").write_text("\n".join(TEMPLATES) + "\n")
        (self.folder / "templates.txt").write_text("\n".join(TEMPLATES) + "\n")
        names = self.folder / "names.json"
        names.write_text(json.dumps({name: name for name in CLASSES}))
        files = self.files()
        options = ("--templates", self.folder / "templates.txt", "--classnames", names)
        self.assertEqual(self.metrics("zeroshot_classification", "--data", f"wds:{root}"),
                         self.metrics("zeroshot_classification", "--data", f"imagefolder:{files}", *options))
        self.assertEqual(self.metrics("zeroshot_retrieval", "--data", f"wds:{root}"),
                         self.metrics("zeroshot_retrieval", "--data", f"coco:{files}", "--captions", self.folder / "captions.json"))
        self.fails(3, "no training split", "eval", self.path, "--task", "linear_probe", "--data", f"wds:{root}")
        (root / "test" / "nshards.txt").write_text("x")
        self.fails(3, 'nshards.txt is "x"; expected the number of shards', "eval", self.path, "--data", f"wds:{root}")
        (root / "test" / "nshards.txt").write_text("4")
        self.fails(3, r"cannot open .*3\.tar: No such file", "eval", self.path, "--data", f"wds:{root}")

    def test_every_way_to_name_shards(self):
        folder = self.folder / "shards"
        write_shards(folder)
        (folder / "list.txt").write_text("# two of them\n00000.tar\n\n0000{1..2}.tar\n")
        expected = self.embed(f"wds:{folder}/{{00000..00002}}.tar")
        self.assertEqual(expected.shape, (24, 48))
        for i, pattern in enumerate((f"{folder}/*.tar", folder, folder / "list.txt", f"{folder}/0000{{0,1,2}}.tar",
                                     f"pipe:cat {folder}/{{00000..00002}}.tar")):
            with self.subTest(pattern=pattern):
                np.testing.assert_array_equal(self.embed(f"wds:{pattern}", name=f"out{i}"), expected)
        with open(folder / "00000.tar", "rb") as shard:
            out = self.folder / "from stdin"
            subprocess.run([CLIPQ, "embed", self.path, "--images", "wds:-", "-o", out], stdin=shard, check=True, capture_output=True)
        np.testing.assert_array_equal(np.load(out / "img_emb" / "img_emb_00000.npy"), expected[:8])

    def test_compressed_shards(self):
        expected = self.embed(f"wds:{write_shards(self.folder / 'plain')[0].parent}")
        for mode, ending in (("w:gz", ".tar.gz"), ("w:xz", ".tar.xz")):
            folder = self.folder / ending
            write_shards(folder, mode=mode, ending=ending)
            np.testing.assert_array_equal(self.embed(f"wds:{folder}", name=f"out{ending}"), expected)

    def test_damaged_shards(self):
        whole = [(f"s{i}", {"jpg": picture(i), "txt": b"a cat"}) for i in range(4)]
        cut = write_tar(self.folder / "cut.tar", whole)
        cut.write_bytes(cut.read_bytes()[:-14000])
        twice = write_tar(self.folder / "twice.tar", whole + whole[1:2])
        member = write_tar(self.folder / "member.tar", whole)
        with tarfile.open(member, "a") as tar:
            tar.addfile(tarfile.TarInfo("s3.txt"), io.BytesIO())
        alone = write_tar(self.folder / "alone.tar", whole + [("s9", {"txt": b"no picture"})])
        for path, reason in ((cut, r"cut\.tar: \(rest\): it is cut off in s3\.jpg"), (twice, r"the key s1 is there twice"),
                             (member, r"s3\.txt is there twice"), (alone, r"alone\.tar: s9 has no image")):
            with self.subTest(path=path.name):
                out = self.folder / f"{path.name} out"
                self.fails(3, rf"1 of \d images can't be decoded.*{reason}", "embed", self.path, "--images", f"wds:{path}", "-o", out)
                self.assertEqual(list(out.rglob("*.npy")), [])
                self.ok("embed", self.path, "--images", f"wds:{path}", "-o", out, "--skip-bad", 1)
                stats = json.loads((out / "stats" / "00000_stats.json").read_text())
                self.assertEqual(len(stats["skipped"]), 1)
                self.assertEqual(np.load(out / "img_emb" / "img_emb_00000.npy").shape[0], stats["rows"])

    def test_evaluations_skip_what_is_damaged(self):
        cut = write_tar(self.folder / "cut.tar", [(f"s{i}", sample(i)) for i in range(6)])
        cut.write_bytes(cut.read_bytes()[:-14000])
        names = self.folder / "names.txt"
        names.write_text("\n".join(CLASSES))
        arguments = ("eval", self.path, "--data", f"wds:{cut}", "--classnames", names, "--templates", "imagenet7", "--json")
        self.fails(3, r"1 of \d images can't be decoded.*it is cut off", *arguments)
        result = json.loads(self.ok(*arguments, "--skip-bad", 1))["results"][0]
        self.assertEqual(len(result["data"]["skipped"]), 1)
        self.assertIn("is damaged", "".join(result["warnings"]))

    def test_multi_label(self):
        """A NumPy array per sample, as CLIP_benchmark has it; the same images with COCO's instances."""
        files = self.files(9)
        classes = [[i % 3] if i % 2 else [0, 2] for i in range(9)]
        members = []
        for i, of_image in enumerate(classes):
            buffer = io.BytesIO()
            np.save(buffer, np.isin(np.arange(3), of_image).astype((np.int64, np.float32, np.bool_)[i % 3]))
            members.append((f"s{i:04d}", {"png": picture(i), "npy": buffer.getvalue()}))
        path = write_tar(self.folder / "multi" / "0.tar", members)
        (path.parent / "classnames.txt").write_text("\n".join(CLASSES))
        document = json.loads((self.folder / "captions.json").read_text())
        instances = {"images": document["images"], "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
                     "annotations": [{"id": 10 * i + c, "image_id": i, "category_id": c + 1} for i, of_image in enumerate(classes)
                                     for c in of_image]}
        (self.folder / "instances.json").write_text(json.dumps(instances))
        (self.folder / "names.txt").write_text("\n".join(CLASSES))
        options = ("--templates", "imagenet7", "--classnames", self.folder / "names.txt")
        self.assertEqual(self.metrics("zeroshot_classification", "--data", f"wds:{path.parent}", "--templates", "imagenet7"),
                         self.metrics("zeroshot_classification", "--data", f"coco:{files}", "--captions", self.folder / "instances.json", *options))
        bad = write_tar(self.folder / "bad.tar", [members[0], ("b", {"png": picture(1), "npy": members[1][1]["npy"][:-5]})])
        self.fails(3, r"b\.npy: it is cut off", "eval", self.path, "--data", f"wds:{bad}", *options)

    def test_what_is_no_shard(self):
        (self.folder / "text.tar").write_text("not a tar archive " * 100)
        (self.folder / "empty.tar").write_bytes(b"")
        (self.folder / "names.txt").write_text("\n\n")
        (self.folder / "class names.txt").write_text("cat\ndog\n")
        (self.folder / "folder").mkdir()
        bad_class = write_tar(self.folder / "class.tar", [("a", {"png": picture(1), "cls": b"cat"})])
        for spec, code, message in (("text.tar", 3, "is not a tar archive"), ("empty.tar", 3, "is not a tar archive"),
                                    ("nothing*.tar", 3, "no files match"), ("missing.tar", 3, "cannot open .*missing.tar"),
                                    ("folder", 3, "has no tar files"), ("names.txt", 3, "lists no shards")):
            with self.subTest(spec=spec):
                self.fails(code, message, "embed", self.path, "--images", f"wds:{self.folder}/{spec}", "-o", self.folder / "out")
        self.fails(3, "the command ended with exit code 7", "embed", self.path, "--images", "wds:pipe:exit 7", "-o", self.folder / "out")
        self.fails(3, r'its \.cls is "cat"; expected the number of a class', "eval", self.path, "--data", f"wds:{bad_class}",
                   "--classnames", self.folder / "class names.txt", "--templates", "imagenet7")


class ShardedEmbed(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.has_parquet = json.loads(clipq("doctor", "--quick", "--json").stdout)["parquet"]["available"]
        cls.default_metadata = "parquet" if cls.has_parquet else "jsonl"

    def setUp(self):
        super().setUp()
        self.path, _ = self.checkpoint()
        self.shards = self.folder / "shards"
        write_shards(self.shards, count=20, shards=4)
        self.spec = f"wds:{self.shards}"

    def embed(self, out, *options, **environment):
        arguments = ("embed", self.path, "--images", self.spec, "--texts", self.spec, "-o", self.folder / out, *options)
        return json.loads(self.ok(*arguments, "--json", **environment))

    def snapshot(self, out):
        place = self.folder / out
        return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}

    def metadata(self, out, shard=0):
        """Its rows; a caption that is missing is None."""
        file, = (self.folder / out / "metadata").glob(f"metadata_{shard:05d}.*")
        if file.suffix == ".jsonl":
            return [{"caption": None} | json.loads(line) for line in file.read_text().splitlines()]
        return parquet_table(file).to_pylist()

    def test_files(self):
        done = self.embed("out", "--normalize")
        self.assertEqual((done["shards"], done["embedded"], done["rows"]), (4, 4, 20))
        out = self.folder / "out"
        self.assertEqual(sorted(self.snapshot("out")), sorted(
            ["embed.json"] + [name.format(i) for i in range(4) for name in (
                "img_emb/img_emb_{:05d}.npy", "text_emb/text_emb_{:05d}.npy", f"metadata/metadata_{{:05d}}.{self.default_metadata}", "stats/{:05d}_stats.json")]))
        pictures = self.folder / "pictures"
        pictures.mkdir()
        for i in range(20):
            (pictures / f"{i:04d}.png").write_bytes(picture(i))
        (self.folder / "texts.txt").write_text("".join(f"{CAPTIONS[0]} {i}\n" for i in range(20)))
        for kind, source in (("images", pictures), ("texts", self.folder / "texts.txt")):
            self.ok("embed", self.path, f"--{kind}", source, "--normalize", "-o", self.folder / f"{kind}.npy")
            part = "img_emb" if kind == "images" else "text_emb"
            rows = np.concatenate([np.load(out / part / f"{part}_{i:05d}.npy") for i in range(4)])
            np.testing.assert_allclose(rows, np.load(self.folder / f"{kind}.npy"), atol=1e-5)
        # embedding-reader takes headers apart by what NumPy writes.
        written = out / "text_emb" / "text_emb_00001.npy"
        numpys = io.BytesIO()
        np.save(numpys, np.load(written))
        header = lambda content: content[10:].split(b"\n")[0].rstrip()  # noqa: E731
        self.assertEqual(header(written.read_bytes()), header(numpys.getvalue()))
        self.assertEqual(self.metadata("out", 1), [{"key": f"s{i:04d}", "caption": f"a red thing {i}"} for i in range(5, 10)])

    def test_metadata_formats(self):
        captions = {"plain": "a dog", "empty": "", "lines": "a\nb\r\nc", "quotes": "\"a\"\t\\ 'b', {c}", "nul": "a\0b", "日本 é": "🐶 犬",
                    "long": "dog " * 5000, "n\udcffme": "bad key", "none": None}
        write_tar(self.shards / "00000.tar", [(key, {"png": picture(i)} | ({} if text is None else {"json": json.dumps({"caption": text}).encode()}))
                                              for i, (key, text) in enumerate(captions.items())])
        command = ("embed", self.path, "--images", self.spec, "-o")
        self.ok(*command, self.folder / "jsonl", "--metadata", "jsonl")
        rows = self.metadata("jsonl")
        self.assertEqual({row["key"]: row["caption"] for row in rows}, {key.replace("\udcff", "�"): text for key, text in captions.items()})
        if not self.has_parquet:
            process = self.fails(2, "built without Parquet; run scripts/setup.sh", *command, self.folder / "out", "--metadata", "parquet")
            self.assertIn("--metadata jsonl", process.stderr)
            self.assertFalse((self.folder / "out").exists())
            return
        self.ok(*command, self.folder / "parquet", "--metadata", "parquet")
        for shard in range(4):
            self.assertEqual(self.metadata("parquet", shard), self.metadata("jsonl", shard))
        table = parquet_table(self.folder / "parquet" / "metadata" / "metadata_00000.parquet")
        self.assertEqual([(field.name, str(field.type), field.nullable) for field in table.schema],
                         [("key", "string", False), ("caption", "string", True)])
        for worker in "01":
            self.ok(*command, self.folder / "shared", "--shard", f"{worker}/2")
        self.assertEqual(self.snapshot("shared"), self.snapshot("parquet"))

    def test_a_folder_keeps_its_metadata_format(self):
        for metadata in ("jsonl", "parquet")[: 1 + self.has_parquet]:
            self.embed(metadata, "--metadata", metadata)
            calm = self.snapshot(metadata)
            file = self.folder / metadata / "metadata" / f"metadata_00001.{metadata}"
            file.write_bytes(file.read_bytes()[:-1])
            self.assertEqual(self.embed(metadata, "--resume")["embedded"], 1)
            self.assertEqual(self.snapshot(metadata), calm)
        other = "jsonl" if self.has_parquet else "parquet"
        expected = 'created with other options: "metadata" is "parquet" there and "jsonl" now' if self.has_parquet else "without Parquet"
        self.fails(2, expected, "embed", self.path, "--images", self.spec, "--texts", self.spec, "-o", self.folder / metadata, "--resume",
                   "--metadata", other)
        # A folder from before there was a choice.
        description = self.folder / "jsonl" / "embed.json"
        description.write_text(description.read_text().replace('  "metadata": "jsonl",\n', ""))
        self.assertEqual(self.embed("jsonl", "--resume")["complete_before"], 4)
        (self.folder / "jsonl" / "metadata" / "metadata_00002.jsonl").unlink()
        self.assertEqual(self.embed("jsonl", "--resume")["embedded"], 1)
        self.assertEqual(len(self.metadata("jsonl", 2)), 5)

    def test_formats(self):
        rows = lambda out: np.concatenate([np.load(file) for file in sorted((self.folder / out / "img_emb").glob("*.npy"))])  # noqa: E731
        self.embed("float32")
        full = rows("float32")
        for dtype in ("float16", "int8", "binary"):
            self.embed(dtype, "--dtype", dtype)
        np.testing.assert_array_equal(rows("float16"), full.astype(np.float16))
        np.testing.assert_array_equal(rows("binary"), (np.packbits(full > 0, axis=1).astype(np.int16) - 128).astype(np.int8))
        ranges = np.array(json.loads((self.folder / "int8" / "int8_ranges.json").read_text())["img_emb"], np.float32)
        np.testing.assert_array_equal(ranges, [full[:5].min(0), full[:5].max(0)])
        expected = (full - ranges[0]) / ((ranges[1] - ranges[0]) / 255) - 128
        np.testing.assert_allclose(rows("int8"), np.clip(np.trunc(expected), -128, 127), atol=1)
        self.assertEqual(rows("int8").dtype, np.int8)
        self.embed("narrow", "--dimensions", 20, "--normalize")
        np.testing.assert_allclose(rows("narrow"), full[:, :20] / np.linalg.norm(full[:, :20], axis=1, keepdims=True), atol=1e-6)
        for option, names in (("--dtype", "float32, float16, int8, binary"), ("--metadata", "parquet, jsonl")):
            self.fails(2, f"{option}.*bf16.*expected one of {names}", "embed", self.path, "--images", self.spec, "-o", self.folder / "x",
                       option, "bf16")
        self.fails(2, "--dimensions 49: the embeddings of .* have 48", "embed", self.path, "--images", self.spec, "-o",
                   self.folder / "wide", "--dimensions", 49)

    def test_resume(self):
        self.embed("calm")
        calm = self.snapshot("calm")
        self.embed("out", "--shard", "0/2")
        self.fails(2, "pass --resume", "embed", self.path, "--images", self.spec, "--texts", self.spec, "-o", self.folder / "out")
        place = self.folder / "out"
        (place / "img_emb" / "img_emb_00000.npy").write_bytes(b"damaged")
        (place / "img_emb" / "img_emb_00001.npy").write_bytes(b"not committed")
        done = self.embed("out", "--resume")
        self.assertEqual((done["complete_before"], done["embedded"]), (1, 3))
        self.assertEqual(self.snapshot("out"), calm)
        self.fails(2, 'was created with other options: "normalized" is false there and true now', "embed", self.path, "--images", self.spec,
                   "--texts", self.spec, "-o", place, "--resume", "--normalize")

    def test_clip_benchmarks_layout(self):
        root = self.folder / "benchmark"
        root.mkdir()
        self.shards.rename(root / "test")
        for i in range(4):
            (root / "test" / f"{i:05d}.tar").rename(root / "test" / f"{i}.tar")
        (root / "test" / "nshards.txt").write_text("4")
        (root / "classnames.txt").write_text("a\nb\n")
        for out, folder in (("whole", root), ("split", root / "test")):
            self.ok("embed", self.path, "--images", f"wds:{folder}", "-o", self.folder / out)
        whole = self.snapshot("whole")
        self.assertIn("img_emb/img_emb_00003.npy", whole)
        del whole["embed.json"]
        self.assertEqual(whole, {name: content for name, content in self.snapshot("split").items() if name != "embed.json"})

    def test_shares(self):
        self.embed("calm")
        out = self.folder / "out"
        launchers = ({"RANK": "0", "WORLD_SIZE": "4"}, {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"},
                     {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "4"},
                     {"JOB_COMPLETION_INDEX": "3", "JOB_COMPLETIONS": "4"})
        for i, variables in enumerate(launchers):
            self.embed("out", env=self.environment(variables))
            self.assertEqual(sorted(path.name for path in (out / "stats").iterdir()), [f"{j:05d}_stats.json" for j in range(i + 1)])
        self.assertEqual(self.snapshot("out"), self.snapshot("calm"))
        command = ("embed", self.path, "--images", self.spec, "-o", self.folder / "no")
        self.fails(2, "RANK is set, but WORLD_SIZE is not", *command, env=self.environment({"RANK": "0"}))
        self.fails(2, "worker 4 of 4", *command, "--shard", "4/4")
        self.fails(2, "worker 7 of 2.*pass --shard I/N", *command,
                   env=self.environment({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "2"}))
        self.fails(2, r"numbered from 1 \(SLURM_ARRAY_TASK_MIN\), not from 0", *command,
                   env=self.environment({"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "1"}))
        # A batch script without srun is one worker.
        done = self.embed("batch", env=self.environment({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}))
        self.assertEqual(done["embedded"], 4)
        self.fails(2, "expected I/N", *command, "--shard", "4")
        for option in (("--resume",), ("--metadata", "jsonl")):
            self.fails(2, "--resume, --shard and --metadata are for shards", "embed", self.path, "--images", self.shards, "-o", "x.npy", *option)

    def test_workers_at_once(self):
        self.embed("calm")
        workers = [subprocess.Popen([CLIPQ, "embed", self.path, "--images", self.spec, "--texts", self.spec, "-o", self.folder / "out",
                                     "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)]
        for worker in workers:
            _, log = worker.communicate(timeout=600)
            self.assertEqual(worker.returncode, 0, log)
        self.assertEqual(self.snapshot("out"), self.snapshot("calm"))

    def test_killed_workers(self):
        """CLIPQ_KILLS says how many SIGKILLs four workers get (8, or as many as it says)."""
        self.embed("calm", "--threads", 1)
        choice = random.Random(5)

        def start(i):
            arguments = ("embed", self.path, "--images", self.spec, "--texts", self.spec, "-o", self.folder / "out", "--resume")
            return subprocess.Popen([CLIPQ, *map(str, arguments), "--shard", f"{i}/4", "--threads", "1"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)

        workers, killed = [start(i) for i in range(4)], 0
        for _ in range(int(os.environ.get("CLIPQ_KILLS", "8"))):
            time.sleep(choice.random() * 0.8)
            i = choice.randrange(4)
            killed += workers[i].poll() is None
            workers[i].kill()
            workers[i].wait(timeout=60)
            if choice.random() < 0.3:  # an output that is damaged later is made again
                for path in list((self.folder / "out").rglob(f"*_{i:05d}.npy"))[:1]:
                    path.write_bytes(b"damaged")
            workers[i] = start(i)
        self.assertGreater(killed, 0)
        for i, worker in enumerate(workers):
            self.assertEqual(worker.wait(timeout=600), 0, f"worker {i}")
        self.assertEqual(self.snapshot("out"), self.snapshot("calm"))

    def test_a_shard_that_fails_does_not_stop_the_others(self):
        bad = self.shards / "00001.tar"
        whole = bad.read_bytes()
        bad.write_text("no tar")
        process = self.fails(3, r"1 of 4 shards were not embedded: 1 \(.*00001\.tar\)", "embed", self.path, "--images", self.spec, "--texts",
                             self.spec, "-o", self.folder / "out")
        self.assertRegex(process.stderr, "shard 1: .*00001.tar is not a tar archive")
        self.assertEqual(sorted(path.name[:5] for path in (self.folder / "out" / "stats").iterdir()), ["00000", "00002", "00003"])
        bad.write_bytes(whole)
        self.assertEqual(self.embed("out", "--resume")["embedded"], 1)
        self.embed("calm")
        self.assertEqual(self.snapshot("out"), self.snapshot("calm"))

    def test_other_shards_of_the_same_names_are_not_taken_for_these(self):
        self.embed("out")
        write_tar(self.shards / "00002.tar", [("new", sample(99))])
        self.assertEqual(self.embed("out", "--resume")["rows"], 1)
        (self.shards / "00003.tar").unlink()
        self.fails(2, "has shard 3, but the collection has only 3 shards", "embed", self.path, "--images", self.spec, "--texts", self.spec,
                   "--resume", "-o", self.folder / "out")

    def test_samples_without_a_usable_caption(self):
        members = [("a", sample(1)), ("b", {**sample(2), "txt": b"caf\xe9 \xff"}), ("c", {"png": picture(3), "json": b'{"caption": "a dog"}'}),
                   ("d", {"png": picture(4), "json": b"{"})]
        path = write_tar(self.folder / "few.tar", members)
        spec = f"wds:{path}"
        self.fails(3, "2 of 4 items have no caption; the first: few.tar:b", "embed", self.path, "--images", spec, "--texts", spec, "-o",
                   self.folder / "out")
        self.ok("embed", self.path, "--images", spec, "--texts", spec, "-o", self.folder / "out", "--skip-bad", 2)
        self.assertEqual(self.metadata("out"), [{"key": "a", "caption": "a red thing 1"}, {"key": "c", "caption": "a dog"}])
        self.ok("embed", self.path, "--images", spec, "-o", self.folder / "images")
        self.assertEqual(np.load(self.folder / "images" / "img_emb" / "img_emb_00000.npy").shape, (4, 48))

    def test_shards_without_samples_or_end(self):
        write_tar(self.shards / "00004.tar", [])
        last = self.shards / "00003.tar"
        last.write_bytes(last.read_bytes()[: 5 * (512 + 6 * 512 + 512)])  # somewhere in it
        self.fails(3, "00003.tar is damaged|has no end-of-archive mark", "embed", self.path, "--images", self.spec, "-o", self.folder / "out")
        self.assertEqual(self.metadata("out", 4), [])
        stats = json.loads((self.folder / "out" / "stats" / "00004_stats.json").read_text())
        self.assertEqual((stats["items"], stats["rows"]), (0, 0))
        self.assertEqual(np.load(self.folder / "out" / "img_emb" / "img_emb_00004.npy").shape, (0, 48))

    def test_int8_from_a_stream(self):
        with open(self.shards / "00000.tar", "rb") as shard:
            subprocess.run([CLIPQ, "embed", self.path, "--images", "wds:-", "--dtype", "int8", "-o", self.folder / "out"], stdin=shard,
                           check=True, capture_output=True)
        self.assertEqual(np.load(self.folder / "out" / "img_emb" / "img_emb_00000.npy").dtype, np.int8)

    def test_an_interrupt_ends_a_command_that_hangs(self):
        process = subprocess.Popen([CLIPQ, "embed", self.path, "--images", "wds:pipe:sleep 600 | cat", "-o", self.folder / "out"],
                                   stderr=subprocess.PIPE)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        process.stderr.close()

    def test_folder_in_shards(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        for i in range(7):
            (pictures / f"{i}.png").write_bytes(picture(i))
        self.ok("embed", self.path, "--images", pictures, "--shard-size", 3, "-o", self.folder / "out")
        self.fails(2, '"shard_size" is 3 there and 2 now', "embed", self.path, "--images", pictures, "--shard-size", 2, "--resume", "-o",
                   self.folder / "out")
        self.fails(2, "--shard-size is for folders", "embed", self.path, "--images", self.spec, "--shard-size", 2, "-o", self.folder / "x")
        sizes = [np.load(file).shape[0] for file in sorted((self.folder / "out" / "img_emb").glob("*.npy"))]
        self.assertEqual(sizes, [3, 3, 1])
        self.fails(3, "none of 3 items has a caption", "embed", self.path, "--texts", f"images:{pictures}", "--shard-size", 3,
                   "-o", self.folder / "texts")

    @staticmethod
    def environment(variables):
        return {**os.environ, **variables}


if __name__ == "__main__":
    unittest.main()
