"""Checkpoints against what their own code computes: settings that shapes don't tell, lengths, and what can't be compared."""
import json
import unittest

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from support import CONTEXT, MERGES, CliTest, TinyClip, export, pixels, tiny_clip, tokens


class Forward(nn.Module):
    """A CLIP with only forward(image, text), as open_clip's: features of length 1, and the scale."""

    def __init__(self, clip):
        super().__init__()
        for name in ("visual", "transformer", "token_embedding", "ln_final"):
            setattr(self, name, getattr(clip, name))
        for name in ("positional_embedding", "text_projection", "logit_scale"):
            setattr(self, name, getattr(clip, name))

    def pool(self, x, text):
        return x[torch.arange(x.shape[0]), text.argmax(-1)]

    def embed_image(self, image):
        return self.visual(image)

    def embed_text(self, text):
        x = self.ln_final(self.transformer(self.token_embedding(text) + self.positional_embedding))
        return self.pool(x, text) @ self.text_projection

    def forward(self, image, text):
        image, text = self.embed_image(image), self.embed_text(text)
        return F.normalize(image, dim=-1), F.normalize(text, dim=-1), self.logit_scale.exp()


class TextFirst(Forward):
    """As Hugging Face's: texts first; logits, logits, text features, image features."""

    def forward(self, text, image):
        image, text = F.normalize(self.embed_image(image), dim=-1), F.normalize(self.embed_text(text), dim=-1)
        logits = self.logit_scale.exp() * image @ text.t()
        return logits, logits.t(), text, image


class LogitsOnly(Forward):
    """As OpenAI's."""

    def forward(self, image, text):
        logits, _, _, _ = TextFirst.forward(self, text, image)
        return logits, logits.t()


class LastToken(Forward):
    def pool(self, x, text):
        return x[:, -1]


class LayerNorm(nn.Module):
    """LayerNorm spelt out, so that its eps can't be read off a call."""

    def __init__(self, norm, eps):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, eps

    def forward(self, x):
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


def replace_norms(module, make):
    for name, child in module.named_children():
        if isinstance(child, nn.LayerNorm):
            setattr(module, name, make(child))
        else:
            replace_norms(child, make)


def with_heads(clip, image, text):
    for tower, heads in ((clip.visual.transformer, image), (clip.transformer, text)):
        for block in tower.resblocks:
            block.attn.heads = heads
    return clip


def trace_forward(model, path, count=2):
    inputs = (tokens(count), pixels(count)) if isinstance(model, TextFirst) else (pixels(count), tokens(count))
    with torch.no_grad():
        traced = torch.jit.trace(model.eval(), inputs, check_trace=False)
    torch.jit.save(traced, str(path), _extra_files={"bpe_vocab": MERGES})
    return path


class Parity(CliTest):
    def inspect(self, path, *options):
        return json.loads(self.ok("inspect", path, "--json", *options))

    def embed(self, path, *options):
        (self.folder / "texts.txt").write_text("red blue\nblue\n")
        self.ok("embed", path, "--texts", self.folder / "texts.txt", "-o", self.folder / "t.npy", *options)
        return np.load(self.folder / "t.npy")

    def assert_equal_to_own(self, found):
        for tower in ("image", "text"):
            self.assertLessEqual(found["parity"][tower]["error"], found["parity"][tower]["tolerance"])
            self.assertLess(found["parity"][tower]["tolerance"], 1e-4)

    def test_forward_serves_where_there_is_nothing_else(self):
        for kind in (Forward, TextFirst, LogitsOnly):
            clip = with_heads(tiny_clip(width=320), 4, 1)  # 80 wide, as in ViT-H/14
            found = self.inspect(trace_forward(kind(clip), self.folder / "forward.pt"))
            self.assertEqual(found["parity"]["source"], "the archive's own forward")
            self.assertEqual(found["config"]["vision_settings"]["heads"], 4, kind.__name__)
            self.assert_equal_to_own(found)

    def test_pooling_and_masks_are_tried(self):
        found = self.inspect(trace_forward(LastToken(tiny_clip()), self.folder / "last.pt"))
        self.assertEqual((found["config"]["text_pooling"], found["config"]["text_causal"]), ("last", True))
        self.assert_equal_to_own(found)
        clip = tiny_clip()
        for block in clip.transformer.resblocks:
            block.attn.causal = False
        found = self.inspect(trace_forward(Forward(clip), self.folder / "open.pt"))
        self.assertEqual((found["config"]["text_pooling"], found["config"]["text_causal"]), ("largest_id", False))
        self.assert_equal_to_own(found)
        self.fails(3, "text tower: causal: false fits, true is what an explicit setting says", "inspect", self.folder / "open.pt", "--set",
                   "checkpoint.text_causal=true")

    def test_heads_are_tried_and_named(self):
        clip = with_heads(tiny_clip(width=320, text_width=96), 10, 6)
        export(clip, self.folder / "heads.pt")
        found = self.inspect(self.folder / "heads.pt")
        self.assertEqual(found["config"]["vision_settings"]["heads"], 10)
        self.assertEqual(found["config"]["text_settings"]["heads"], 6)
        self.assert_equal_to_own(found)
        given = self.inspect(self.folder / "heads.pt", "--heads", "image=10,text=6")
        self.assertEqual(given["settings_from"]["image"]["heads"], "an explicit setting")
        self.fails(3, "image tower: heads: 10 fits, 5 is what an explicit setting says", "inspect", self.folder / "heads.pt",
                   "--heads", "image=5")
        export(clip, self.folder / "said.pt", {"clipq_checkpoint.json": json.dumps({"text_heads": 2})})
        self.fails(3, "text tower: heads: 6 fits, 2 is what the checkpoint's metadata says", "inspect", self.folder / "said.pt")
        self.fails(2, "--heads: .five. is not a positive integer", "inspect", self.folder / "heads.pt", "--heads", "five")
        self.fails(3, "7 heads don't divide", "inspect", self.folder / "heads.pt", "--heads", "image=7")

    def test_eps_is_read_off_the_code_or_tried(self):
        clip = tiny_clip()
        clip.transformer.resblocks[0].mlp.c_proj.weight.data.mul_(0.01)
        clip.positional_embedding.data.mul_(0.01)  # small activations, where eps shows
        clip.token_embedding.weight.data.mul_(0.01)
        replace_norms(clip.visual, lambda norm: nn.LayerNorm(norm.weight.shape[0], 1e-6))
        export(clip, self.folder / "read.pt")
        found = self.inspect(self.folder / "read.pt")
        self.assertEqual(found["config"]["vision_settings"]["layer_norm_eps"], 1e-6)
        self.assertEqual(found["settings_from"]["image"]["layer_norm_eps"], "the archive's code")
        self.assertEqual(found["config"]["text_settings"]["layer_norm_eps"], 1e-5)
        replace_norms(clip, lambda norm: LayerNorm(norm, 1e-6))
        export(clip, self.folder / "spelt.pt")
        found = self.inspect(self.folder / "spelt.pt")
        self.assertEqual(found["config"]["text_settings"]["layer_norm_eps"], 1e-6)
        self.assertIn("tried", found["settings_from"]["text"]["layer_norm_eps"])
        self.assert_equal_to_own(found)

    def test_an_eps_that_is_not_the_usual_one_reaches_the_artifact(self):
        clip = tiny_clip()
        replace_norms(clip, lambda norm: nn.LayerNorm(norm.weight.shape[0], 0.3))
        export(clip, self.folder / "eps.pt")
        ids = torch.zeros(2, CONTEXT, dtype=torch.long)
        ids[0, :4] = torch.tensor([517, 513, 516, 518])
        ids[1, :3] = torch.tensor([517, 516, 518])
        cosine = F.cosine_similarity
        for recipe, least in (("fp16", 0.99999), ("int8-dynamic", 0.99)):  # float and integer kernels
            self.ok("quantize", self.folder / "eps.pt", "--recipe", recipe, "-o", self.folder / "q.pt")
            with torch.no_grad():
                own = clip.encode_text(ids)
                stored = torch.jit.load(str(self.folder / "q.pt")).encode_text(ids)
            self.assertGreater(cosine(stored, own).min().item(), least)
            ours = torch.tensor(self.embed(self.folder / "q.pt"))
            self.assertGreater(cosine(ours, stored).min().item(), 0.9999)

    def test_towers_may_have_different_activations(self):
        clip = tiny_clip()
        for block in clip.transformer.resblocks:
            block.mlp.gelu = nn.GELU()
        export(clip, self.folder / "two.pt")
        found = self.inspect(self.folder / "two.pt")
        self.assertEqual(found["config"]["vision_settings"]["activation"], "quick_gelu")
        self.assertEqual(found["config"]["text_settings"]["activation"], "gelu")
        self.assert_equal_to_own(found)
        self.ok("inspect", self.folder / "two.pt", "--activation", "image=quick_gelu,text=gelu")
        self.fails(3, "image tower: activation: quick_gelu fits, gelu is what", "inspect", self.folder / "two.pt",
                   "--activation", "gelu")

    def test_an_archive_that_normalizes_gives_an_artifact_that_does(self):
        class Normalized(TinyClip):
            def encode_image(self, image):
                return F.normalize(super().encode_image(image), dim=-1)

            def encode_text(self, text):
                return F.normalize(super().encode_text(text), dim=-1)

        torch.manual_seed(0)
        export(Normalized(), self.folder / "normalized.pt")
        self.ok("quantize", self.folder / "normalized.pt", "-o", self.folder / "q.pt")
        artifact = torch.jit.load(str(self.folder / "q.pt"))
        with torch.no_grad():
            for rows in (artifact.encode_image(pixels()), artifact.encode_text(tokens())):
                np.testing.assert_allclose(rows.norm(dim=-1).numpy(), 1, atol=1e-5)
        for model in ("normalized.pt", "q.pt"):
            np.testing.assert_allclose(np.linalg.norm(self.embed(self.folder / model), axis=1), 1, atol=1e-5)
        export(tiny_clip(), self.folder / "plain.pt")
        self.assertGreater(np.linalg.norm(self.embed(self.folder / "plain.pt"), axis=1).min(), 2)

    def test_other_lengths_are_refused(self):
        class Scaled(TinyClip):
            def encode_image(self, image):
                return 3 * super().encode_image(image)

        torch.manual_seed(0)
        export(Scaled(), self.folder / "scaled.pt")
        self.fails(3, "image tower's embeddings have lengths", "inspect", self.folder / "scaled.pt")

    def test_code_for_one_item_is_run_item_by_item(self):
        class One(TinyClip):
            def encode_image(self, image):
                return super().encode_image(image.reshape(1, 3, 32, 32))

            def encode_text(self, text):
                return super().encode_text(text.reshape(1, CONTEXT))

            def forward(self, image, text):
                return self.encode_image(image[:1]) @ self.encode_text(text[:1]).t()

        torch.manual_seed(0)
        model, path = One().eval(), self.folder / "one.pt"
        inputs = {"forward": (pixels(1), tokens(1)), "encode_image": (pixels(1),), "encode_text": (tokens(1),)}
        with torch.no_grad():
            torch.jit.save(torch.jit.trace_module(model, inputs, check_trace=False), str(path), _extra_files={"bpe_vocab": MERGES})
        self.assert_equal_to_own(self.inspect(path))

    def test_archives_of_other_precisions(self):
        class Cast(TinyClip):
            def encode_image(self, image):
                return super().encode_image(image.to(self.text_projection.dtype))

        for dtype in (torch.bfloat16, torch.float16, torch.float64):
            torch.manual_seed(0)
            model, path = Cast().to(dtype), self.folder / "cast.pt"
            export(model, path)
            found = self.inspect(path)
            self.assert_equal_to_own(found)
            self.assertEqual(found["config"]["vision_settings"]["activation"], "quick_gelu")

    def test_what_can_not_be_compared_is_refused_unless_told(self):
        class Broken(TinyClip):
            def encode_text(self, text):
                return super().encode_text(text + 10**6)  # beyond the vocabulary

        torch.manual_seed(0)
        model, path = Broken().eval(), self.folder / "broken.pt"
        model.token_embedding = nn.Embedding(10**6 + 600, 64)
        with torch.no_grad():
            traced = torch.jit.trace_module(
                model, {"encode_image": (pixels(2),), "encode_text": (tokens(2),)}, check_trace=False)
        small = tiny_clip()
        traced.token_embedding.weight = small.token_embedding.weight
        torch.jit.save(traced, str(path), _extra_files={"bpe_vocab": MERGES})
        process = self.fails(3, "can't be compared with the archive's own embeddings: its own encode_text fails: "
                                "index out of range in self.*taken on trust: .*heads 2.*--parity skip", "inspect", path)
        self.assertNotIn("interpreter", process.stderr)
        process = self.ok("quantize", path, "--parity", "skip", "-o", self.folder / "q.pt")
        manifest = json.loads(self.ok("inspect", self.folder / "q.pt", "--json"))["manifest"]
        self.assertIn("taken on trust", manifest["source"]["unchecked"])
        bench = json.loads(self.ok("bench", self.folder / "q.pt", "--json", "--seconds", "0.05", "--batch-size", "1"))
        self.assertIn("taken on trust", bench["results"][0]["model"]["unchecked"])
        self.assertIn("taken on trust", " ".join(bench["results"][0]["warnings"]))
        checked, _ = self.checkpoint()
        self.ok("quantize", checked, "-o", self.folder / "c.pt")
        self.assertNotIn("unchecked", json.loads(self.ok("inspect", self.folder / "c.pt", "--json"))["manifest"]["source"])

    def test_skipping_needs_an_activation(self):
        class Spelt(nn.Module):
            def forward(self, x):
                return x * 0.5 * (1 + torch.erf(x * 0.7071067811865476))

        path, _ = self.checkpoint(activation=Spelt)
        self.fails(2, r"pass quick_gelu.*\(--activation\)", "inspect", path, "--parity", "skip")
        self.ok("inspect", path, "--parity", "skip", "--activation", "gelu")
        self.fails(2, "--parity maybe", "inspect", path, "--parity", "maybe")

    def test_a_scale_in_a_row_of_one(self):
        clip = tiny_clip()
        clip.logit_scale = nn.Parameter(clip.logit_scale.data.reshape(1))
        export(clip, self.folder / "scale.pt")
        self.ok("quantize", self.folder / "scale.pt", "-o", self.folder / "q.pt")
        self.assertEqual(torch.jit.load(str(self.folder / "q.pt")).logit_scale.shape, ())

    def test_frozen_archives_are_named(self):
        path, _ = self.checkpoint()
        frozen = torch.jit.freeze(torch.jit.load(str(path)).eval(), preserved_attrs=["encode_image", "encode_text"])
        torch.jit.save(frozen, str(self.folder / "frozen.pt"))
        self.fails(3, "frozen archive .*export it without freezing", "inspect", self.folder / "frozen.pt")

    def test_weights_that_overflow_are_named(self):
        clip = tiny_clip()
        for layer in (clip.visual.transformer.resblocks[0].mlp.c_fc, clip.visual.transformer.resblocks[0].mlp.c_proj):
            layer.weight.data.mul_(1e30)
        export(clip, self.folder / "overflows.pt")
        self.fails(3, "image embeddings of the archive's own .* aren't finite: activations overflow", "inspect",
                   self.folder / "overflows.pt")


if __name__ == "__main__":
    unittest.main()
