"""A small CLIP with a ModifiedResNet as image tower, for tests."""
import torch
from torch import nn

from support import CONTEXT, VOCABULARY, Clip, Sizes

CELL, WIDTH, BLOCKS = 32, 8, (1, 2, 1, 1)
TEXT_WIDTH, TEXT_LAYERS, EMBEDDING = 64, 2, 48

RESNET_CONFIG = {
    "model_cfg": {"embed_dim": EMBEDDING, "quick_gelu": True,
                  "vision_cfg": {"image_size": 32, "layers": list(BLOCKS), "width": WIDTH, "head_width": 64, "patch_size": None},
                  "text_cfg": {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": TEXT_WIDTH, "heads": 1, "layers": TEXT_LAYERS}},
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}


def resnet_clip(size=64, seed=0):
    """Untrained, with running statistics that are not trivial."""
    torch.manual_seed(seed)
    clip = Clip(Sizes(size, CELL, WIDTH, BLOCKS, TEXT_WIDTH, TEXT_LAYERS, EMBEDDING, CONTEXT, VOCABULARY))
    nn.init.normal_(clip.token_embedding.weight)
    for norm in (part for part in clip.modules() if isinstance(part, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        nn.init.normal_(norm.running_mean, std=0.3)
        nn.init.uniform_(norm.running_var, 0.3, 3)
    return clip.eval().requires_grad_(False)
