"""Towers alone: an image or a text tower loads however it was saved, and every command works on it, or says what it lacks."""
import json
import typing
import unittest

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from siglip_torch import Siglip, open_clip_names
from supported_models import module_with
from support import MERGES, CliTest, clipq, export, pixels, tokens, worst_cosine, write_cifar, write_coco
from test_checkpoint_kinds import (HEADS, HUGGING_FACE_CONFIG, HUGGING_FACE_PREPROCESSOR, hugging_face_names, random_clip,
                                   save_safetensors, state_of)

IMAGE, TEXT = "vision_width", "text_width"  # a key of each tower's config
OPEN_TEXT_CONFIG = {"model_cfg": Siglip().open_clip_config()["model_cfg"]}


class Wrapper(nn.Module):
    """What people trace: a module around the model with a forward that calls one of its methods."""

    def __init__(self, model, method, normalize=False, takes_mask=False):
        super().__init__()
        self.model, self.method, self.normalize = model, method, normalize
        if takes_mask:
            self.forward = lambda ids, mask: self.embed(ids * mask)

    def embed(self, x):
        rows = getattr(self.model, self.method)(x)
        return F.normalize(rows, dim=-1) if self.normalize else rows

    def forward(self, x):
        return self.embed(x)


def starting_with(prefixes, state):
    return {name: tensor for name, tensor in state.items() if name.startswith(prefixes)}


def without(prefix, state):
    return {name[len(prefix):]: tensor for name, tensor in state.items() if name.startswith(prefix)}


class TowerTest(CliTest):
    def setUp(self):
        super().setUp()
        self.clip = random_clip().requires_grad_(False)
        (self.folder / "merges.txt").write_text(MERGES)
        (self.folder / "texts.txt").write_text("red blue\nblue\na red thing\n")
        self.images = self.folder / "images"
        self.images.mkdir()
        for i in range(3):
            picture = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(picture).save(self.images / f"{i}.png")

    def merges(self):
        return ("--bpe", self.folder / "merges.txt")

    def traced(self, module, inputs, name="traced.pt", extra=None):
        with torch.no_grad():
            archive = torch.jit.trace(module.eval(), inputs, check_trace=False)
        torch.jit.save(archive, str(self.folder / name), _extra_files={"bpe_vocab": MERGES} | (extra or {}))
        return self.folder / name

    def hub_folder(self, name, state, documents):
        folder = self.folder / name
        folder.mkdir()
        save_safetensors(state, folder / "model.safetensors")
        (folder / "merges.txt").write_text(MERGES)
        for file, document in documents.items():
            (folder / file).write_text(json.dumps(document))
        return folder

    def inspected(self, path, *options):
        return json.loads(self.ok("inspect", path, "--json", *options))

    def embedded(self, path, tower, *options):
        source = ("--images", self.images) if tower == IMAGE else ("--texts", self.folder / "texts.txt")
        self.ok("embed", path, *source, "-o", self.folder / "rows.npy", *options)
        return np.load(self.folder / "rows.npy")

    def assert_is_alone(self, path, tower, *options):
        """Returns what inspect says."""
        found = self.inspected(path, *options)
        other = TEXT if tower == IMAGE else IMAGE
        self.assertIn(tower, found["config"])
        self.assertNotIn(other, found["config"])
        self.assertEqual(("preprocess" in found, "tokenizer" in found), (tower == IMAGE, tower == TEXT))
        refused = ("--images", self.images) if tower == TEXT else ("--texts", self.folder / "texts.txt")
        self.fails(2, f"has no {'image' if tower == TEXT else 'text'} tower", "embed", path, *refused, "-o", self.folder / "no.npy", *options)
        return found

    def assert_embeds_as(self, path, reference, tower, *options):
        expected, found = self.embedded(reference, tower), self.embedded(path, tower, *options)
        self.assertGreater(worst_cosine(found, expected), 0.999999)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(expected, axis=1), rtol=1e-4)

    def whole(self):
        path = self.folder / "whole.pt"
        if not path.exists():
            export(self.clip, path)
        return path


class LoadsTest(TowerTest):
    def test_image_tower_of_open_clip(self):
        """`model.visual`: traced, and its tensors alone."""
        archive = self.traced(self.clip.visual, pixels(2))
        found = self.assert_is_alone(archive, IMAGE)
        self.assertEqual(found["dialect"], "OpenAI CLIP's visual")
        self.assertEqual(sorted(found["parity"]), ["image", "source"])
        self.assertEqual(found["parity"]["source"], "the archive's own forward")
        self.assert_embeds_as(archive, self.whole(), IMAGE)
        state = {name: tensor.clone() for name, tensor in self.clip.visual.state_dict().items()}
        self.assert_embeds_as(save_safetensors(state, self.folder / "a.safetensors"), self.whole(), IMAGE, *HEADS)
        self.fails(2, "number of heads of its image tower", "inspect", self.folder / "a.safetensors", "--activation", "gelu")

    def test_towers_of_a_state_dict(self):
        state = state_of(self.clip)
        visual = save_safetensors(starting_with("visual.", state), self.folder / "visual.safetensors")
        self.assert_is_alone(visual, IMAGE, *HEADS)
        self.assert_embeds_as(visual, self.whole(), IMAGE, *HEADS)
        texts = {name: tensor for name, tensor in state.items() if not name.startswith("visual.")}
        text = save_safetensors(texts, self.folder / "text.safetensors")
        self.assert_is_alone(text, TEXT, *HEADS, *self.merges())
        self.assert_embeds_as(text, self.whole(), TEXT, *HEADS, *self.merges())

    def test_samples_prove_a_tower(self):
        state = starting_with("visual.", state_of(self.clip))
        samples = {"clipq_samples.pixels": pixels(), "clipq_samples.image": self.clip.encode_image(pixels())}
        path = save_safetensors(state | samples, self.folder / "a.safetensors")
        self.assertLess(self.inspected(path)["parity"]["image"]["error"], 5e-6)
        path = save_safetensors(state_of(self.clip) | samples, self.folder / "b.safetensors")
        self.fails(3, "samples don't cover its text tower", "inspect", path)

    def test_folders_of_hugging_face_towers(self):
        """CLIPVisionModelWithProjection and CLIPTextModelWithProjection, as save_pretrained writes them."""
        state = hugging_face_names(state_of(self.clip))
        vision = self.hub_folder("vision", starting_with(("vision_model.", "visual_projection."), state), {
            "config.json": HUGGING_FACE_CONFIG["vision_config"] | {"model_type": "clip_vision_model", "projection_dim": 48},
            "preprocessor_config.json": HUGGING_FACE_PREPROCESSOR})
        found = self.assert_is_alone(vision, IMAGE)
        self.assertEqual(found["settings_from"]["image"]["heads"], "the checkpoint's metadata")
        self.assertEqual(found["preprocess"]["std"], [0.25] * 3)
        text = self.hub_folder("text", starting_with(("text_model.", "text_projection."), state), {
            "config.json": HUGGING_FACE_CONFIG["text_config"] | {"model_type": "clip_text_model", "projection_dim": 48}})
        self.assert_is_alone(text, TEXT)
        self.assert_embeds_as(text, self.whole(), TEXT)
        for folder, missing in ((vision, "visual_projection.weight"), (text, "text_projection.weight")):
            tensors = starting_with(("vision_model." if folder == vision else "text_model."), state)
            save_safetensors(tensors, folder / "model.safetensors")
            self.fails(3, f"{missing.split('_')[0]}.*proj.*missing", "inspect", folder)

    def test_siglip_towers(self):
        model = Siglip().eval().requires_grad_(False)
        state = state_of(model)
        image, text = model.samples()
        samples = {IMAGE: {"clipq_samples.pixels": image, "clipq_samples.image": model.encode_image(image)},
                   TEXT: {"clipq_samples.tokens": text, "clipq_samples.text": model.encode_text(text)}}
        for names, dialect in ((state, "Hugging Face SiglipModel"), (open_clip_names(state), "open_clip SigLIP")):
            vision = starting_with(("vision_model.", "visual."), names)
            path = save_safetensors(vision | samples[IMAGE], self.folder / "vision.safetensors")
            self.assertEqual(self.assert_is_alone(path, IMAGE)["dialect"], dialect)
        bare = without("visual.", open_clip_names(state))
        path = save_safetensors(bare | samples[IMAGE], self.folder / "trunk.safetensors")
        self.assertEqual(self.assert_is_alone(path, IMAGE)["dialect"], "open_clip SigLIP's visual")
        path = save_safetensors(starting_with("text_model.", state) | samples[TEXT], self.folder / "text.safetensors")
        found = self.assert_is_alone(path, TEXT, *self.merges())
        self.assertEqual((found["config"]["text_causal"], found["config"]["text_pooling"]), (False, "last"))
        for config, names in (("siglip_vision_model", starting_with("vision_model.", state)), ("siglip_text_model", starting_with("text_model.", state))):
            part = "vision_config" if "vision" in config else "text_config"
            folder = self.hub_folder(config, names, {"config.json": model.config()[part] | {"model_type": config}})
            self.assertIn(IMAGE if "vision" in config else TEXT, self.inspected(folder, *self.merges())["config"])

    def test_text_tower_of_open_clip(self):
        """`model.text` of a SigLIP, whose names don't tell it from another's."""
        model = Siglip(approximate="none").eval().requires_grad_(False)
        _, ids = model.samples()
        names = without("text.", open_clip_names(state_of(model)))
        samples = {"clipq_samples.tokens": ids, "clipq_samples.text": model.encode_text(ids)}
        folder = self.folder / "text"
        folder.mkdir()
        save_safetensors(names | samples, folder / "open_clip_model.safetensors")
        (folder / "open_clip_config.json").write_text(json.dumps(OPEN_TEXT_CONFIG))
        found = self.assert_is_alone(folder, TEXT, *self.merges())
        self.assertEqual((found["config"]["text_causal"], found["config"]["text_pooling"]), (False, "last"))
        self.assertLess(found["parity"]["text"]["error"], 5e-6)

    def test_how_a_text_tower_reads_is_tried(self):
        """A trace of open_clip's text tower, which nothing in the file tells from a causal one."""
        model = Siglip(approximate="none").eval().requires_grad_(False)

        class Text(nn.Module):
            def __init__(self):
                super().__init__()
                self.models = [model]

            def forward(self, text):
                return self.models[0].encode_text(text)

        named = module_with(without("text.", open_clip_names(state_of(model))), Text())
        found = self.assert_is_alone(self.traced(named, model.samples()[1]), TEXT)
        self.assertEqual((found["config"]["text_causal"], found["config"]["text_pooling"], found["config"]["text_settings"]["activation"]),
                         (False, "last", "gelu"))
        self.assertEqual(found["settings_from"]["text"]["pooling"], "tried against the original's embeddings")
        self.fails(3, "text tower: causal: false fits, true is what an explicit setting says", "inspect", self.folder / "traced.pt", "--set",
                   "checkpoint.text_causal=true")
        found = self.inspected(self.folder / "traced.pt", "--set", "checkpoint.text_pooling=last")  # of which the other half isn't said
        self.assertEqual((found["config"]["text_causal"], found["settings_from"]["text"]["causal"]),
                         (False, "tried against the original's embeddings"))
        told = ("--heads", "4", "--activation", "gelu", "--parity", "skip")
        self.fails(2, "can't be told.*--set checkpoint.text_causal=false, --set checkpoint.text_pooling=last", "inspect",
                   self.folder / "traced.pt", *told)
        self.fails(2, "can't be told", "inspect", self.folder / "traced.pt", *told, "--set", "checkpoint.text_pooling=last")
        self.inspected(self.folder / "traced.pt", *told, "--set", "checkpoint.text_pooling=last", "--set", "checkpoint.text_causal=false")

    def test_code_that_embeds_one_kind_of_input_of_a_whole_model(self):
        """get_image_features and get_text_features, traced."""
        archive = self.traced(Wrapper(self.clip, "encode_image"), pixels(2), "image.pt")
        found = self.assert_is_alone(archive, IMAGE)
        self.assertEqual(found["float32_bytes"], 4 * sum(p.numel() for p in self.clip.visual.parameters()))
        self.assert_embeds_as(archive, self.whole(), IMAGE)
        self.assertRegex(self.ok("inspect", archive, "--verbose"), "image tower")
        archive = self.traced(Wrapper(self.clip, "encode_text"), tokens(2), "text.pt")
        self.assert_is_alone(archive, TEXT)
        self.assert_embeds_as(archive, self.whole(), TEXT)
        masked = self.traced(Wrapper(self.clip, "encode_text", takes_mask=True), (tokens(2), torch.ones_like(tokens(2))), "masked.pt")
        self.assert_embeds_as(masked, self.whole(), TEXT)

    def test_code_of_both_towers_is_used(self):
        """A forward of images beside an encode_text, and a forward whose second half fails."""
        class Both(nn.Module):
            def __init__(self, model):
                super().__init__()
                self.model = model

            def forward(self, image):
                return self.model.encode_image(image)

            def encode_text(self, text):
                return self.model.encode_text(text)

        with torch.no_grad():
            archive = torch.jit.trace_module(Both(self.clip), {"forward": (pixels(2),), "encode_text": (tokens(2),)}, check_trace=False)
        torch.jit.save(archive, str(self.folder / "both.pt"), _extra_files={"bpe_vocab": MERGES})
        self.assertEqual(sorted(self.inspected(self.folder / "both.pt")["parity"]), ["image", "source", "text"])

        class Optional(nn.Module):
            def __init__(self, image):
                super().__init__()
                self.image = image

            def forward(self, image: typing.Optional[torch.Tensor] = None, text: typing.Optional[torch.Tensor] = None):
                if text is not None:
                    raise RuntimeError("texts can't be embedded here")
                assert image is not None
                return self.image(image)

        image = torch.jit.trace(Wrapper(self.clip, "encode_image"), pixels(2), check_trace=False)
        torch.jit.save(torch.jit.script(Optional(image)), str(self.folder / "optional.pt"), _extra_files={"bpe_vocab": MERGES})
        self.fails(3, "texts can't be embedded here", "inspect", self.folder / "optional.pt")

    def test_outputs_before_the_embedding(self):
        class First(Wrapper):
            def forward(self, x):
                return x.mean((2, 3)), self.embed(x)

        self.assert_is_alone(self.traced(First(self.clip, "encode_image"), pixels(2)), IMAGE)

    def test_siglip_towers_of_transformers_5(self):
        """Which have no prefix in memory."""
        model = Siglip().eval().requires_grad_(False)
        state = state_of(model)
        image, text = model.samples()
        samples = {"clipq_samples.pixels": image, "clipq_samples.image": model.encode_image(image)}
        path = save_safetensors(without("vision_model.", state) | samples, self.folder / "vision.safetensors")
        self.assertEqual(self.assert_is_alone(path, IMAGE)["dialect"], "Hugging Face SiglipVisionModel")
        samples = {"clipq_samples.tokens": text, "clipq_samples.text": model.encode_text(text)}
        path = save_safetensors(without("text_model.", state) | samples, self.folder / "text.safetensors")
        self.assertEqual(self.assert_is_alone(path, TEXT, *self.merges())["dialect"], "Hugging Face SiglipTextModel")
        broken = without("vision_model.", state)
        del broken["post_layernorm.bias"]
        self.fails(3, '"post_layernorm.bias" is missing', "inspect", save_safetensors(broken, self.folder / "a.safetensors"))

    def test_towers_that_are_refused_by_name(self):
        state = hugging_face_names(state_of(self.clip))
        for prefix, name in (("vision_model.", "CLIPVisionModelWithProjection"), ("text_model.", "CLIPTextModelWithProjection")):
            path = save_safetensors(without(prefix, state), self.folder / "bare.safetensors")
            self.fails(3, f"export {name}", "inspect", path)
            path = save_safetensors(starting_with(prefix, state), self.folder / "prefixed.safetensors")
            self.fails(3, f"projection.weight\" is missing.*export {name}", "inspect", path)
        path = save_safetensors({"attn_pool.query": torch.zeros(2, 2), "class_embedding": torch.zeros(4), "conv1.weight": torch.zeros(4, 3, 8, 8)},
                                self.folder / "other.safetensors")
        self.fails(3, "CoCa", "inspect", path)
        path = save_safetensors({"decoder.token_embedding.weight": torch.zeros(4, 4)}, self.folder / "whisper.safetensors")
        self.fails(3, "no CLIP that clipq knows", "inspect", path)
        whole = {f"module.{name}": tensor for name, tensor in state_of(self.clip).items()} | {"aux.token_embedding.weight": torch.zeros(4, 4)}
        self.inspected(save_safetensors(whole, self.folder / "aux.safetensors"), *HEADS, *self.merges())

    def test_whole_models_whose_forward_takes_a_mask(self):
        class Masked(nn.Module):
            def __init__(self, model):
                super().__init__()
                self.model = model

            def forward(self, ids, image, mask):
                text = F.normalize(self.model.encode_text(ids * mask), dim=-1)
                return text, F.normalize(self.model.encode_image(image), dim=-1)

        archive = self.traced(Masked(self.clip), (tokens(2), pixels(2), torch.ones_like(tokens(2))))
        self.assertEqual(sorted(self.inspected(archive)["parity"]), ["image", "source", "text"])

    def test_normalized_embeddings_stay_so(self):
        archive = self.traced(Wrapper(self.clip, "encode_image", normalize=True), pixels(2))
        self.ok("quantize", archive, "--recipe", "fp16", "-o", self.folder / "q.pt")
        np.testing.assert_allclose(np.linalg.norm(self.embedded(self.folder / "q.pt", IMAGE), axis=1), 1, rtol=1e-5)

    def test_damaged_towers_are_refused(self):
        self.clip.visual.proj.data += 0.05
        archive = self.traced(self.clip.visual, pixels(2))
        self.inspected(archive)
        state = starting_with("visual.", state_of(self.clip))
        samples = {"clipq_samples.pixels": pixels(), "clipq_samples.image": self.clip.encode_image(pixels()).flip(0)}
        path = save_safetensors(state | samples, self.folder / "a.safetensors")
        self.fails(3, "image tower's embeddings aren't those", "inspect", path)
        del state["visual.ln_post.bias"]
        self.fails(3, "ln_post.bias.*missing", "inspect", save_safetensors(state, self.folder / "a.safetensors"), *HEADS)


class CommandsTest(TowerTest):
    def setUp(self):
        super().setUp()
        self.coco = write_coco(self.folder / "coco")
        self.data = ("--data", f"coco:{self.coco}", "--captions", self.coco / "captions.json")
        self.calibration = ("--calib-data", f"coco:{self.coco}", "--calib-captions", self.coco / "captions.json")
        self.vision = self.traced(self.clip.visual, pixels(2), "vision.pt")
        self.text = self.traced(Wrapper(self.clip, "encode_text"), tokens(2), "text.pt")

    def quantized(self, path, recipe, *options):
        target = self.folder / f"{path.stem}-{recipe}.pt"
        if not target.exists():
            self.ok("quantize", path, "--recipe", recipe, *self.calibration, "-o", target, *options)
        return target

    def results(self, *arguments):
        return json.loads(self.ok(*arguments, "--json"))["results"]

    def test_every_recipe_and_stock_pytorch(self):
        for path, tower, inputs in ((self.vision, IMAGE, pixels()), (self.text, TEXT, tokens())):
            expected = self.embedded(path, tower)
            for recipe in ("int8-dynamic", "int8-smooth", "int8-static", "int4-weight-only", "fp8-max"):
                artifact = self.quantized(path, recipe)
                found = self.inspected(artifact)
                self.assertNotIn(TEXT if tower == IMAGE else IMAGE, found["config"])
                self.assertEqual(found["manifest"]["component"], "image" if tower == IMAGE else "text")
                self.assertGreater(worst_cosine(self.embedded(artifact, tower), expected), 0.97, recipe)
                module = torch.jit.load(artifact)
                with torch.no_grad():
                    encode = module.encode_image if tower == IMAGE else module.encode_text
                    self.assertTrue(torch.equal(module(inputs), encode(inputs)))
                    original = (self.clip.encode_image if tower == IMAGE else self.clip.encode_text)(inputs)
                    self.assertGreater(worst_cosine(module(inputs), original), 0.97, recipe)

    def test_component_must_be_there(self):
        self.fails(2, "vision.pt has no text tower", "quantize", self.vision, "--component", "text", "-o", self.folder / "q.pt")
        self.fails(2, "text.pt has no image tower", "quantize", self.text, "--component", "image", "-o", self.folder / "q.pt")
        self.ok("quantize", self.vision, "--component", "image", "-o", self.folder / "q.pt")

    def test_rules_about_the_other_tower_do_nothing_and_typing_errors_are_found(self):
        self.ok("quantize", self.text, "--dry-run", "--set", "visual.conv1.*.enable=false")
        self.fails(2, "matches no quantizer", "quantize", self.text, "--dry-run", "--set", "*.imput_quantizer.enable=false")
        for typo in ("visual.convv*", "visaul.conv1.*", "transformer.resblock.0.*", "foo*"):
            self.fails(2, "matches no quantizer", "quantize", self.vision, "--dry-run", "--set", f"{typo}.enable=false")
        self.fails(2, "matches no quantizer", "quantize", self.text, "--dry-run", "--set", "visual.conv9.*.enable=false")
        self.ok("quantize", self.vision, "--dry-run", "--set", "transformer.resblocks.11.mlp.*.enable=false")
        process = clipq("quantize", self.text, "--recipe", "fp16", "--dry-run", "--set", "*.enable=false")
        self.assertRegex(process.stderr, "leaves every quantizer of .*text.pt off")

    def test_bench_times_what_all_models_have(self):
        fast = ("--batch-size", "1", "--seconds", "0.01", "--warm-up", "0")
        for models, timed in (((self.vision, self.quantized(self.vision, "int8-dynamic")), {"image"}),
                              ((self.text,), {"text", "text_prompts"}), ((self.whole(), self.vision), {"image"})):
            for result in self.results("bench", *models, *fast):
                self.assertLessEqual(set(result["latency"]), timed)
                self.assertIn(sorted(timed)[0], result["latency"])
        self.fails(2, "the models have none of the towers to be timed in common", "bench", self.vision, self.text, *fast)
        self.fails(2, "none of the towers to be timed", "bench", self.vision, "--tower", "text", *fast)

    def test_linear_probe_of_an_image_tower(self):
        train = write_cifar(self.folder / "cifar", labels=[i % 3 for i in range(60)], name="train.bin")
        write_cifar(train, labels=[i % 3 for i in range(30)], seed=4)
        probe = ("eval", "--task", "linear_probe", "--data", f"cifar100:{train}")
        whole = self.results(probe[0], self.whole(), *probe[1:])[0]
        alone, quantized = self.results(probe[0], self.vision, self.quantized(self.vision, "int8-dynamic"), *probe[1:])
        self.assertEqual(alone["metrics"], whole["metrics"])
        self.assertEqual(set(quantized["metrics"]), set(whole["metrics"]))
        self.fails(2, "linear_probe needs an image tower, but .*text.pt has only a text tower; it can be evaluated by drift, layers",
                   probe[0], self.text, *probe[1:])

    def test_drift_and_layers(self):
        for path, tower, other in ((self.vision, "image", "text"), (self.text, "text", "image")):
            artifact = self.quantized(path, "int8-dynamic")
            for base in (path, self.whole()):
                for task, metric in (("drift", f"{tower}_cosine_mean"), ("layers", f"{tower}_block_cosine_min")):
                    results = self.results("eval", base, artifact, "--task", task, *self.data)
                    self.assertEqual(results[0]["metrics"][metric], 1)
                    self.assertTrue(0.98 < results[1]["metrics"][metric] < 1)
                    self.assertFalse([name for name in results[1]["metrics"] if name.startswith(other)])
        self.fails(2, "only images and the others only texts", "eval", self.vision, self.text, "--task", "drift", *self.data)
        cifar = write_cifar(self.folder / "cifar")
        results = self.results("eval", self.text, self.quantized(self.text, "int8-dynamic"), "--task", "drift", "--data", f"cifar100:{cifar}")
        self.assertIn("text_cosine_mean", results[1]["metrics"])

    def test_tasks_that_need_both_say_so(self):
        for task in ("zeroshot_retrieval", "zeroshot_classification"):
            data = self.data if task == "zeroshot_retrieval" else ("--data", f"cifar100:{write_cifar(self.folder / 'cifar')}")
            self.fails(2, f"{task} needs an image tower and a text tower, but .*vision.pt has only an image tower; it can be evaluated by "
                          "linear_probe, drift, layers", "eval", self.whole(), self.vision, "--task", task, *data)
        self.fails(2, "vision.pt has no text tower", "classify", self.vision, self.images / "0.png", "--labels", "red,blue")

    def test_report_of_a_tower(self):
        artifact = self.quantized(self.vision, "int8-dynamic")
        (self.folder / "a.json").write_text(self.ok("eval", self.vision, artifact, "--task", "drift", *self.data, "--json"))
        (self.folder / "b.json").write_text(self.ok("eval", self.vision, artifact, "--task", "layers", *self.data, "--json"))
        self.ok("report", self.folder / "a.json", self.folder / "b.json", "-o", self.folder / "report")


if __name__ == "__main__":
    unittest.main()
