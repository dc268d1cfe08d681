"""The CLIPs that contenders run, in PyTorch, and the inputs that they run on."""
import dataclasses
import collections
import functools

try:
    import numpy as np
except ModuleNotFoundError:
    np = None  # reported with the other packages that are missing

RESOLUTION, CONTEXT, VOCABULARY = 224, 77, 49408


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Sizes of a CLIP with ViT towers; heads are 64 wide."""

    patch: int
    vision_width: int = 768
    vision_layers: int = 12
    text_width: int = 512
    text_layers: int = 12
    embedding: int = 512


ARCHITECTURES = {
    "ViT-B-32": Architecture(patch=32),
    "ViT-B-16": Architecture(patch=16),
    "ViT-L-14": Architecture(patch=14, vision_width=1024, vision_layers=24, text_width=768, embedding=768),
}


def inputs_of(tower, batch, seed=1):
    """The batch that all Python contenders run on: pixels, or random ids, the largest one last."""
    generator = np.random.default_rng(seed)
    if tower == "image":
        return generator.standard_normal((batch, 3, RESOLUTION, RESOLUTION), np.float32)
    ids = generator.integers(1, VOCABULARY - 2, (batch, CONTEXT), np.int64)
    ids[:, 0], ids[:, -1] = VOCABULARY - 2, VOCABULARY - 1
    return ids


@functools.cache
def clip_class():
    """The CLIP in PyTorch, with OpenAI's parameter names. A function, as only children import torch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Attention(nn.Module):
        """nn.MultiheadAttention's parameters; use_linear makes the nn.Linear that quantization looks for."""

        def __init__(self, width, causal):
            super().__init__()
            self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
            self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
            self.out_proj = nn.Linear(width, width)
            self.heads, self.causal, self.in_proj = width // 64, causal, None

        def use_linear(self):
            outputs, inputs = self.in_proj_weight.shape
            self.in_proj = nn.Linear(inputs, outputs, device="meta")
            self.in_proj.weight, self.in_proj.bias = self.in_proj_weight, self.in_proj_bias
            del self.in_proj_weight, self.in_proj_bias

        def forward(self, x):
            n, length, width = x.shape
            if self.in_proj is None:
                projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
            else:
                projected = self.in_proj(x)
            q, k, v = projected.view(n, length, 3, self.heads, 64).permute(2, 0, 3, 1, 4).unbind(0)
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
            return self.out_proj(attended.transpose(1, 2).reshape(n, length, width))

    class QuickGelu(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(1.702 * x)

    class Block(nn.Module):
        def __init__(self, width, causal):
            super().__init__()
            self.attn = Attention(width, causal)
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mlp = nn.Sequential(collections.OrderedDict(
                c_fc=nn.Linear(width, 4 * width), gelu=QuickGelu(), c_proj=nn.Linear(4 * width, width)))

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Transformer(nn.Module):
        """Initialised as OpenAI does: the residual stream's magnitude stays near 1 whatever the depth."""

        def __init__(self, width, layers, causal):
            super().__init__()
            self.resblocks = nn.Sequential(*[Block(width, causal) for _ in range(layers)])
            for block in self.resblocks:
                nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
                nn.init.normal_(block.attn.out_proj.weight, std=(2 * layers * width) ** -0.5)
                nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
                nn.init.normal_(block.mlp.c_proj.weight, std=(2 * layers * width) ** -0.5)

        def forward(self, x):
            return self.resblocks(x)

    class Visual(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            width = sizes.vision_width
            self.conv1 = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=False)
            self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
            tokens = (RESOLUTION // sizes.patch) ** 2 + 1
            self.positional_embedding = nn.Parameter(torch.randn(tokens, width) * width**-0.5)
            self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
            self.transformer = Transformer(width, sizes.vision_layers, causal=False)
            self.proj = nn.Parameter(torch.randn(width, sizes.embedding) * width**-0.5)

        def forward(self, x):
            x = self.conv1(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
            return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj

    class Clip(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            width = sizes.text_width
            self.visual = Visual(sizes)
            self.transformer = Transformer(width, sizes.text_layers, causal=True)
            self.token_embedding = nn.Embedding(VOCABULARY, width)
            nn.init.normal_(self.token_embedding.weight, std=0.02)
            self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, width) * 0.01)
            self.ln_final = nn.LayerNorm(width)
            self.text_projection = nn.Parameter(torch.randn(width, sizes.embedding) * width**-0.5)
            self.logit_scale = nn.Parameter(torch.tensor(0.07).log().neg())

        def encode_image(self, image):
            return self.visual(image)

        def encode_text(self, text):
            x = self.transformer(self.token_embedding(text) + self.positional_embedding)
            return self.ln_final(x)[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

        def forward(self, image, text):
            image = F.normalize(self.encode_image(image), dim=-1)
            text = F.normalize(self.encode_text(text), dim=-1)
            logits = self.logit_scale.exp() * image @ text.t()
            return logits, logits.t()

    return Clip


def load_tower(checkpoint, model, tower, linear=False):
    """One tower of a checkpoint as a module; `linear` makes nn.Linear of all its linear layers."""
    import torch
    from torch import nn

    class TextTower(nn.Module):
        def __init__(self, clip):
            super().__init__()
            del clip.visual
            self.clip = clip

        def forward(self, text):
            return self.clip.encode_text(text)

    with torch.device("meta"):
        clip = clip_class()(ARCHITECTURES[model])
    clip.load_state_dict(torch.jit.load(checkpoint, map_location="cpu").state_dict(), assign=True)
    module = (clip.visual if tower == "image" else TextTower(clip)).eval().requires_grad_(False)
    if linear:
        for part in module.modules():
            if hasattr(part, "use_linear"):
                part.use_linear()
    return module
