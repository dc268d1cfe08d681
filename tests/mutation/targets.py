"""What is damaged, the command that then reads it, and what must hold of its outcome."""
import json
import math
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

import mutators

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

FORMATS = ("png", "jpg", "bmp", "webp", "tif", "gif")
RECIPE = {
    "name": "mutated",
    "comment": "every kind of rule",
    "rules": [
        {"match": "*.weight_quantizer", "format": "int8", "granularity": "channel", "bits": 8, "scheme": "symmetric"},
        {"match": "*.input_quantizer", "format": "int8", "granularity": "token", "range": "dynamic", "bits": 7},
        {"match": "*.c_proj.input_quantizer", "format": "int8", "range": "static", "observer": "percentile:99.9", "optional": True},
        {"match": "token_embedding.*", "enable": False},
    ],
    "calibration": {"observer": "max", "samples": 8},
    "algorithms": [{"name": "equalize", "alpha": 0.5}],
}
RUN = {
    "name": "mutated",
    "checkpoints": ["checkpoint"],
    "data": {"labelled": {"kind": "cifar100", "comment": "few"}, "pairs": {"kind": "coco"}},
    "recipes": ["int8-dynamic", {"recipe": "fp16", "name": "half", "optional": True}],
    "components": ["both"],
    "tasks": [{"task": "zeroshot_classification", "data": "labelled", "templates": "imagenet7", "limit": 4},
              {"task": "drift", "data": "pairs", "pairs": 2}],
    "limit": 4,
    "gates": {"max_drop": ["acc1=100"], "max_size_ratio": 1},
}
TEMPLATES = {"cifar100": ["a photo of a {c}.", "{c}"]}


class Inputs:
    """Small inputs of every kind, in a folder that mutations read and don't write to."""

    def __init__(self, program, server, folder):
        from support import export, tiny_clip, write_cifar, write_coco

        self.program, self.server, self.folder = program, server, folder
        self.checkpoint = folder / "tiny.pt"
        extra = {"clipq_checkpoint.json": json.dumps({"activation": "quick_gelu", "vision_heads": 2, "text_heads": 1,
                                                      "preprocess": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}})}
        export(tiny_clip(width=128, layers=1), self.checkpoint, extra)
        self.coco, self.cifar = write_coco(folder / "coco", count=6), write_cifar(folder / "cifar", labels=range(6))
        self.many = write_coco(folder / "many", count=96)
        self._write_texts()
        self._write_containers()
        self._write_pictures()
        self.artifacts = [self._quantized(recipe) for recipe in ("int8-dynamic", "int8-static", "fp8-max", "int4-weight-only")]
        self.safetensors_artifact = self._quantized("int8-dynamic", "safetensors")
        self._write_results()
        self.calibration = self._cut_calibration()
        self._write_run()
        self.features = folder / "features"
        self.run(*self.with_features(self.features), "-o", folder / "features.json")

    def run(self, *arguments):
        outcome = self.server.run(arguments)
        if outcome.code != 0:
            raise RuntimeError(f"the whole inputs fail: {arguments}: {outcome.stderr}")

    def _write_texts(self):
        self.folder.joinpath("texts.txt").write_text("red\nblue\na red thing\nsomething blue & red\n")
        self.folder.joinpath("merges.txt").write_text("#version: test\nr e\nre d</w>\nb l\nbl u\nblu e</w>\n")
        self.folder.joinpath("classnames.json").write_text(json.dumps({"cifar100": [f"thing {i}" for i in range(100)]}))
        self.folder.joinpath("templates.json").write_text(json.dumps(TEMPLATES))
        self.folder.joinpath("recipe.json").write_text(json.dumps(RECIPE))
        self.folder.joinpath("run.json").write_text(json.dumps(RUN))
        rows = [f"{i:012d}.jpg,{j},a red thing {i}" for i in range(6) for j in range(2)]
        self.folder.joinpath("captions.csv").write_text("\n".join(["image,caption_number,caption", *rows]) + "\n")

    def _write_containers(self):
        """One CLIP in every container other than TorchScript, and in hubs' folders."""
        import siglip_torch
        import test_checkpoint_kinds as kinds
        from support import MERGES, pixels, tiny_clip, tokens

        torch = kinds.torch
        clip = tiny_clip(width=128, layers=1, text_width=128).eval()
        state = kinds.state_of(clip)
        own = json.dumps({"activation": "quick_gelu", "vision_heads": 2, "text_heads": 2})
        documents = {"bpe_vocab": MERGES, "clipq_checkpoint.json": own}
        kinds.save_safetensors(state, self.folder / "tiny.safetensors", documents)
        torch.save({"epoch": 1, "state_dict": state}, self.folder / "zip.pth")
        torch.save({"epoch": 1, "state_dict": state}, self.folder / "legacy.pth", _use_new_zipfile_serialization=False)
        torch.export.save(torch.export.export(clip, (pixels(), tokens()), strict=False), self.folder / "tiny.pt2", extra_files=documents)
        hub = self.folder / "hub"
        hub.mkdir()
        named = kinds.hugging_face_names(state)
        names = sorted(named)
        files = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
        for file, part in files.items():
            kinds.save_safetensors({name: named[name] for name in part}, hub / file)
        merges = [line.split() for line in MERGES.splitlines()[1:]]
        vocabulary = {"!": 0, "~": 93, "!</w>": 256} | {"".join(pair): 512 + i for i, pair in enumerate(merges)}
        bpe = {"type": "BPE", "end_of_word_suffix": "</w>", "merges": merges, "vocab": vocabulary}
        texts = {"model.safetensors.index.json": {"weight_map": {name: file for file, part in files.items() for name in part}},
                 "config.json": kinds.HUGGING_FACE_CONFIG, "preprocessor_config.json": kinds.HUGGING_FACE_PREPROCESSOR,
                 "clipq_checkpoint.json": {"preprocess": {"crop_offset": "floor"}}, "vocab.json": vocabulary,
                 "tokenizer.json": {"model": bpe}}
        for name, content in texts.items():
            (hub / name).write_text(json.dumps(content))
        (hub / "merges.txt").write_text(MERGES)
        open_clip = self.folder / "open_clip"
        open_clip.mkdir()
        torch.save(state, open_clip / "open_clip_pytorch_model.bin")
        (open_clip / "open_clip_config.json").write_text(json.dumps(kinds.OPEN_CLIP_CONFIG))
        (open_clip / "merges.txt").write_text(MERGES)
        self._write_towers(kinds, clip, named)
        for kind in ("siglip", "gemma"):
            siglip_torch.folder_with_tokenizer(kind, self.folder / kind, kinds.save_safetensors)

    def _write_towers(self, kinds, clip, named):
        """The image tower as an archive, the text tower as a folder of Hugging Face's."""
        from support import MERGES, pixels

        torch = kinds.torch
        with torch.no_grad():
            torch.jit.save(torch.jit.trace(clip.visual, pixels(2), check_trace=False), str(self.folder / "image.pt"))
        text = self.folder / "text"
        text.mkdir()
        kinds.save_safetensors({name: tensor for name, tensor in named.items() if name.startswith("text_")}, text / "model.safetensors")
        (text / "config.json").write_text(json.dumps(kinds.HUGGING_FACE_CONFIG["text_config"] | {"model_type": "clip_text_model"}))
        (text / "merges.txt").write_text(MERGES)

    def told(self):
        """Options that tell what a file without documents doesn't."""
        return ["--heads", "2", "--activation", "quick_gelu", "--bpe", self.folder / "merges.txt"]

    def _write_pictures(self):
        from PIL import Image

        picture = Image.fromarray(np.random.default_rng(8).integers(0, 256, (40, 50, 3), np.uint8))
        for ending in FORMATS:
            picture.save(self.folder / f"picture.{ending}")

    def calibrated(self):
        return ["--calib-data", f"coco:{self.coco}", "--calib-captions", self.coco / "captions.json"]

    def _quantized(self, recipe, ending="pt"):
        output = self.folder / f"{recipe}.{ending}"
        self.run("quantize", self.checkpoint, "--recipe", recipe, *self.calibrated(), "-o", output)
        return output

    def _write_results(self):
        models = [self.checkpoint, self.artifacts[0]]
        self.run("eval", *models, "--no-cache", "--data", f"cifar100:{self.cifar}", "-o", self.folder / "eval.json")
        self.run("eval", *models, "--no-cache", "--task", "drift", "--data", f"coco:{self.coco}", "--captions",
                 self.coco / "captions.json", "-o", self.folder / "drift.json")
        self.run("eval", *models, "--no-cache", "--task", "layers", "--data", f"coco:{self.coco}", "--captions",
                 self.coco / "captions.json", "-o", self.folder / "layers.json")
        self.run("bench", *models, "--batch-size", "1", "--seconds", "0.01", "--warm-up", "0", "-o", self.folder / "bench.json")

    def cut_quantize(self, output):
        return ["quantize", self.checkpoint, "--recipe", "fp8-max", "--calib-data", f"coco:{self.many}", "--calib-captions",
                self.many / "captions.json", "--save-every", "0", "-o", output]

    def _cut_calibration(self):
        """The state of a calibration that was killed."""
        state = self.folder / "cut.pt.calibration.ranges"
        for _ in range(50):
            process = subprocess.Popen([self.program, *map(str, self.cut_quantize(self.folder / "cut.pt"))],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and not state.exists():
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.wait()
            if state.exists():
                return state
        raise RuntimeError("no calibration could be cut short")

    def run_arguments(self, file, folder):
        return ["run", file, "--no-cache", "--resume", "-o", folder, "--set", f"checkpoint={self.checkpoint}", "--set",
                f"data.labelled={self.cifar}", "--set", f"data.pairs={self.coco}", "--set",
                f"data.pairs.captions={self.coco / 'captions.json'}"]

    def _write_run(self):
        self.run(*self.run_arguments(self.folder / "run.json", self.folder / "run"))

    def with_features(self, cache):
        return ["eval", self.checkpoint, "--cache", cache, "--data", f"cifar100:{self.cifar}"]


def without_times(name, content, folder):
    """What of a file is the same in every run, wherever its folder lies."""
    content = content.replace(str(folder).encode(), b"FOLDER")
    if name.endswith(("report.md", "report.html", "report.json", ".txt")):
        return b""
    if not name.endswith(".json"):
        return content
    document = json.loads(content)
    document.pop("checksum", None)
    if "outcome" in document:
        document["outcome"].pop("report", None)  # of quantize, with its seconds
    for result in document.get("results") or document.get("outcome", {}).get("results") or []:
        result.pop("environment", None)
        result.get("model", {}).pop("path", None)
    return json.dumps(document)


# What commands need besides a model: a batch of pictures, LibTorch's and OpenCV's own.
WORKING_MEMORY = 48 << 20


def allowance(model):
    """How many bytes may be allocated for a model of that size: its float32 form, and as much again."""
    files = [model] if model.is_file() else list(model.iterdir())
    return WORKING_MEMORY + 2 * sum(file.stat().st_size for file in files)


class Case:
    """One damaged input: where it lies, and the command to run in a folder of its own."""

    def __init__(self, arguments, outputs=(), whole=None, model=None):
        self.model = model      # for which memory is to be bounded
        self.arguments = [str(word) for word in arguments]
        self.outputs = outputs  # files that must be finite at exit 0
        self.whole = whole      # (folder, folder of the outcome without damage): what must be equal at exit 0


def damage(rng, source, target, mutate):
    data = source.read_bytes()
    target.write_bytes(mutate(rng, data))
    return target


def any_model_command(rng, inputs, model, place, options=()):
    case = any_command(rng, inputs, model, place, options)
    case.model = model
    return case


def any_command(rng, inputs, model, place, options):
    return rng.choice((
        lambda: Case(["embed", model, "--texts", inputs.folder / "texts.txt", "-o", place / "e.npy", *options], [place / "e.npy"]),
        lambda: Case(["embed", model, "--images", inputs.coco, "-o", place / "e.npy", *options], [place / "e.npy"]),
        lambda: Case(["classify", model, inputs.folder / "picture.png", "--labels", "red,blue", "--json", *options]),
        lambda: Case(["embed", model, "--texts", inputs.folder / "texts.txt", "--mode", "simulate", "-o", place / "e.npy", *options],
                     [place / "e.npy"]),
        lambda: Case(["inspect", model, "--json", *options]),
    ))()


def checkpoint(rng, inputs, place):
    model = damage(rng, inputs.checkpoint, place / "m.pt", mutators.archive)
    if rng.random() < 0.25:
        return Case(["quantize", model, "-o", place / "q.pt", "--json"])
    if rng.random() < 0.15:
        return Case(["quantize", model, "--recipe", "fp8-max", *inputs.calibrated(), "-o", place / "q.pt", "--json"])
    return any_model_command(rng, inputs, model, place)


def artifact(rng, inputs, place):
    source = rng.choice([*inputs.artifacts, inputs.safetensors_artifact])
    is_archive = source.suffix == ".pt"
    model = damage(rng, source, place / f"m{source.suffix}", mutators.archive if is_archive else mutators.safetensors)
    return any_model_command(rng, inputs, model, place)


def safetensors(rng, inputs, place):
    model = damage(rng, inputs.folder / "tiny.safetensors", place / "m.safetensors", mutators.safetensors)
    return any_model_command(rng, inputs, model, place)


def torch_save(rng, inputs, place):
    model = damage(rng, inputs.folder / "zip.pth", place / "m.pth", mutators.archive)
    return any_model_command(rng, inputs, model, place, inputs.told())


def legacy_torch_save(rng, inputs, place):
    model = damage(rng, inputs.folder / "legacy.pth", place / "m.pth", mutators.legacy_torch_save)
    return any_model_command(rng, inputs, model, place, inputs.told())


def torch_export(rng, inputs, place):
    model = damage(rng, inputs.folder / "tiny.pt2", place / "m.pt2", mutators.archive)
    return any_model_command(rng, inputs, model, place)


def damaged_folder(rng, source, target, name, mutate):
    """A folder of which one file is damaged; the others are those of the whole one."""
    target.mkdir()
    for file in source.iterdir():
        if file.name == name:
            damage(rng, file, target / name, mutate)
        else:
            (target / file.name).symlink_to(file)
    return target


def shards(rng, inputs, place):
    name, mutate = rng.choice((("model.safetensors.index.json", mutators.json_or_bytes), ("model-1.safetensors", mutators.safetensors)))
    folder = damaged_folder(rng, inputs.folder / "hub", place / "hub", name, mutate)
    return any_model_command(rng, inputs, folder, place)


def hub_documents(rng, inputs, place):
    source, name = rng.choice([("open_clip", "open_clip_config.json"), *(("hub", name) for name in (
        "config.json", "preprocessor_config.json", "clipq_checkpoint.json", "tokenizer.json", "vocab.json", "merges.txt"))])
    mutate = mutators.text_or_bytes if name == "merges.txt" else mutators.json_or_bytes
    folder = damaged_folder(rng, inputs.folder / source, place / "model", name, mutate)
    if name == "tokenizer.json":  # which is read where there are no merges
        (folder / "merges.txt").unlink()
    return any_model_command(rng, inputs, folder, place)


def tokenizers(rng, inputs, place):
    source, name = rng.choice((("siglip", "spiece.model"), ("siglip", "tokenizer_config.json"), ("gemma", "tokenizer.json"),
                               ("gemma", "tokenizer_config.json"), ("siglip", "config.json"), ("siglip", "model.safetensors")))
    mutate = {"spiece.model": mutators.bytes_of, "model.safetensors": mutators.safetensors}.get(name, mutators.json_or_bytes)
    folder = damaged_folder(rng, inputs.folder / source, place / "model", name, mutate)
    return any_model_command(rng, inputs, folder, place)


def towers(rng, inputs, place):
    """A tower alone: an archive whose forward takes images, and a folder of Hugging Face's."""
    if rng.random() < 0.5:
        return any_model_command(rng, inputs, damage(rng, inputs.folder / "image.pt", place / "m.pt", mutators.archive), place)
    name, mutate = rng.choice((("config.json", mutators.json_or_bytes), ("model.safetensors", mutators.safetensors),
                               ("merges.txt", mutators.text_or_bytes)))
    return any_model_command(rng, inputs, damaged_folder(rng, inputs.folder / "text", place / "text", name, mutate), place)


def flipped_archive(rng, inputs, place):
    """A bit within the archive: its CRCs tell, or it changes nothing."""
    source = rng.choice([inputs.checkpoint, *inputs.artifacts, inputs.safetensors_artifact])
    model = damage(rng, source, place / f"m{source.suffix}", mutators.flip_bits)
    output = place / "out"
    output.mkdir()
    whole = inputs.folder / f"whole {source.name}"
    arguments = ["embed", model, "--images", inputs.coco, "-o"]
    if not whole.exists():
        whole.mkdir()
        inputs.run("embed", source, "--images", inputs.coco, "-o", whole / "e.npy")
    return Case([*arguments, output / "e.npy"], [output / "e.npy"], (output, whole))


def recipe(rng, inputs, place):
    file = damage(rng, inputs.folder / "recipe.json", place / "r.json", mutators.json_or_bytes)
    dry = ["--dry-run"] if rng.random() < 0.4 else ["-o", place / "q.pt"]
    return Case(["quantize", inputs.checkpoint, "--recipe", file, *inputs.calibrated(), "--json", *dry])


def run_file(rng, inputs, place):
    file = damage(rng, inputs.folder / "run.json", place / "r.json", mutators.json_or_bytes)
    return Case(inputs.run_arguments(file, place / "out"), [place / "out" / "results.json"])


def results(rng, inputs, place):
    kinds = [inputs.folder / f"{name}.json" for name in ("eval", "drift", "layers", "bench")]
    chosen = rng.choice(kinds)
    file = damage(rng, chosen, place / "r.json", mutators.json_or_bytes)
    if rng.random() < 0.5:
        return Case(["report", file, *(each for each in kinds if each != chosen), "-o", place / "report"])
    sides = [file, chosen] if rng.random() < 0.5 else [chosen, file]
    return Case(["compare", "--base", sides[0], "--new", sides[1], "--max-drop", "acc1=50", "--max-size-ratio", "2", "--json"])


def calibration(rng, inputs, place):
    damage(rng, inputs.calibration, place / "cut.pt.calibration.ranges", mutators.bytes_of)
    whole = inputs.folder / "whole calibration"
    if not whole.exists():
        whole.mkdir()
        inputs.run(*inputs.cut_quantize(whole / "cut.pt"))
    return Case([*inputs.cut_quantize(place / "cut.pt"), "--resume"], whole=(place, whole))


def run_record(rng, inputs, place):
    folder = place / "run"
    shutil.copytree(inputs.folder / "run", folder)
    record = rng.choice(sorted((folder / "items").iterdir()))
    damage(rng, record, record, mutators.json_or_bytes)
    return Case(inputs.run_arguments(inputs.folder / "run.json", folder), whole=(folder, inputs.folder / "run"))


def feature_cache(rng, inputs, place):
    cache = place / "cache"
    shutil.copytree(inputs.features, cache)
    file = rng.choice(sorted(cache.iterdir()))
    damage(rng, file, file, mutators.bytes_of)
    output, whole = place / "out", inputs.folder / "whole features"
    output.mkdir()
    if not whole.exists():
        whole.mkdir()
        shutil.copy(inputs.folder / "features.json", whole / "features.json")
    return Case([*inputs.with_features(cache), "-o", output / "features.json"], whole=(output, whole))


def picture(rng, inputs, place):
    pictures = place / "pictures"
    pictures.mkdir()
    for ending in FORMATS:  # as many damaged ones as a start of the program can see
        for i in range(2):
            damage(rng, inputs.folder / f"picture.{ending}", pictures / f"{i}.{ending}", mutators.bytes_of)
    shutil.copy(inputs.folder / "picture.png", pictures / "whole.png")
    return Case(["embed", inputs.checkpoint, "--images", pictures, "--skip-bad", 100, "-o", place / "e.npy"], [place / "e.npy"])


def captions(rng, inputs, place):
    kind, name, mutate = rng.choice((("coco", inputs.coco / "captions.json", mutators.json_or_bytes),
                                     ("flickr", inputs.folder / "captions.csv", mutators.text_or_bytes)))
    file = damage(rng, name, place / name.name, mutate)
    return Case(["eval", inputs.checkpoint, "--no-cache", "--task", "zeroshot_retrieval", "--data", f"{kind}:{inputs.coco}", "--captions",
                 file, "-o", place / "r.json", "--json"])


def words(rng, inputs, place):
    option, name = rng.choice((("--classnames", "classnames.json"), ("--templates", "templates.json")))
    file = damage(rng, inputs.folder / name, place / name, mutators.json_or_bytes)
    return Case(["eval", inputs.checkpoint, "--no-cache", "--data", f"cifar100:{inputs.cifar}", option, file, "--json"])


def texts(rng, inputs, place):
    file = damage(rng, inputs.folder / "texts.txt", place / "t.txt", mutators.text_or_bytes)
    if rng.random() < 0.5:
        return Case(["classify", inputs.checkpoint, inputs.folder / "picture.png", "--labels-file", file, "--json"])
    return Case(["embed", inputs.checkpoint, "--texts", file, "-o", place / "e.npy"], [place / "e.npy"])


def merges(rng, inputs, place):
    file = damage(rng, inputs.folder / "merges.txt", place / "merges.txt", mutators.text_or_bytes)
    return Case(["embed", inputs.checkpoint, "--texts", inputs.folder / "texts.txt", "--bpe", file, "-o", place / "e.npy"],
                [place / "e.npy"])


TARGETS = {each.__name__: each for each in (checkpoint, artifact, safetensors, shards, torch_save, legacy_torch_save, torch_export,
                                            hub_documents, tokenizers, towers, flipped_archive, recipe, run_file, results, calibration, run_record,
                                            feature_cache, picture, captions, words, texts, merges)}

# What reads models and what belongs to them.
READERS = ("checkpoint", "artifact", "safetensors", "shards", "torch_save", "legacy_torch_save", "torch_export", "hub_documents",
           "tokenizers", "towers", "merges")

# What nobody should read in a message.
RAW = ("internal error", "terminate called", "AddressSanitizer", "runtime error:", "json.exception", "filesystem error", "frame #",
       "Exception raised from", "std::", "basic_string", "vector::", "PytorchStreamReader", "INTERNAL ASSERT")


def finite(value):
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(finite(each) for each in value.values())
    return all(finite(each) for each in value) if isinstance(value, list) else True


def verdict(case, outcome):
    """What is wrong with how the command ended; empty if nothing is."""
    code, out, log = outcome.code, outcome.stdout, outcome.stderr
    if code not in (0, 2, 3, 4):
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    if case.model is not None and outcome.peak > allowance(case.model):
        return f"allocates {outcome.peak} bytes"
    for words_of_others in RAW:
        if words_of_others in log + out:
            return f'says "{words_of_others}"'
    if code != 0:
        return "" if log.strip() else "fails without a word"
    if "--json" in case.arguments and not finite(json.loads(out)):
        return "gives numbers that aren't finite"
    for file in case.outputs:
        if file.suffix == ".npy" and not np.isfinite(np.load(file)).all():
            return f"{file.name} isn't finite"
        if file.suffix == ".json" and not finite(json.loads(file.read_text())):
            return f"{file.name} isn't finite"
    return changed(case)


def changed(case):
    """How the outcome differs from that without damage."""
    if case.whole is None:
        return ""
    folder, whole = case.whole
    for file in sorted(path for path in whole.rglob("*") if path.is_file() and not path.name.startswith(".")):
        name = str(file.relative_to(whole))
        if without_times(name, (folder / name).read_bytes(), folder) != without_times(name, file.read_bytes(), whole):
            return f"{name} is another than without the damage"
    return ""
