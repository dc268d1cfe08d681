"""The CLIPs that contenders run, in PyTorch, and the inputs that they run on."""
import dataclasses

try:
    import numpy as np
except ModuleNotFoundError:
    np = None  # reported with the other packages that are missing

RESOLUTION, CONTEXT, VOCABULARY = 224, 77, 49408


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Sizes of a CLIP, as clip_torch.Sizes; heads are 64 wide."""

    patch: int
    vision_width: int = 768
    vision_layers: int | tuple[int, int, int, int] = 12
    text_width: int = 512
    text_layers: int = 12
    embedding: int = 512


ARCHITECTURES = {
    "ViT-B-32": Architecture(patch=32),
    "ViT-B-16": Architecture(patch=16),
    "ViT-L-14": Architecture(patch=14, vision_width=1024, vision_layers=24, text_width=768, embedding=768),
    "RN50": Architecture(patch=32, vision_width=64, vision_layers=(3, 4, 6, 3), embedding=1024),
}


def has_resnet(model):
    return not isinstance(ARCHITECTURES[model].vision_layers, int)


def inputs_of(tower, batch, seed=1):
    """The batch that all Python contenders run on: pixels, or random ids, the largest one last."""
    generator = np.random.default_rng(seed)
    if tower == "image":
        return generator.standard_normal((batch, 3, RESOLUTION, RESOLUTION), np.float32)
    ids = generator.integers(1, VOCABULARY - 2, (batch, CONTEXT), np.int64)
    ids[:, 0], ids[:, -1] = VOCABULARY - 2, VOCABULARY - 1
    return ids


def make_clip(model):
    """The CLIP with random weights. Only children of the benchmark call it: they alone import torch."""
    from clip_torch import Clip, Sizes, initialize_as_openai

    sizes = dataclasses.asdict(ARCHITECTURES[model])
    clip = Clip(Sizes(resolution=RESOLUTION, context=CONTEXT, vocabulary=VOCABULARY, **sizes))
    return clip if has_resnet(model) else initialize_as_openai(clip)


def settle_statistics(clip):
    """Gives each BatchNorm the statistics of random images, so that activations neither vanish nor grow."""
    import torch
    from torch import nn

    norms = [part for part in clip.visual.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    clip.visual.train()
    with torch.no_grad():
        clip.visual(torch.from_numpy(inputs_of("image", 16)))
    clip.eval()


def use_linear(attention):
    """Makes the nn.Linear that quantization looks for."""
    from clip_torch import Attention
    from torch import nn

    class LinearAttention(Attention):
        def project(self, x):
            return self.in_proj(x)

    outputs, inputs = attention.in_proj_weight.shape
    attention.in_proj = nn.Linear(inputs, outputs, device="meta")
    attention.in_proj.weight, attention.in_proj.bias = attention.in_proj_weight, attention.in_proj_bias
    del attention.in_proj_weight, attention.in_proj_bias
    attention.__class__ = LinearAttention


def load_tower(checkpoint, model, tower, linear=False):
    """One tower of a checkpoint as a module; `linear` makes nn.Linear of all its linear layers."""
    import torch
    from clip_torch import Attention
    from torch import nn

    class TextTower(nn.Module):
        def __init__(self, clip):
            super().__init__()
            del clip.visual
            self.clip = clip

        def forward(self, text):
            return self.clip.encode_text(text)

    with torch.device("meta"):
        clip = make_clip(model)
    clip.load_state_dict(torch.jit.load(checkpoint, map_location="cpu").state_dict(), assign=True)
    module = (clip.visual if tower == "image" else TextTower(clip)).eval().requires_grad_(False)
    if linear:
        for part in module.modules():
            if isinstance(part, Attention):
                use_linear(part)
    return module
