"""A SigLIP in plain PyTorch with Hugging Face's parameter names, written independently of clipq, and the same tensors with open_clip's
names."""
import json
import pathlib
import re
import shutil

import torch
from torch import nn
from torch.nn import functional as F

TOKENIZERS = pathlib.Path(__file__).resolve().parents[1] / "golden" / "data" / "tokenizers"


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.heads = heads

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (layer(x).view(n, length, self.heads, -1).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj))
        attended = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return self.out_proj(attended.transpose(1, 2).reshape(n, length, width))


class Mlp(nn.Module):
    def __init__(self, width, hidden, approximate):
        super().__init__()
        self.fc1, self.fc2, self.approximate = nn.Linear(width, hidden), nn.Linear(hidden, width), approximate

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate=self.approximate))


class Layer(nn.Module):
    def __init__(self, width, heads, hidden, approximate):
        super().__init__()
        self.self_attn, self.mlp = Attention(width, heads), Mlp(width, hidden, approximate)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, layers, *arguments):
        super().__init__()
        self.layers = nn.Sequential(*[Layer(*arguments) for _ in range(layers)])


class Head(nn.Module):
    """The MAP head: attention of one probe, and a residual MLP."""

    def __init__(self, width, heads, hidden, approximate):
        super().__init__()
        self.probe = nn.Parameter(torch.randn(1, 1, width))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.layernorm, self.mlp = nn.LayerNorm(width, eps=1e-6), Mlp(width, hidden, approximate)

    def forward(self, x):
        pooled = self.attention(self.probe.repeat(x.shape[0], 1, 1), x, x)[0]
        return (pooled + self.mlp(self.layernorm(pooled)))[:, 0]


class Vision(nn.Module):
    def __init__(self, width, heads, hidden, layers, size, patch, approximate):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, width, patch, patch)
        self.embeddings.position_embedding = nn.Embedding((size // patch) ** 2, width)
        self.encoder = Encoder(layers, width, heads, hidden, approximate)
        self.post_layernorm = nn.LayerNorm(width, eps=1e-6)
        self.head = Head(width, heads, hidden, approximate)

    def forward(self, pixels):
        x = self.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2) + self.embeddings.position_embedding.weight
        return self.head(self.post_layernorm(self.encoder.layers(x)))


class Text(nn.Module):
    def __init__(self, width, heads, hidden, layers, context, vocabulary, embed, approximate):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.token_embedding = nn.Embedding(vocabulary, width)
        self.embeddings.position_embedding = nn.Embedding(context, width)
        self.encoder = Encoder(layers, width, heads, hidden, approximate)
        self.final_layer_norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, embed)

    def forward(self, ids):
        x = self.embeddings.token_embedding(ids) + self.embeddings.position_embedding.weight
        return self.head(self.final_layer_norm(self.encoder.layers(x))[:, -1])


class Siglip(nn.Module):
    """An MLP that isn't four times as wide, and heads that aren't 64 wide."""

    def __init__(self, size=32, patch=8, context=16, vocabulary=519, approximate="tanh", seed=0, heads=2):
        super().__init__()
        torch.manual_seed(seed)
        self.size, self.context, self.vocabulary, self.heads = size, context, vocabulary, heads
        self.vision_model = Vision(72, heads, 200, 2, size, patch, approximate)
        self.text_model = Text(64, 4, 192, 2, context, vocabulary, 72, approximate)
        self.logit_scale, self.logit_bias = nn.Parameter(torch.tensor([2.3])), nn.Parameter(torch.tensor([-10.0]))
        for name, parameter in self.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.data += 0.2 * torch.randn_like(parameter)

    def encode_image(self, image):
        return self.vision_model(image)

    def encode_text(self, text):
        return self.text_model(text)

    def forward(self, image, text):
        image, text = F.normalize(self.encode_image(image), dim=-1), F.normalize(self.encode_text(text), dim=-1)
        logits = self.logit_scale.exp() * image @ text.t() + self.logit_bias
        return logits, logits.t()

    def samples(self, count=3):
        generator = torch.Generator().manual_seed(5)
        return (torch.randn(count, 3, self.size, self.size, generator=generator),
                torch.randint(0, self.vocabulary, (count, self.context), generator=generator))

    def config(self):
        """config.json of transformers' SiglipModel, without what is at its default."""
        vision = {"hidden_size": 72, "num_attention_heads": self.heads, "intermediate_size": 200, "num_hidden_layers": 2,
                  "image_size": self.size, "patch_size": self.vision_model.embeddings.patch_embedding.kernel_size[0]}
        text = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 192, "num_hidden_layers": 2,
                "vocab_size": self.vocabulary, "max_position_embeddings": self.context, "projection_size": 72}
        return {"model_type": "siglip", "vision_config": vision, "text_config": text}


    def open_clip_config(self, image_tower="vit_base_patch16_siglip_224"):
        """open_clip_config.json of the same tensors. timm's tower of that name has 12 heads and exact GELU."""
        text = {"context_length": self.context, "vocab_size": self.vocabulary, "width": 64, "heads": 4, "layers": 2, "mlp_ratio": 3.0,
                "no_causal_mask": True, "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6}}
        vision = {"image_size": self.size, "timm_model_name": image_tower, "timm_pool": "map", "timm_proj": "none"}
        return {"model_cfg": {"embed_dim": 72, "custom_text": True, "init_logit_bias": -10, "vision_cfg": vision, "text_cfg": text}}


TIMM_NAMES = (("vision_model.embeddings.patch_embedding", "visual.trunk.patch_embed.proj"), ("vision_model.encoder.layers", "visual.trunk.blocks"),
              ("vision_model.post_layernorm", "visual.trunk.norm"), ("vision_model.head.attention.out_proj", "visual.trunk.attn_pool.proj"),
              ("vision_model.head.layernorm", "visual.trunk.attn_pool.norm"), ("vision_model.head.mlp", "visual.trunk.attn_pool.mlp"),
              ("text_model.encoder.layers", "text.transformer.resblocks"), ("text_model.final_layer_norm", "text.ln_final"),
              ("text_model.head", "text.text_projection"), ("text_model.embeddings.token_embedding", "text.token_embedding"))
BLOCK_NAMES = {"visual": (("layer_norm", "norm"), ("self_attn.out_proj", "attn.proj")),
               "text": (("layer_norm", "ln_"), ("self_attn.out_proj", "attn.out_proj"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"))}


def open_clip_names(state):
    """A SiglipModel's tensors as open_clip's CustomTextCLIP with timm's tower names and lays them out."""
    out = {"logit_scale": state["logit_scale"].reshape([]), "logit_bias": state["logit_bias"].reshape([]),
           "visual.trunk.pos_embed": state["vision_model.embeddings.position_embedding.weight"][None],
           "text.positional_embedding": state["text_model.embeddings.position_embedding.weight"],
           "visual.trunk.attn_pool.latent": state["vision_model.head.probe"]}
    for kind in ("weight", "bias"):
        joined = state[f"vision_model.head.attention.in_proj_{kind}"]
        rows = joined.shape[0] // 3
        out[f"visual.trunk.attn_pool.q.{kind}"], out[f"visual.trunk.attn_pool.kv.{kind}"] = joined[:rows].clone(), joined[rows:].clone()
    for name, tensor in state.items():
        for theirs, ours in TIMM_NAMES:
            if not name.startswith(theirs):
                continue
            target = name.replace(theirs, ours)
            for old, new in BLOCK_NAMES[target.split(".")[0]]:
                target = target.replace(old, new)
            if "self_attn.q_proj" in target:
                joined = torch.cat([state[name.replace("q_proj", f"{part}_proj")] for part in "qkv"])
                visual = target.startswith("visual")
                target = target.replace("self_attn.q_proj.", "attn.qkv." if visual else "attn.in_proj_")
                out[target] = joined
            elif "self_attn" not in target:
                out[target] = tensor
    return out


def pieces_of(kind):
    """The number of ids of one of the golden tokenizers."""
    if kind == "siglip":  # a protobuf message, in which each piece begins with a normal one's bytes
        data = (TOKENIZERS / kind / "spiece.model").read_bytes()
        count, at = 0, 0
        while at < len(data) and data[at] == 0x0A:  # field 1, of less than 128 bytes
            at += 2 + data[at + 1]
            count += 1
        return count
    text = (TOKENIZERS / kind / "tokenizer.json").read_text(encoding="utf-8")
    return 1 + max(int(number) for number in re.findall(r'": ?(\d+)[,}\n]', text[text.index('"vocab"'):]))


def folder_with_tokenizer(kind, folder, save):
    """A hub's folder of a random SigLIP with one of the golden tokenizers; returns the model and the golden rows."""
    golden = json.loads((TOKENIZERS / kind / "golden.json").read_text(encoding="utf-8"))
    model = Siglip(context=len(golden[0]["row"]), vocabulary=pieces_of(kind)).eval().requires_grad_(False)
    folder.mkdir()
    save({name: tensor.clone() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(model.config()))
    for file in (TOKENIZERS / kind).iterdir():
        if file.name != "golden.json":
            shutil.copy(file, folder)
    return model, golden
