"""Data as users have them: captions and texts as programs write them, folders as systems leave them, pictures as Pillow
reads them. What is right comes from Python: csv, codecs, Pillow, NumPy and PyTorch."""
import csv
import io
import json
import os
import shutil
import subprocess
import unicodedata
import unittest

import numpy as np
import torch
from PIL import Image
from support import CLIPQ, CliTest, clipq, write_cifar, write_coco, worst_cosine

MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)
SENTENCES = ["A dog, running .", 'She says "hi" .', "first line\nsecond line", "plain", 'A 5" disc', "end"]


def drawn(height, width, seed=7):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


class DataFiles(CliTest):
    def setUp(self):
        super().setUp()
        self.path, self.model = self.checkpoint()

    def embedded(self, *arguments, **options):
        out = self.folder / "rows.npy"
        self.ok("embed", self.path, *arguments, "-o", out, **options)
        return np.load(out), out.with_suffix(".txt").read_text().split("\n")[:-1]

    def result(self, *arguments, **options):
        return json.loads(self.ok("eval", self.path, *arguments, "--json", **options))["results"][0]


class Captions(DataFiles):
    """The digest of the data is over pictures and captions, so that it tells whether both were read alike."""

    def setUp(self):
        super().setUp()
        self.coco = write_coco(self.folder / "coco", count=3)
        self.names = [f"{i:012d}.jpg" for i in range(3)]
        self.rows = [(self.names[i // 2], i % 2, sentence) for i, sentence in enumerate(SENTENCES)]

    def digest(self, kind, file):
        return self.result("--task", "zeroshot_retrieval", "--data", f"{kind}:{self.coco}", "--captions", file)["data"]["sha256"]

    def expected(self, rows):
        images = [{"id": i, "file_name": name} for i, name in enumerate(self.names)]
        annotations = [{"id": n, "image_id": self.names.index(name), "caption": words} for n, (name, _, words) in enumerate(rows)]
        (self.folder / "expected.json").write_text(json.dumps({"images": images, "annotations": annotations}))
        return self.digest("coco", self.folder / "expected.json")

    def written(self, header, rows, **options):
        text = io.StringIO()
        csv.writer(text, **options).writerows([*([header] if header else []), *rows])
        (self.folder / "captions.txt").write_text(text.getvalue(), newline="")
        return self.folder / "captions.txt"

    def test_what_csv_writes(self):
        expected = self.expected(self.rows)
        layouts = {
            "two columns": (["image", "caption"], [(name, words) for name, _, words in self.rows], {}),
            "Flickr30k's three": (["image_name", "comment_number", "comment"], self.rows, {}),
            "an index of pandas": (["", "image", "caption"], [(i, r[0], r[2]) for i, r in enumerate(self.rows)], {}),
            "all quoted": (["image", "caption"], [(r[0], r[2]) for r in self.rows], {"quoting": csv.QUOTE_ALL}),
            "tabs": (["filepath", "title"], [(r[0], r[2]) for r in self.rows], {"delimiter": "\t"}),
            "bars": (["image_name", "comment_number", "comment"], self.rows, {"delimiter": "|"}),
            "Unix line ends": (["caption", "image"], [(r[2], r[0]) for r in self.rows], {"lineterminator": "\n"}),
        }
        for name, (header, rows, options) in layouts.items():
            with self.subTest(name):
                self.assertEqual(self.digest("flickr", self.written(header, rows, **options)), expected)

    def test_files_of_flickr(self):
        rows = [(name, i, words.replace("\n", " ")) for name, i, words in self.rows]
        expected = self.expected(rows)
        (self.folder / "results.csv").write_text(
            "image_name| comment_number| comment\n" + "".join(f"{name}| {i}| {words}\n" for name, i, words in rows))
        (self.folder / "token.txt").write_text("".join(f"{name}#{i}\t{words}\n" for name, i, words in rows))
        for file in ("results.csv", "token.txt"):
            with self.subTest(file):
                self.assertEqual(self.digest("flickr", self.folder / file), expected)

    def test_encodings(self):
        file = self.written(["image", "caption"], [(name, words) for name, _, words in self.rows])
        expected = self.digest("flickr", file)
        text = file.read_bytes().decode()
        for encoding in ("utf-8-sig", "utf-16"):
            with self.subTest(encoding):
                file.write_bytes(text.encode(encoding))
                self.assertEqual(self.digest("flickr", file), expected)
        file.write_bytes(b"image,caption\n" + f"{self.names[0]},".encode() + b"caf\xe9\n")
        self.fails(3, r"captions\.txt:2: byte 21 of the line is 0xE9, which isn't UTF-8", "eval", self.path, "--task",
                   "zeroshot_retrieval", "--data", f"flickr:{self.coco}", "--captions", file)

    def test_a_part_of_the_images_with_all_annotations(self):
        document = json.loads((self.coco / "captions.json").read_text())
        part = dict(document, images=document["images"][1:])
        (self.folder / "part.json").write_text(json.dumps(part))
        result = self.result("--task", "zeroshot_retrieval", "--data", f"coco:{self.coco}", "--captions", self.folder / "part.json")
        self.assertEqual(result["data"]["items"], 2)
        (self.folder / "part.json").write_text(json.dumps(dict(document, images=[{"id": 99, "file_name": self.names[0]}])))
        self.fails(3, 'none of its 6 annotations belongs to one of "images"', "eval", self.path, "--task", "zeroshot_retrieval", "--data",
                   f"coco:{self.coco}", "--captions", self.folder / "part.json")

    def test_names_in_another_form_of_unicode(self):
        composed, decomposed = (unicodedata.normalize(form, "café.jpg") for form in ("NFC", "NFD"))
        (self.coco / self.names[0]).rename(self.coco / decomposed)
        (self.folder / "c.csv").write_text(f"image,caption\n{composed},a\n{self.names[1]},b\n")
        result = self.result("--task", "zeroshot_retrieval", "--data", f"flickr:{self.coco}", "--captions", self.folder / "c.csv")
        self.assertEqual(result["data"]["items"], 2)

    def test_data_are_called_what_they_are(self):
        arguments = ("--task", "zeroshot_retrieval", "--data", f"coco:{self.coco}", "--captions", self.coco / "captions.json")
        self.assertEqual(self.result(*arguments)["data"]["dataset"], "mscoco_captions")
        (self.coco / "clipq_dataset.json").write_text('{"name": "things"}')
        self.assertEqual(self.result(*arguments)["data"]["dataset"], "things")
        self.ok("demo", "--draw-only", "-o", self.folder / "drawn", "--images-per-class", "1")
        result = self.result("--data", f"cifar100:{self.folder / 'drawn' / 'cifar-100-binary'}")  # CIFAR-100's templates serve it
        self.assertEqual(result["data"]["dataset"], "clipq_shapes")


class Texts(DataFiles):
    def test_encodings(self):
        file = self.folder / "texts.txt"
        text = "a cät\na dog\n"
        file.write_text(text)
        expected, names = self.embedded("--texts", file)
        for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "utf-32"):
            with self.subTest(encoding):
                mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
                file.write_bytes(mark + text.encode(encoding))
                rows, read = self.embedded("--texts", file)
                self.assertEqual(read, names)
                np.testing.assert_array_equal(rows, expected)
        for encoding, message in (("latin-1", "texts.txt:1: byte 4 of the line is 0xE4"), ("utf-16-le", "byte 2 of the line is 0x00")):
            file.write_bytes(text.encode(encoding))
            process = self.fails(3, message, "embed", self.path, "--texts", file, "-o", self.folder / "x.npy")
            self.assertFalse((self.folder / "x.npy").exists())
            process.stderr.encode("ascii")  # no raw bytes

    def test_pipes(self):
        file = self.folder / "texts.txt"
        file.write_text("a cat\na dog\n")
        expected, _ = self.embedded("--texts", file)
        out = self.folder / "piped.npy"
        for source in ("-", "/dev/stdin"):
            process = subprocess.run([CLIPQ, "embed", self.path, "--texts", source, "-o", out], input="a cat\na dog\n", text=True,
                                     capture_output=True, check=False)
            self.assertEqual(process.returncode, 0, process.stderr)
            np.testing.assert_array_equal(np.load(out), expected)
        cifar = write_cifar(self.folder / "cifar", labels=range(3))
        (self.folder / "names.json").write_text(json.dumps([f"thing {i}" for i in range(100)]))
        script = f"""'{CLIPQ}' eval '{self.path}' --data cifar100:'{cifar}' --classnames <(cat '{self.folder}/names.json') \
                     --templates <(echo '["a {{c}}."]') --json"""
        piped = json.loads(subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout)
        (self.folder / "templates.json").write_text('["a {c}."]')
        plain = self.result("--data", f"cifar100:{cifar}", "--classnames", self.folder / "names.json", "--templates",
                            self.folder / "templates.json")
        self.assertEqual(piped["results"][0]["settings"]["prompts_sha256"], plain["settings"]["prompts_sha256"])

    def test_labels(self):
        drawn(40, 40).save(self.folder / "x.png")
        (self.folder / "labels.txt").write_bytes("cat\r\ndog\r\n".encode("utf-8-sig"))
        shown = json.loads(self.ok("classify", self.path, self.folder / "x.png", "--labels-file", self.folder / "labels.txt", "--json"))
        self.assertEqual({row["label"] for row in shown["images"][0]["labels"]}, {"cat", "dog"})

    def test_names_and_templates_a_line_each(self):
        cifar = write_cifar(self.folder / "cifar", labels=range(3))
        names = [f"thing {i}" for i in range(100)]
        (self.folder / "names.json").write_text(json.dumps(names))
        (self.folder / "names.txt").write_text("\n".join(names) + "\n\n")
        (self.folder / "templates.json").write_text('["a {c}.", "the {c}"]')
        (self.folder / "templates.txt").write_text("a {c}.\nthe {c}\n")
        sha = {kind: self.result("--data", f"cifar100:{cifar}", "--classnames", self.folder / f"names.{kind}", "--templates",
                                 self.folder / f"templates.{kind}")["settings"]["prompts_sha256"] for kind in ("json", "txt")}
        self.assertEqual(sha["json"], sha["txt"])
        (self.folder / "names.txt").write_text("\n".join(["a", "", "b"]))
        self.fails(3, "names.txt:2: the line is blank", "eval", self.path, "--data", f"cifar100:{cifar}", "--classnames",
                   self.folder / "names.txt")
        (self.folder / "cupl.json").write_text('{"apple": ["An apple is red."], "pear": ["A pear is green."]}')
        self.fails(3, r"cupl.json has prompts for each class \(\"apple\": …\), as CuPL's files do; expected templates", "eval",
                   self.path, "--data", f"cifar100:{cifar}", "--templates", self.folder / "cupl.json")

    def test_json_in_latin_1(self):
        cifar = write_cifar(self.folder / "cifar", labels=range(3))
        (self.folder / "names.json").write_bytes('["café"]'.encode("latin-1"))
        process = self.fails(3, "names.json:1: byte 6 of the line is 0xE9", "eval", self.path, "--data", f"cifar100:{cifar}",
                             "--classnames", self.folder / "names.json")
        process.stderr.encode("ascii")


class Folders(DataFiles):
    def setUp(self):
        super().setUp()
        self.names = [f"thing {i}" for i in range(12)]
        (self.folder / "templates.json").write_text('["a {c}."]')
        (self.folder / "list.json").write_text(json.dumps(self.names))
        (self.folder / "by_folder.json").write_text(json.dumps({str(i): name for i, name in enumerate(self.names)}))

    def fill(self, folders):
        shutil.rmtree(self.folder / "pics", ignore_errors=True)
        for seed, folder in enumerate(folders):
            (self.folder / "pics" / folder).mkdir(parents=True)
            drawn(32, 32, seed).save(self.folder / "pics" / folder / "x.png")

    def arguments(self, names):
        return ("--data", f"imagefolder:{self.folder / 'pics'}", "--classnames", self.folder / names, "--templates",
                self.folder / "templates.json")

    def test_numbers(self):
        self.fill(map(str, range(12)))
        listed, keyed = self.result(*self.arguments("list.json")), self.result(*self.arguments("by_folder.json"))
        self.assertEqual(listed["settings"]["folder_order"], "number")
        for rank in ("acc1", "acc5"):
            # Keyed names stand in the order of their characters, so that hits tell and classes' places don't.
            self.assertEqual(listed["outcomes"][rank]["hits"], keyed["outcomes"][rank]["hits"])
        self.assertEqual(listed["data"]["sha256"], keyed["data"]["sha256"])

    def test_two_readings(self):
        for folders, message in (([f"class_{i}" for i in range(12)], r"by number \(class_0, class_1, class_2, .*"
                                  r"in lexicographic order \(class_0, class_1, class_10"),
                                 (["3", "10"], r'folder 3 is "thing 3" \(counted from 0\), or "thing 2" \(counted from 1\)')):
            self.fill(folders)
            self.fails(2, message, "eval", self.path, *self.arguments("list.json"))

    def test_folders_without_pictures(self):
        self.fill(map(str, range(12)))
        before = self.result(*self.arguments("by_folder.json"))
        for folder in ("new_class", ".hidden", "__MACOSX"):
            (self.folder / "pics" / folder).mkdir()
        process = clipq("eval", self.path, *self.arguments("by_folder.json"), "--json")
        after = json.loads(process.stdout)["results"][0]
        self.assertEqual(after["metrics"], before["metrics"])
        self.assertIn("class folders without images skipped: 1 (new_class)", process.stderr)
        self.assertIn("new_class", after["warnings"][0])

    def test_probe_without_one_class_in_the_test_part(self):
        for part, classes in (("train", "abc"), ("test", "ac")):
            for seed, name in enumerate(classes * 2):
                target = self.folder / "parts" / part / name
                target.mkdir(parents=True, exist_ok=True)
                drawn(32, 32, 10 * ord(name) + seed + len(part)).save(target / f"{seed}.png")
        (self.folder / "parts" / "test" / "b").mkdir()
        result = self.result("--task", "linear_probe", "--data", f"imagefolder:{self.folder / 'parts'}", "--per-class")
        self.assertEqual([row["class"] for row in result["details"]["per_class"]], ["a", "c"])
        training = self.result("--task", "linear_probe", "--data", f"imagefolder:{self.folder / 'parts' / 'train'}", "--train-data",
                               f"imagefolder:{self.folder / 'parts' / 'train'}")
        self.assertEqual(training["metrics"]["lp_acc1"], 1.0)

    def test_hidden_pictures(self):
        self.fill(["0"])
        (self.folder / "pics" / "0" / "._x.png").write_bytes(b"\0\5\x16\7 AppleDouble")
        rows, names = self.embedded("--images", self.folder / "pics" / "0")
        self.assertEqual(names, ["x.png"])

    def test_home(self):
        self.fill(["0"])
        environment = dict(os.environ, HOME=str(self.folder))
        (self.folder / "one.json").write_text('["thing"]')
        arguments = ("--classnames", self.folder / "one.json", "--templates", self.folder / "templates.json")
        self.assertEqual(self.result("--data", "imagefolder:~/pics", *arguments, env=environment)["data"]["items"], 1)

    def test_cifar_as_torchvision_fetches_it(self):
        for below in ("", "cifar-100-python"):
            folder = self.folder / "cifar" / below
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("train", "test", "meta"):
                (folder / name).write_bytes(b"\x80\x02}.")
            self.fails(3, r"test\.bin does not exist.*scripts/cifar_to_binary\.py", "eval", self.path, "--data",
                       f"cifar100:{self.folder / 'cifar'}")
            shutil.rmtree(self.folder / "cifar")


class Pictures(DataFiles):
    def encoded(self, image, kind, **options):
        out = io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    def test_what_pillow_reads(self):
        rgb, other = drawn(40, 50), drawn(40, 50, 8)
        rgba = rgb.copy()
        rgba.putalpha(other.convert("L"))
        jpeg = self.encoded(rgb, "JPEG")
        tables = jpeg.index(b"\xff\xdb")
        files = {
            "alpha.tif": self.encoded(rgba, "TIFF"), "alpha_lzw.tif": self.encoded(rgba, "TIFF", compression="tiff_lzw"),
            "grey_alpha.tif": self.encoded(rgba.convert("LA"), "TIFF"), "turned.tif": self.encoded(rgba, "TIFF", tiffinfo={274: 6}),
            "animated.webp": self.encoded(rgba, "WEBP", lossless=True, save_all=True, append_images=[other]),
            "lossy.webp": self.encoded(rgba, "WEBP"), "gif.jpg": self.encoded(rgb, "GIF"),
            "animated.gif": self.encoded(rgb, "GIF", save_all=True, append_images=[other]),
            "no_iend.png": self.encoded(rgba, "PNG")[:-12], "palette.png": self.encoded(rgb.quantize(9), "PNG", transparency=3),
            "grey.pgm": self.encoded(rgb.convert("L"), "PPM"), "palette.bmp": self.encoded(rgb.quantize(9), "BMP"),
            "before_end.jpg": jpeg[:-2] + bytes(7) + jpeg[-2:], "between.jpg": jpeg[:tables] + b"\x12\x34" + jpeg[tables:],
            "two.jpg": self.encoded(rgb, "MPO", save_all=True, append_images=[other]),
        }
        for part in ("given", "expected"):
            (self.folder / part).mkdir()
        for name, data in files.items():
            (self.folder / "given" / name).write_bytes(data)
            Image.open(io.BytesIO(data)).convert("RGB").save(self.folder / "expected" / f"{name}.png")
        given, names = self.embedded("--images", self.folder / "given")
        expected, _ = self.embedded("--images", self.folder / "expected")
        self.assertEqual(names, sorted(files))
        for name, row, right in zip(names, given, expected):
            with self.subTest(name):
                if name in ("before_end.jpg", "between.jpg", "two.jpg"):  # libjpeg-turbo's releases may differ by a level
                    self.assertGreater(worst_cosine(row[None], right[None]), 0.9999)
                else:
                    np.testing.assert_array_equal(row, right)

    def test_what_is_no_picture_is_called_by_its_name(self):
        samples = {"HEIC image": b"\0\0\0\x18ftypheic" + bytes(12), "AVIF image": b"\0\0\0\x1cftypavif" + bytes(16),
                   "web page": b"<!DOCTYPE html><html>", "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n"}
        for name, data in samples.items():
            (self.folder / "x.jpg").write_bytes(data)
            self.fails(3, rf"x\.jpg is an? {name}.*which clipq doesn't support; convert it to JPEG or PNG", "classify", self.path,
                       self.folder / "x.jpg", "--labels", "a,b")

    def cropped(self, image, offset):
        """The tiny model's input by the formula of docs/data-formats.md; the short side needs no resizing."""
        top, left = offset(image.height - 32), offset(image.width - 32)
        part = np.asarray(image)[top : top + 32, left : left + 32]
        return torch.tensor(((part.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)[None])

    def test_crop_offset(self):
        image = drawn(32, 35)  # (35 - 32) / 2 = 1.5
        (self.folder / "pics").mkdir()
        image.save(self.folder / "pics" / "x.png")
        rules = {None: lambda n: round(n / 2), "half_to_even": lambda n: round(n / 2), "floor": lambda n: n // 2}
        for name, rule in rules.items():
            preprocess = {"interpolation": "bicubic"} | ({"crop_offset": name} if name else {})
            path, model = self.checkpoint("crop.pt", extra={"clipq_checkpoint.json": json.dumps({"preprocess": preprocess})})
            self.ok("embed", path, "--images", self.folder / "pics", "-o", self.folder / "e.npy")
            with torch.no_grad():
                right = model.encode_image(self.cropped(image, rule))
            np.testing.assert_allclose(np.load(self.folder / "e.npy"), right, atol=2e-4)
            self.ok("quantize", path, "--recipe", "fp16", "-o", self.folder / "q.pt")
            self.ok("embed", self.folder / "q.pt", "--images", self.folder / "pics", "-o", self.folder / "q.npy")
            np.testing.assert_allclose(np.load(self.folder / "q.npy"), right, atol=2e-2)

    def test_a_setting_of_preprocessing_that_is_not_known(self):
        for key, value, known in (("crop_offset", "ceil", "half_to_even, floor"), ("interpolation", "lanczos", "bicubic, bilinear"),
                                  ("resize_mode", "crop", "shortest, squash, longest")):
            path, _ = self.checkpoint("odd.pt", extra={"clipq_checkpoint.json": json.dumps({"preprocess": {key: value}})})
            self.fails(3, rf'unknown {key} "{value}".*nown: {known}', "inspect", path)

    def test_calibration_with_a_bad_picture(self):
        good = self.folder / "good"
        write_coco(good, count=20)
        (good / "captions.json").unlink()
        bad = shutil.copytree(good, self.folder / "bad")
        (bad / "000000000007x.jpg").write_text("no picture")
        recipe = ("quantize", self.path, "--component", "image", "--recipe", "int8-static")
        self.fails(3, r"000000000007x\.jpg.*--skip-bad", *recipe, "--calib-data", f"images:{bad}", "-o", self.folder / "b.pt")
        self.ok(*recipe, "--calib-data", f"images:{good}", "-o", self.folder / "good.pt")
        shown = self.ok(*recipe, "--calib-data", f"images:{bad}", "--skip-bad", "1", "-o", self.folder / "bad.pt")
        self.assertIn("undecodable calibration images skipped: 1 (000000000007x.jpg)", shown)
        manifests = [torch.jit.load(str(self.folder / name), _extra_files=(files := {"clipq.json": ""})) and json.loads(files["clipq.json"])
                     for name in ("good.pt", "bad.pt")]
        self.assertEqual(manifests[0]["quantizers"], manifests[1]["quantizers"])
        self.assertEqual(manifests[1]["calibration"]["skipped"], ["000000000007x.jpg"])
        self.assertEqual(manifests[1]["calibration"]["images"], 20)
        self.assertNotIn("skipped", manifests[0]["calibration"])
        (bad / "000000000008x.jpg").write_text("no picture")
        self.fails(3, r"2 of 22 images can't be decoded \(1 allowed\).*--skip-bad 2", *recipe, "--calib-data",
                   f"images:{bad}", "--skip-bad", "1", "-o", self.folder / "b.pt")


if __name__ == "__main__":
    unittest.main()
