"""A CLIP in plain PyTorch, with a ViT or a ModifiedResNet and OpenAI's parameter names: written independently of clipq, for the
scripts that make checkpoints and for the tests."""
import collections
import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Of ViT-B/32, unless told otherwise. Heads are 64 wide. Four numbers as `vision_layers` stand for a ModifiedResNet with that
    many bottlenecks in each stage; `vision_width` is then its stem's, and `patch` is 32, the pixels of a cell of its last grid."""

    resolution: int = 224
    patch: int = 32
    vision_width: int = 768
    vision_layers: int | tuple[int, int, int, int] = 12
    text_width: int = 512
    text_layers: int = 12
    embedding: int = 512
    context: int = 77
    vocabulary: int = 49408


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """nn.MultiheadAttention's parameters."""

    def __init__(self, width, causal):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.heads, self.causal = max(1, width // 64), causal

    def project(self, x):
        return F.linear(x, self.in_proj_weight, self.in_proj_bias)

    def forward(self, x):
        n, length, width = x.shape
        qkv = self.project(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], is_causal=self.causal)
        return self.out_proj(attended.transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    def __init__(self, width, causal, activation):
        super().__init__()
        self.attn = Attention(width, causal)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(collections.OrderedDict(
            c_fc=nn.Linear(width, 4 * width), gelu=activation(), c_proj=nn.Linear(4 * width, width)))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, causal, activation):
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(width, causal, activation) for _ in range(layers)])

    def forward(self, x):
        return self.resblocks(x)


class Visual(nn.Module):
    def __init__(self, sizes, activation):
        super().__init__()
        width = sizes.vision_width
        self.conv1 = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        tokens = (sizes.resolution // sizes.patch) ** 2 + 1
        self.positional_embedding = nn.Parameter(torch.randn(tokens, width) * width**-0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, sizes.vision_layers, False, activation)
        self.proj = nn.Parameter(torch.randn(width, sizes.embedding) * width**-0.5)

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Bottleneck(nn.Module):
    """`width` channels inside, four times as many outside. The stride is an average pool, before the last convolution and before
    the shortcut's."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d(stride)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(collections.OrderedDict(
                {"-1": nn.AvgPool2d(stride), "0": nn.Conv2d(inputs, outputs, 1, bias=False), "1": nn.BatchNorm2d(outputs)}))

    def forward(self, x):
        inside = F.relu(self.bn1(self.conv1(x)))
        inside = F.relu(self.bn2(self.conv2(inside)))
        return F.relu(self.bn3(self.conv3(self.pool(inside))) + self.downsample(x))


class AttentionPool(nn.Module):
    """What the mean of all cells gathers from itself and from the cells."""

    def __init__(self, width, cells, embedding):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(cells + 1, width) * width**-0.5)
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, embedding)
        self.heads = width // 64

    def by_head(self, x):
        n, length, width = x.shape
        return x.view(n, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        q, k, v = (self.by_head(each) for each in (self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x)))
        return self.c_proj(F.scaled_dot_product_attention(q, k, v).flatten(1))


class ModifiedResNet(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        width = sizes.vision_width
        self.conv1, self.bn1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv2, self.bn2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv3, self.bn3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d(2)
        inputs = width
        for stage, blocks in enumerate(sizes.vision_layers):
            inside, stride = width * 2**stage, 1 if stage == 0 else 2
            bottlenecks = [Bottleneck(inputs, inside, stride), *(Bottleneck(4 * inside, inside, 1) for _ in range(blocks - 1))]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*bottlenecks))
            inputs = 4 * inside
        self.attnpool = AttentionPool(inputs, (sizes.resolution // sizes.patch) ** 2, sizes.embedding)

    def forward(self, x):
        for conv, bn in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.relu(bn(conv(x)))
        return self.attnpool(self.layer4(self.layer3(self.layer2(self.layer1(self.pool(x))))))


class Clip(nn.Module):
    def __init__(self, sizes, activation=QuickGelu):
        super().__init__()
        width = sizes.text_width
        self.visual = Visual(sizes, activation) if isinstance(sizes.vision_layers, int) else ModifiedResNet(sizes)
        self.transformer = Transformer(width, sizes.text_layers, True, activation)
        self.token_embedding = nn.Embedding(sizes.vocabulary, width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.positional_embedding = nn.Parameter(torch.randn(sizes.context, width) * 0.01)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, sizes.embedding) * width**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, image):
        return self.visual(image)

    def encode_text(self, text):
        x = self.transformer(self.token_embedding(text) + self.positional_embedding[: text.shape[1]])
        return self.ln_final(x)[torch.arange(x.shape[0]), text.argmax(-1)] @ self.text_projection

    def forward(self, image, text):
        """OpenAI's: the logits of images by texts, and of texts by images."""
        image, text = F.normalize(self.encode_image(image), dim=-1), F.normalize(self.encode_text(text), dim=-1)
        logits = self.logit_scale.exp() * image @ text.t()
        return logits, logits.t()


def initialize_as_openai(clip):
    """The residual stream's magnitude stays near 1 whatever the depth. Of a CLIP with ViT towers."""
    for transformer in (clip.visual.transformer, clip.transformer):
        layers = len(transformer.resblocks)
        for block in transformer.resblocks:
            width = block.ln_1.weight.numel()
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=(2 * layers * width) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=(2 * layers * width) ** -0.5)
    return clip


def trace(clip, image, text):
    """The archive's three methods, traced on these inputs."""
    methods = {"forward": (image, text), "encode_image": (image,), "encode_text": (text,)}
    with torch.no_grad():
        return torch.jit.trace_module(clip, methods, check_trace=False)
