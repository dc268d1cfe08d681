"""Loading checkpoints: parity with PyTorch, activations, half precision, metadata."""
import json
import unittest

import numpy as np
import torch
from torch import nn

from support import CONTEXT, MERGES, CliTest, clipq, export, pixels, tiny_clip, tokens, worst_cosine


class Load(CliTest):
    def inspect(self, path, *options):
        return json.loads(self.ok("inspect", path, "--json", *options))

    def test_config_and_parity(self):
        path, _ = self.checkpoint()
        found = self.inspect(path)
        self.assertEqual(found["kind"], "checkpoint")
        self.assertEqual(found["config"]["vision_settings"]["heads"], 2)
        self.assertEqual(found["config"]["text_layers"], 2)
        for tower in ("image", "text"):
            self.assertLess(found["parity"][tower]["error"], 5e-6)

    def test_activation_is_read_off_the_graph(self):
        for activation, name in ((nn.GELU, "gelu"), (lambda: nn.GELU("tanh"), "gelu_tanh")):
            path, _ = self.checkpoint(f"{name}.pt", activation=activation)
            found = self.inspect(path)
            for tower in ("image", "text"):
                self.assertEqual(found["settings_from"][tower]["activation"], "the archive's code")
            self.assertEqual(found["config"]["vision_settings"]["activation"], name)

    def test_activation_from_metadata_wins_over_the_graph(self):
        extra = {"clipq_checkpoint.json": json.dumps({"activation": "quick_gelu"})}
        path, _ = self.checkpoint(extra=extra)
        self.assertEqual(self.inspect(path)["settings_from"]["text"]["activation"], "the checkpoint's metadata")

    def test_activation_is_tried_where_the_graph_does_not_tell(self):
        class Spelt(nn.Module):  # GELU without aten::gelu
            def forward(self, x):
                return x * 0.5 * (1 + torch.erf(x * 0.7071067811865476))

        path, _ = self.checkpoint(activation=Spelt)
        found = self.inspect(path)
        self.assertEqual(found["config"]["vision_settings"]["activation"], "gelu")
        self.assertIn("tried", found["settings_from"]["image"]["activation"])

    def test_wrong_activation_is_refused(self):
        path, _ = self.checkpoint(layers=12)
        self.fails(3, "image tower: activation: quick_gelu fits, gelu is what an explicit setting says", "inspect", path, "--activation", "gelu")

    def test_scripted_archive_with_a_format_string(self):
        class Checked(nn.Module):  # what scripting nn.MultiheadAttention leaves: aten::format with many inputs
            def __init__(self, clip):
                super().__init__()
                self.visual, self.transformer, self.token_embedding = clip.visual, clip.transformer, clip.token_embedding
                self.positional_embedding, self.ln_final = clip.positional_embedding, clip.ln_final
                self.text_projection, self.logit_scale = clip.text_projection, clip.logit_scale

            def forward(self, image, text):
                return self.encode_image(image) @ self.encode_text(text).t()

            @torch.jit.export
            def encode_image(self, image):
                assert image.dim() == 4, "got {} {} {} {}".format(image.dim(), 1, 2.5, "x")
                return self.visual(image)

            @torch.jit.export
            def encode_text(self, text):
                x = self.transformer(self.token_embedding(text) + self.positional_embedding)
                return self.ln_final(x)[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

        scripted = torch.jit.script(Checked(tiny_clip().eval()))
        torch.jit.save(scripted, str(self.folder / "scripted.pt"), _extra_files={"bpe_vocab": MERGES})
        self.assertLess(self.inspect(self.folder / "scripted.pt")["parity"]["image"]["error"], 5e-6)

    def test_what_no_setting_explains_is_warned_of_if_it_is_small(self):
        model = tiny_clip()
        visual = model.visual.forward
        model.visual.forward = lambda x: visual(x) + 1e-4
        export(model, self.folder / "shifted.pt")
        process = clipq("inspect", self.folder / "shifted.pt")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertRegex(process.stderr, "warning: .*image tower's embeddings aren't those of the archive's own.*small")

    def test_other_architecture_behind_the_same_names_is_refused(self):
        model = tiny_clip()
        transformer = model.transformer.forward
        model.transformer.forward = lambda x: transformer(x) + x
        export(model, self.folder / "odd.pt")
        self.fails(3, "text tower's embeddings aren't those of the archive's own.*cosine", "inspect", self.folder / "odd.pt")

    def test_half_precision_with_cuda_constants(self):
        """OpenAI's archives: half weights, and casts to half on "cuda:0" written into the graph."""

        class OnGpu(nn.Module):
            def __init__(self, clip):
                super().__init__()
                self.visual, self.transformer, self.token_embedding = clip.visual, clip.transformer, clip.token_embedding
                self.positional_embedding, self.ln_final = clip.positional_embedding, clip.ln_final
                self.text_projection, self.logit_scale = clip.text_projection, clip.logit_scale

            def encode_image(self, image):
                return self.visual(image.to("cpu", torch.float16))

            def encode_text(self, text):
                x = self.token_embedding(text).to("cpu", torch.float16) + self.positional_embedding.to("cpu", torch.float16)
                x = self.ln_final(self.transformer(x))
                return x[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

            def forward(self, image, text):
                return self.encode_image(image) @ self.encode_text(text).t()

        reference = tiny_clip().half().float().eval()  # the weights as half precision keeps them
        model = OnGpu(tiny_clip().half()).eval()
        inputs = {"forward": (pixels(2), tokens(2)), "encode_image": (pixels(2),), "encode_text": (tokens(2),)}
        with torch.no_grad():
            traced = torch.jit.trace_module(model, inputs, check_trace=False)
        # Tracing needs the device; what OpenAI's files say is put in afterwards.
        devices = 0
        for method in ("encode_image", "encode_text"):
            for node in traced._c._get_method(method).graph.findAllNodes("prim::Constant"):
                if "value" in node.attributeNames() and node.kindOf("value") == "s" and node.s("value") == "cpu":
                    node.s_("value", "cuda:0")
                    devices += 1
        self.assertGreater(devices, 0)
        path = self.folder / "half.pt"
        torch.jit.save(traced, str(path), _extra_files={"bpe_vocab": MERGES})
        found = self.inspect(path)
        for tower in ("image", "text"):
            self.assertLess(found["parity"][tower]["error"], 5e-6)
        (self.folder / "texts.txt").write_text("red blue\nblue\n")
        self.ok("embed", path, "--texts", self.folder / "texts.txt", "-o", self.folder / "t.npy")
        ours = np.load(self.folder / "t.npy")
        vocabulary = {"red": 513, "blue": 516}
        ids = torch.zeros(2, CONTEXT, dtype=torch.long)
        ids[0, :4] = torch.tensor([517, vocabulary["red"], vocabulary["blue"], 518])
        ids[1, :3] = torch.tensor([517, vocabulary["blue"], 518])
        with torch.no_grad():
            self.assertGreater(worst_cosine(ours, reference.encode_text(ids)), 0.99999)


if __name__ == "__main__":
    unittest.main()
