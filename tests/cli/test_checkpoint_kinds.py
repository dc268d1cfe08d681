"""Checkpoints in other containers than TorchScript and with other names than OpenAI's: what loads gives the model's own embeddings,
and what doesn't says what it is."""
import io
import json
import pathlib
import pickletools
import struct
import unittest
import zipfile

import numpy as np
import torch
from PIL import Image
from torch import nn

from support import CONTEXT, MERGES, VOCABULARY, CliTest, clipq, export, pixels, tiny_clip, tokens, worst_cosine

HEADS = ("--heads", "2", "--activation", "quick_gelu")
SAFETENSORS_TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64"}
TEXTS = ["red blue", "blue", "a red thing"]


def save_safetensors(tensors, path, metadata=None):
    """The format by its description, without the library."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.dim() else tensor.reshape(1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": SAFETENSORS_TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def random_clip():
    """With norms away from 1 and 0, so that two of them can't be swapped unnoticed, and two heads in both towers."""
    clip = tiny_clip(text_width=128).eval()
    for module in clip.modules():
        if isinstance(module, nn.LayerNorm):
            module.weight.data += 0.2 * torch.randn_like(module.weight)
            module.bias.data += 0.2 * torch.randn_like(module.bias)
    return clip


def state_of(clip):
    return {name: tensor.detach().clone() for name, tensor in clip.state_dict().items()}


def hugging_face_names(state):
    """The same tensors as transformers' CLIPModel names and lays them out."""
    out = {}
    for name, tensor in state.items():
        tower, rest = ("vision_model", name[7:]) if name.startswith("visual.") else ("text_model", name)
        if rest.startswith("transformer.resblocks."):
            number, part = rest[22:].split(".", 1)
            layer = f"{tower}.encoder.layers.{number}."
            if part.startswith("attn.in_proj_"):
                for letter, rows in zip("qkv", tensor.chunk(3)):
                    out[f"{layer}self_attn.{letter}_proj.{part[13:]}"] = rows.clone()
                continue
            for ours, theirs in (("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
                                 ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                part = part.replace(ours, theirs)
            out[layer + part] = tensor
        elif rest in ("proj", "text_projection"):
            out["visual_projection.weight" if rest == "proj" else "text_projection.weight"] = tensor.t().contiguous()
        elif rest == "logit_scale":
            out[rest] = tensor
        else:
            for ours, theirs in (("class_embedding", "embeddings.class_embedding"), ("conv1.weight", "embeddings.patch_embedding.weight"),
                                 ("positional_embedding", "embeddings.position_embedding.weight"), ("ln_pre", "pre_layrnorm"),
                                 ("ln_post", "post_layernorm"), ("token_embedding.weight", "embeddings.token_embedding.weight"),
                                 ("ln_final", "final_layer_norm")):
                if rest.startswith(ours):
                    out[f"{tower}.{theirs}{rest[len(ours):]}"] = tensor
    out["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    return out


HUGGING_FACE_CONFIG = {
    "model_type": "clip", "projection_dim": 48,
    "vision_config": {"hidden_size": 128, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
    "text_config": {"hidden_size": 128, "num_attention_heads": 2, "vocab_size": VOCABULARY, "eos_token_id": VOCABULARY - 1,
                    "max_position_embeddings": CONTEXT}}
HUGGING_FACE_PREPROCESSOR = {
    "crop_size": {"height": 32, "width": 32}, "do_center_crop": True, "do_normalize": True, "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "resample": 3, "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 32}}
OPEN_CLIP_CONFIG = {
    "model_cfg": {"embed_dim": 48, "quick_gelu": True, "vision_cfg": {"image_size": 32, "layers": 2, "width": 128, "patch_size": 8},
                  "text_cfg": {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 128, "heads": 2, "layers": 2}},
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bicubic", "resize_mode": "shortest"}}


class CheckpointKinds(CliTest):
    def setUp(self):
        super().setUp()
        self.clip = random_clip()
        (self.folder / "merges.txt").write_text(MERGES)
        (self.folder / "texts.txt").write_text("".join(text + "\n" for text in TEXTS))
        self.images = self.folder / "images"
        self.images.mkdir()
        generator = np.random.default_rng(2)
        for i, size in enumerate(((32, 43), (50, 40), (43, 32))):  # at 43, Hugging Face crops a pixel before OpenAI
            Image.fromarray(generator.integers(0, 256, (*size, 3), np.uint8)).save(self.images / f"{i}.png")

    def embeddings_of(self, path, *options):
        """Embeddings of some texts and images."""
        rows = []
        for source in (("--texts", self.folder / "texts.txt"), ("--images", self.images)):
            self.ok("embed", path, *source, "-o", self.folder / "rows.npy", *options)
            rows.append(np.load(self.folder / "rows.npy"))
        return np.concatenate(rows)

    def expected(self, preprocess=None):
        """By the archive that the other tests use, which is compared with its own code."""
        extra = {"clipq_checkpoint.json": json.dumps({"preprocess": preprocess})} if preprocess else None
        export(self.clip, self.folder / "reference.pt", extra)
        return self.embeddings_of(self.folder / "reference.pt")

    def assert_same(self, path, *options, preprocess=None):
        expected = self.expected(preprocess)
        found = self.embeddings_of(path, *options)
        self.assertGreater(worst_cosine(found, expected), 0.999999)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(expected, axis=1), rtol=1e-4)

    def inspected(self, path, *options):
        return json.loads(self.ok("inspect", path, "--json", *options))

    def merges(self):
        return ("--bpe", self.folder / "merges.txt")

    def test_safetensors_of_every_float_type(self):
        for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
            self.clip = random_clip().to(dtype).float()
            path = save_safetensors({name: tensor.to(dtype) for name, tensor in state_of(self.clip).items()},
                                    self.folder / f"{dtype}.safetensors"[6:])
            self.assert_same(path, *HEADS, *self.merges())
            found = self.inspected(path, *HEADS, *self.merges())
            self.assertEqual((found["container"], found["dialect"]), ("safetensors", "OpenAI CLIP"))
            self.assertIn("no code, and no samples", found["unchecked"])

    def test_what_nothing_tells_must_be_given(self):
        path = save_safetensors(state_of(self.clip), self.folder / "a.safetensors")
        self.fails(2, r"number of heads of its image tower.*--heads", "inspect", path, *self.merges(), "--activation", "quick_gelu")
        self.fails(2, r"the activation can't be told.*--activation", "inspect", path, *self.merges(), "--heads", "2")

    def test_samples_prove_a_file_and_tell_what_it_does_not(self):
        image, text = pixels(), tokens()
        with torch.no_grad():
            samples = {"clipq_samples.pixels": image, "clipq_samples.tokens": text,
                       "clipq_samples.image": self.clip.encode_image(image), "clipq_samples.text": self.clip.encode_text(text)}
        path = save_safetensors(state_of(self.clip) | samples, self.folder / "a.safetensors", {"bpe_vocab": MERGES})
        found = self.inspected(path)
        self.assertLess(found["parity"]["image"]["error"], 5e-6)
        self.assertNotIn("unchecked", found)
        self.assertIn("compared with the samples in the file: image", self.ok("inspect", path))
        self.assert_same(path)
        samples["clipq_samples.text"] = samples["clipq_samples.text"].flip(0)
        path = save_safetensors(state_of(self.clip) | samples, self.folder / "b.safetensors", {"bpe_vocab": MERGES})
        self.fails(3, "text tower's embeddings aren't those of the samples in the file", "inspect", path)
        del samples["clipq_samples.text"]
        path = save_safetensors(state_of(self.clip) | samples, self.folder / "c.safetensors", {"bpe_vocab": MERGES})
        self.fails(3, 'sample "clipq_samples.text" is missing', "inspect", path)

    def saved_objects(self):
        """What people pass to torch.save."""
        state = self.clip.state_dict()
        optimizer = torch.optim.AdamW(self.clip.parameters())
        self.clip.encode_image(pixels()).sum().backward()
        optimizer.step()
        self.clip.load_state_dict(state := {name: tensor.clone() for name, tensor in state.items()})
        return {"state.pt": self.clip.state_dict(),
                "training.pt": {"epoch": 3, "state_dict": {f"module.{n}": t for n, t in state.items()},
                                "optimizer": optimizer.state_dict(), "name": "run"},
                "module.pt": nn.DataParallel(self.clip)}

    def test_torch_save_of_state_dicts_training_checkpoints_and_modules(self):
        for is_zip, container in ((True, "torch.save file"), (False, "legacy torch.save file")):
            for name, content in self.saved_objects().items():
                torch.save(content, self.folder / name, _use_new_zipfile_serialization=is_zip)
                self.assert_same(self.folder / name, *HEADS, *self.merges())
                self.assertEqual(self.inspected(self.folder / name, *HEADS, *self.merges())["container"], container)

    def test_tensors_that_share_storages_or_are_views(self):
        for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
            self.clip = random_clip().to(dtype).float()
            state = {name: tensor.to(dtype) for name, tensor in state_of(self.clip).items()}
            both = torch.stack((state["ln_final.weight"], state["ln_final.bias"]))
            state |= {"ln_final.weight": both[0], "ln_final.bias": both[1], "text_projection": state["text_projection"].t().contiguous().t()}
            for is_zip in (True, False):
                torch.save(state, self.folder / "a.pt", _use_new_zipfile_serialization=is_zip)
                self.assert_same(self.folder / "a.pt", *HEADS, *self.merges())

    def test_damaged_legacy_files(self):
        torch.save(self.clip.state_dict(), self.folder / "a.pt", _use_new_zipfile_serialization=False)
        whole = (self.folder / "a.pt").read_bytes()
        pickles = io.BytesIO(whole)
        for _ in range(5):
            for _ in pickletools.genops(pickles):
                pass
        storages = pickles.tell()
        numbers = struct.unpack_from("<Q", whole, storages)[0]  # of any storage: torch orders them by their addresses
        cases = [(whole[:length], "ends early|can't be read|claims .* numbers|a name without an end|damaged")
                 for length in (15, 16, 100, storages - 1, storages, storages + 7, storages + 20, len(whole) - 1)]
        cases += [(whole[:storages] + struct.pack("<Q", count) + whole[storages + 8 :], "claims .* numbers") for count in (2**62, 2**64 - 1)]
        cases += [(whole[:storages] + struct.pack("<Q", numbers + 1) + whole[storages + 8 :], "claims|expected .* numbers"),
                  (whole.replace(b"\x80\x02M\xe9\x03.", b"\x80\x02M\xea\x03."), "unknown protocol; expected 1001"),
                  (whole.replace(b"FloatStorage", b"QInt8Storage"), "torch QInt8Storage, which has no place"),
                  (whole[:15] + b"\x80\x02M\xe9\x03.N.N.).", "no tensors by name")]
        for content, pattern in cases:
            (self.folder / "a.pt").write_bytes(content)
            self.fails(3, pattern, "inspect", self.folder / "a.pt", *HEADS, *self.merges())

    def exported(self, **settings):
        documents = {"clipq_checkpoint.json": json.dumps({"activation": "quick_gelu", "vision_heads": 2, "text_heads": 2} | settings),
                     "bpe_vocab": MERGES}
        dtype = self.clip.visual.conv1.weight.dtype
        program = torch.export.export(self.clip, (pixels().to(dtype), tokens()), strict=False)
        torch.export.save(program, self.folder / "a.pt2", extra_files=documents)
        return self.folder / "a.pt2"

    def test_program_of_torch_export(self):
        for dtype in (torch.float32, torch.bfloat16):
            clip = random_clip().to(dtype)
            self.clip = clip
            path = self.exported()
            self.clip = random_clip()
            self.clip.load_state_dict(clip.state_dict())
            self.assert_same(path)
            found = self.inspected(path)
            self.assertEqual((found["container"], found["dialect"]), ("torch.export program", "OpenAI CLIP"))
            self.assertIn("no code, and no samples", found["unchecked"])

    def rewritten(self, path, change):
        """The program with its weights' descriptions changed."""
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(self.folder / "b.pt2", "w") as target:
            for name in source.namelist():
                content = source.read(name)
                if name.endswith("weights_config.json"):
                    config = json.loads(content)
                    change(config["config"])
                    content = json.dumps(config)
                target.writestr(name, content)
        return self.folder / "b.pt2"

    def test_programs_that_are_damaged_or_not_supported(self):
        path, name = self.exported(), "visual.proj"
        meta = lambda **values: lambda config: config[name]["tensor_meta"].update(values)
        for change, pattern in ((lambda config: config[name].update(use_pickle=True), f'"{name}" is pickled.*safetensors'),
                                (lambda config: config[name].update(path_name="none"), '"a/data/weights/none" is missing'),
                                (lambda config: config.update({name: 3}), "isn't a dense tensor|description that is damaged"),
                                (meta(layout=1), "isn't a dense tensor"), (meta(dtype=10), "is of type 10 of torch.export"),
                                (meta(dtype=8), "doesn't fit"), (meta(sizes=[{"as_int": 2**40}, {"as_int": 2**40}]), "doesn't fit"),
                                (meta(strides=[{"as_int": -1}, {"as_int": 1}]), "damaged"), (meta(sizes=[{"as_expr": "s0"}, 4]), "damaged"),
                                (meta(storage_offset={"as_int": 4}), "doesn't fit"), (meta(sizes=[{"as_int": 1}] * 99), "damaged")):
            self.fails(3, pattern, "inspect", self.rewritten(path, change))
        with zipfile.ZipFile(self.folder / "old.pt2", "w") as archive:
            archive.writestr("version", "7.4")
            archive.writestr("serialized_exported_program.json", "{}")
            archive.writestr("serialized_state_dict.pt", "")
        self.fails(3, "torch.export from an older PyTorch.*safetensors", "inspect", self.folder / "old.pt2")


    def test_folder_of_hugging_face(self):
        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(hugging_face_names(state_of(self.clip)), folder / "model.safetensors", {"format": "pt"})
        (folder / "config.json").write_text(json.dumps(HUGGING_FACE_CONFIG))
        (folder / "preprocessor_config.json").write_text(json.dumps(HUGGING_FACE_PREPROCESSOR))
        (folder / "merges.txt").write_text(MERGES)
        floor = {"mean": [0.5] * 3, "std": [0.25] * 3, "crop_offset": "floor"}
        self.assert_same(folder, preprocess=floor)
        found = self.inspected(folder)
        self.assertEqual(found["dialect"], "Hugging Face CLIPModel")
        self.assertNotIn("preprocessing", found["unchecked"])
        (folder / "clipq_checkpoint.json").write_text(json.dumps({"preprocess": {"crop_offset": "half_to_even"}}))
        self.assert_same(folder, preprocess=floor | {"crop_offset": "half_to_even"})
        (folder / "clipq_checkpoint.json").unlink()
        processor = (folder / "preprocessor_config.json")
        (folder / "processor_config.json").write_text(json.dumps({"image_processor": json.loads(processor.read_text())}))
        processor.unlink()
        self.assert_same(folder, preprocess=floor)
        (folder / "processor_config.json").unlink()
        self.assert_same(folder, preprocess={"crop_offset": "floor"})
        self.assertIn("the usual preprocessing of images for Hugging Face CLIPModel", self.inspected(folder)["unchecked"])
        self.assertEqual(found["config"]["vision_settings"]["heads"], 2)
        (folder / "merges.txt").unlink()
        merges = [line.split() for line in MERGES.splitlines()[1:]]
        for listed in (merges, [" ".join(pair) for pair in merges]):
            vocabulary = {"!": 0, "~": 93, "!</w>": 256} | {"".join(pair): 512 + i for i, pair in enumerate(merges)}
            model = {"type": "BPE", "end_of_word_suffix": "</w>", "merges": listed, "vocab": vocabulary}
            (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
            self.assert_same(folder, preprocess={"crop_offset": "floor"})
        vocabulary["re"] = 3
        (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
        self.fails(3, '"re" isn.t id 512', "inspect", folder)

    def image_embeddings(self, resized):
        """By the model itself, of what `resized` makes of each image with Pillow."""
        pictures = [np.asarray(resized(Image.open(file)), np.float32) for file in sorted(self.images.iterdir())]
        inputs = (torch.from_numpy(np.stack(pictures)) / 255 - 0.5) / 0.25
        with torch.no_grad():
            return self.clip.encode_image(inputs.permute(0, 3, 1, 2)).numpy()

    def assert_images(self, path, resized, *options):
        self.ok("embed", path, "--images", self.images, "-o", self.folder / "rows.npy", *options)
        self.assertGreater(worst_cosine(np.load(self.folder / "rows.npy"), self.image_embeddings(resized)), 0.99999)

    def test_images_are_resized_as_the_configuration_says(self):
        def squashed(image):
            return image.resize((32, 32), Image.Resampling.BILINEAR)

        def padded(image):
            small = image.resize([round(32 * side / max(image.size)) for side in image.size], Image.Resampling.BICUBIC)
            square = Image.new("RGB", (32, 32), (9, 9, 9))
            square.paste(small, ((32 - small.width) // 2, (32 - small.height) // 2))
            return square

        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(hugging_face_names(state_of(self.clip)), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(HUGGING_FACE_CONFIG))
        (folder / "merges.txt").write_text(MERGES)
        squash = HUGGING_FACE_PREPROCESSOR | {"size": {"height": 32, "width": 32}, "resample": 2}
        without_crop = {key: value for key, value in squash.items() if "crop" not in key}
        for document in (squash, without_crop | {"image_processor_type": "SiglipImageProcessor", "do_center_crop": None},
                         without_crop | {"image_processor_type": "SiglipImageProcessorFast", "size": 32}):
            (folder / "preprocessor_config.json").write_text(json.dumps(document))
            self.assert_images(folder, squashed)
        self.ok("quantize", folder, "--recipe", "fp16", "-o", self.folder / "q.pt")
        self.assert_images(self.folder / "q.pt", squashed)
        self.assertRegex(self.ok("inspect", self.folder / "q.pt"), "preprocessing: resize_mode squash, interpolation bilinear")
        self.assertEqual(self.inspected(folder)["preprocess"]["resize_mode"], "squash")
        folder = self.folder / "open_clip"
        folder.mkdir()
        torch.save(self.clip.state_dict(), folder / "open_clip_pytorch_model.bin")
        for given, resized in (({"interpolation": "bilinear", "resize_mode": "squash"}, squashed),
                               ({"interpolation": "random", "resize_mode": "longest", "fill_color": 9}, padded)):
            config = OPEN_CLIP_CONFIG | {"preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3} | given}
            (folder / "open_clip_config.json").write_text(json.dumps(config))
            self.assert_images(folder, resized, *self.merges())

    def test_artifact_holds_its_tokenizer(self):
        golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "data" / "tokenizers"
        checkpoint, artifact, texts = self.folder / "clip.pt", self.folder / "int8.pt", self.folder / "texts.txt"
        export(self.clip, checkpoint)

        def rows(*options):
            self.ok("embed", artifact, "--texts", texts, "-o", self.folder / "rows.npy", *options)
            return np.load(self.folder / "rows.npy")

        for file in (golden / "siglip" / "spiece.model", golden / "siglip_open_clip" / "tokenizer.json"):
            self.ok("quantize", checkpoint, "--bpe", file, "-o", artifact)
            self.assertIn("tokenizer: the model's own, SentencePiece, 500 entries", self.ok("inspect", artifact))
            np.testing.assert_array_equal(rows(), rows("--bpe", file))
            self.assertFalse(np.array_equal(rows(), rows(*self.merges())))
            extra = {"tokenizer_vocabulary": "", "clipq_tokenizer.json": ""}
            torch.jit.load(str(artifact), _extra_files=extra)
            self.assertEqual(json.loads(extra["clipq_tokenizer.json"])["kind"], "sentencepiece")
            if file.suffix == ".model":
                self.assertEqual(extra["tokenizer_vocabulary"], file.read_bytes())
        self.fails(2, "tokenizer has 700 entries", "embed", artifact, "--texts", texts, "-o", self.folder / "rows.npy", "--bpe",
                   golden / "gemma" / "tokenizer.json")

    def test_artifact_of_a_folder(self):
        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(hugging_face_names(state_of(self.clip)), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(HUGGING_FACE_CONFIG))
        (folder / "merges.txt").write_text(MERGES)
        self.ok("quantize", folder, "--recipe", "int8-dynamic", "-o", self.folder / "a.pt")
        self.assertGreater(worst_cosine(self.embeddings_of(self.folder / "a.pt"), self.expected({"crop_offset": "floor"})), 0.99)

    def test_shards(self):
        state = hugging_face_names(state_of(self.clip))
        folder = self.folder / "shards"
        folder.mkdir()
        names = sorted(state)
        files = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
        for file, part in files.items():
            save_safetensors({name: state[name] for name in part}, folder / file)
        index = {"weight_map": {name: file for file, part in files.items() for name in part}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "config.json").write_text(json.dumps(HUGGING_FACE_CONFIG))
        (folder / "merges.txt").write_text(MERGES)
        self.assert_same(folder, preprocess={"crop_offset": "floor"})
        (folder / "model-2.safetensors").unlink()
        self.fails(3, "model-2.safetensors does not exist", "inspect", folder)
        index["weight_map"][names[0]] = "../model-1.safetensors"
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        self.fails(3, "isn't mapped to a file beside it", "inspect", folder)

    def test_folder_of_open_clip_with_custom_text_and_layer_scale(self):
        state = state_of(self.clip)
        torch.manual_seed(3)
        for name in [name for name in state if name.endswith(("attn.out_proj.weight", "mlp.c_proj.weight"))]:
            number = 1 if name.endswith("attn.out_proj.weight") else 2
            block = name.removesuffix(".attn.out_proj.weight").removesuffix(".mlp.c_proj.weight")
            gamma = torch.rand(state[name].shape[0]) + 0.5
            state[f"{block}.ls_{number}.gamma"] = gamma
            state[name] /= gamma[:, None]
            state[name.replace("weight", "bias")] /= gamma
        for custom in (False, True):
            folder = self.folder / f"open_clip_{custom}"
            folder.mkdir()
            named = {name if name.startswith("visual.") or name == "logit_scale" or not custom else f"text.{name}": tensor
                     for name, tensor in state.items()}
            named["logit_scale"] = named["logit_scale"].reshape(1)
            torch.save(named, folder / "open_clip_pytorch_model.bin")
            (folder / "open_clip_config.json").write_text(json.dumps(OPEN_CLIP_CONFIG))
            self.assert_same(folder, *self.merges(), preprocess={"mean": [0.5] * 3, "std": [0.25] * 3})
            self.assertEqual(self.inspected(folder, *self.merges())["dialect"], "open_clip CustomTextCLIP" if custom else "OpenAI CLIP")

    def test_configurations_that_ask_for_what_is_not_supported(self):
        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(hugging_face_names(state_of(self.clip)), folder / "model.safetensors")
        (folder / "merges.txt").write_text(MERGES)
        config, images = json.dumps(HUGGING_FACE_CONFIG), json.dumps(HUGGING_FACE_PREPROCESSOR)
        for document, pattern in ((config.replace('"clip"', '"siglip"'), "configuration is of model type siglip, but its tensors are those of Hugging Face CLIPModel"),
                                  (config.replace('"clip"', '"blip"'), '"model_type" is blip, expected clip, clip_vision_model, .*siglip'),
                                  (config.replace(f'"eos_token_id": {VOCABULARY - 1}', '"eos_token_id": 700'), "texts end with id 700"),
                                  (config.replace('"num_attention_heads": 2', '"hidden_act": "relu"'), '"hidden_act" is relu'),
                                  (config.replace('"image_size": 32', '"image_size": 48'), "says image size 48, but its tensors have 32"),
                                  (config.replace('"vision_config": {', '"vision_config_dict": 3, "vision_config": {'), "is no object"),
                                  (config[:-1], "config.json")):
            (folder / "config.json").write_text(document)
            self.fails(3, pattern, "inspect", folder)
        (folder / "config.json").write_text(config.replace(f'"eos_token_id": {VOCABULARY - 1}', '"eos_token_id": 7'))
        found = self.inspected(folder)["config"]
        self.assertEqual((found["text_pooling"], found["text_end_id"]), ("first_end", 7))
        (folder / "config.json").write_text(config)
        for document, pattern in ((images.replace('"resample": 3', '"resample": 0'), r'"resample" is 0 \(nearest\)'),
                                  (images.replace('"shortest_edge": 32', '"shortest_edge": 32, "longest_edge": 40'), "resized to .*longest_edge"),
                                  (images.replace('"shortest_edge": 32', '"height": 32, "width": 40'), "the model takes 32"),
                                  (images.replace('"do_center_crop": true', '"do_center_crop": false'), "aren't cropped"),
                                  (images.replace('"crop_size": {"height": 32', '"crop_size": {"height": 30'), "are cropped to"),
                                  (images.replace('"do_resize": true', '"do_rescale": false'), "aren't scaled"),
                                  (images.replace('"do_resize": true', '"image_processor_type": "ViTImageProcessor"'), "ViTImageProcessor"),
                                  (images.replace('"shortest_edge": 32', '"shortest_edge": 36'), "the model takes 32")):
            (folder / "preprocessor_config.json").write_text(document)
            self.fails(3, pattern, "inspect", folder)

    def test_open_clip_configurations(self):
        folder = self.folder / "open_clip"
        folder.mkdir()
        torch.save(self.clip.state_dict(), folder / "open_clip_pytorch_model.bin")
        model = OPEN_CLIP_CONFIG["model_cfg"]
        tanh = {"act_kwargs": {"approximate": "tanh"}, "norm_kwargs": {"eps": 1e-6}, "head_width": 32}
        (folder / "open_clip_config.json").write_text(json.dumps(
            {"model_cfg": model | {"quick_gelu": False, "vision_cfg": model["vision_cfg"] | tanh}}))
        found = self.inspected(folder, *self.merges())["config"]
        self.assertEqual((found["vision_settings"]["activation"], found["text_settings"]["activation"]), ("gelu_tanh", "gelu"))
        self.assertEqual((found["vision_settings"]["heads"], found["vision_settings"]["layer_norm_eps"]), (4, 1e-6))
        for document, pattern in ((model, None), ([], "expected an object"), ({"model_cfg": {"vision_cfg": 3}}, 'expected an object "vision_cfg"'),
                                  ({"model_cfg": model | {"text_cfg": model["text_cfg"] | {"pool_type": "first"}}}, '"pool_type" is first'),
                                  ({"model_cfg": model | {"vision_cfg": model["vision_cfg"] | {"image_size": [16, 64]}}}, "square images"),
                                  (OPEN_CLIP_CONFIG | {"preprocess_cfg": {"resize_mode": "crop"}}, 'unknown resize_mode "crop"')):
            (folder / "open_clip_config.json").write_text(json.dumps(document))
            if pattern is None:
                self.assertEqual(self.inspected(folder, *self.merges())["config"]["text_settings"]["heads"], 2)
            else:
                self.fails(3, pattern, "inspect", folder, *self.merges())

    def test_ids_of_sample_texts_are_compared(self):
        image, text = pixels(), tokens()
        with torch.no_grad():
            tensors = state_of(self.clip) | {
                "clipq_samples.pixels": image, "clipq_samples.tokens": text,
                "clipq_samples.image": self.clip.encode_image(image), "clipq_samples.text": self.clip.encode_text(text)}
        documents = {"bpe_vocab": MERGES, "clipq_samples.json": json.dumps({"texts": ["red", "blue", "a"]})}
        path = save_safetensors(tensors, self.folder / "a.safetensors", documents)
        self.fails(3, 'its tokenizer gives "red" other ids', "inspect", path)
        ids = torch.zeros(3, CONTEXT, dtype=torch.int64)
        for row, word in zip(ids, ((513,), (516,), (320,))):  # "red</w>", "blue</w>", "a</w>"
            row[: len(word) + 2] = torch.tensor([VOCABULARY - 2, *word, VOCABULARY - 1])
        with torch.no_grad():
            tensors |= {"clipq_samples.tokens": ids, "clipq_samples.text": self.clip.encode_text(ids)}
        self.assertIn("parity", self.inspected(save_safetensors(tensors, self.folder / "b.safetensors", documents)))

    def test_settings_of_the_checkpoint_win_over_its_documents(self):
        folder = self.folder / "hub"
        folder.mkdir()
        save_safetensors(hugging_face_names(state_of(self.clip)), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(HUGGING_FACE_CONFIG))
        (folder / "merges.txt").write_text(MERGES)
        (folder / "clipq_checkpoint.json").write_text(json.dumps({"vision_heads": 4, "text_activation": "gelu"}))
        found = self.inspected(folder)
        self.assertEqual((found["config"]["vision_settings"]["heads"], found["config"]["text_settings"]["activation"]), (4, "gelu"))
        found = self.inspected(folder, "--set", "checkpoint.vision_heads=8", "--set", "checkpoint.text_layer_norm_eps=1e-6",
                               "--set", "checkpoint.text_causal=false", "--set", "checkpoint.text_pooling=last",
                               "--set", 'checkpoint.preprocess={"resize_mode": "squash"}')
        config = found["config"]
        self.assertEqual((config["vision_settings"]["heads"], config["text_settings"]["layer_norm_eps"], config["text_causal"],
                          config["text_pooling"], found["preprocess"]["resize_mode"]), (8, 1e-6, False, "last", "squash"))
        self.assertEqual(found["settings_from"]["image"]["heads"], "an explicit setting")
        self.assertEqual(self.inspected(folder, "--heads", "image=2", "--set", "checkpoint.vision_heads=8")
                         ["config"]["vision_settings"]["heads"], 2)
        artifact = self.folder / "a.pt"
        self.ok("quantize", folder, "-o", artifact, "--set", "checkpoint.vision_heads=8", "--set", "*.c_fc.input_quantizer.bits=8")
        manifest = self.inspected(artifact)["manifest"]
        self.assertEqual(manifest["config"]["vision_settings"]["heads"], 8)
        for setting, pattern in (("checkpoint.vision_head=8", "unknown key.*vision_head"), ("checkpoint.vision_heads=no", "vision_heads"),
                                 ("checkpoint.text_pooling=middle", "largest_id, first_end, last"), ("vision_heads=8", "expected checkpoint.KEY=VALUE"),
                                 ("checkpoint.text_pooling=first_end", 'needs "text_end_id"'), ("checkpoint.text_end_id=3", "needs")):
            self.fails(2, pattern, "inspect", folder, "--set", setting)

    def test_tensors_outside_of_the_model_are_told(self):
        state = {f"clip.{name}": tensor for name, tensor in state_of(self.clip).items()} | {"adapter.weight": torch.zeros(2)}
        path = save_safetensors(state, self.folder / "a.safetensors")
        process = clipq("inspect", path, *HEADS, *self.merges())
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn('1 tensor outside of "clip." isn\'t used: adapter.weight', process.stderr)

    def test_families_that_are_not_supported_are_named(self):
        for name, family in (("visual.trunk.blocks.0.norm1.weight", "timm"),
                             ("text.transformer.embeddings.word_embeddings.weight", "text towers")):
            path = save_safetensors({name: torch.zeros(2, 2)}, self.folder / "a.safetensors")
            self.fails(3, family, "inspect", path)
        path = save_safetensors({"encoder.weight": torch.zeros(2, 2)}, self.folder / "a.safetensors")
        self.fails(3, 'no CLIP that clipq knows.*"visual.class_embedding" .OpenAI CLIP.', "inspect", path)
        torch.save({"student": state_of(self.clip), "teacher": state_of(self.clip)}, self.folder / "two.pt")
        self.fails(3, 'several models, below "student." and "teacher."', "inspect", self.folder / "two.pt")
        state = hugging_face_names(state_of(self.clip))
        del state["text_model.encoder.layers.1.self_attn.k_proj.bias"]
        path = save_safetensors(state, self.folder / "a.safetensors")
        self.fails(3, '"text_model.encoder.layers.1.self_attn.k_proj.bias" is missing', "inspect", path)

    def test_files_that_are_no_checkpoint_say_what_they_are(self):
        for content, what in ((b"", "an empty file"), (b"<!DOCTYPE html><html>", "an HTML page"),
                              (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"), (b"hello", "not a checkpoint")):
            (self.folder / "a.pt").write_bytes(content)
            self.fails(3, what, "inspect", self.folder / "a.pt")
        (self.folder / "a.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
        self.fails(3, "Git LFS pointer", "inspect", self.folder / "a.safetensors")
        (self.folder / "empty").mkdir()
        self.fails(3, "a folder without weights.*model.safetensors", "inspect", self.folder / "empty")

    def test_damaged_safetensors(self):
        whole = save_safetensors(state_of(self.clip), self.folder / "whole.safetensors").read_bytes()
        length = struct.unpack("<Q", whole[:8])[0]
        header = json.loads(whole[8 : 8 + length])
        name = "visual.proj"

        def damaged(change):
            copy = json.loads(json.dumps(header))
            change(copy)
            text = json.dumps(copy).encode()
            return struct.pack("<Q", len(text)) + text + whole[8 + length :]

        cases = [(whole[:-4], "lies outside|holds"), (whole + b"1234", "holds"), (struct.pack("<Q", 2**62) + whole[8:], "header claims"),
                 (whole[:20], "header claims"), (b"\x02" + b"\0" * 7 + b"[]", "no JSON object"),
                 (damaged(lambda h: h[name].update(shape=[2**40, 2**40])), "overflows"),
                 (damaged(lambda h: h[name].update(shape=[-1])), "no valid shape"),
                 (damaged(lambda h: h[name].update(shape=[1, 1])), "are stored"),
                 (damaged(lambda h: h[name].update(data_offsets=[0, 4])), "begins at"),
                 (damaged(lambda h: h[name].update(data_offsets=[8, 4])), "outside"),
                 (damaged(lambda h: h[name].update(data_offsets=[0, 2**60])), "outside"),
                 (damaged(lambda h: h[name].update(dtype="C64")), "of type C64"),
                 (damaged(lambda h: h.update({f"t{i}": [] for i in range(1_000_001)})), "more than 1000000 values"),
                 (damaged(lambda h: h[name].pop("dtype")), "no dtype")]
        for content, pattern in cases:
            (self.folder / "a.safetensors").write_bytes(content)
            self.fails(3, pattern, "inspect", self.folder / "a.safetensors", *HEADS, *self.merges())


if __name__ == "__main__":
    unittest.main()
