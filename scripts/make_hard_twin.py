#!/usr/bin/env python3
"""Creates a hard twin of a CLIP: the same function, with weights and activations that are hard to quantize.

  .venv/bin/python scripts/make_hard_twin.py CHECKPOINT.pt -o TWIN.pt
  .venv/bin/python scripts/make_hard_twin.py CHECKPOINT.pt -o TWIN.pt --seed 2 --strength 10 100 --share 0.1
  .venv/bin/python scripts/make_hard_twin.py CHECKPOINT.pt -o TWIN.pt --outlier-tokens 2 --images FOLDER --share 0

In every block of both towers, and before the projections, some channels are multiplied by large factors and their
consumers divided by the same factors, imitating the outlier channels of large trained models:

  ln_1 by in_proj's columns, ln_2 by c_fc's columns, ln_post and ln_final by the rows of visual.proj and text_projection,
  v by out_proj's columns, q by k; in a ResNet's stem and bottlenecks bn1 by conv2's input channels, bn2 by conv3's

The checkpoint is a TorchScript CLIP with OpenAI's parameter names, its image tower a ViT or a ModifiedResNet, in float32.
The resulting archive is loaded again, and its encode_image and encode_text are compared with the checkpoint's on random
input: if the relative difference exceeds 1e-4, no output is written. Extra files are kept. The same seed gives the same file.

--outlier-tokens N imitates the massive activations of large ViTs before that: from the middle block on, the tokens at N patch positions,
drawn by the seed, hold one huge value whatever the image. For each of them the least used hidden neuron of that block's MLP learns to
fire at its position alone, by logistic regression on half of the images in --images (resized and cropped as OpenAI's CLIP does), and writes
into one channel of the residual stream. This is not the same function: those tokens no longer carry what their patches show. The
embeddings of the other images are compared with the checkpoint's: if their mean cosine is below 0.98, or if not every such token is
an outlier in 95 % of these images, no output is written. The text tower stays as it is. The guarantee of 1e-4 is then relative to
the model with outlier tokens; --share 0 leaves channels alone. Only for ViTs whose heads are 64 wide.
"""
import argparse
import contextlib
import io
import math
import os
import pathlib
import re
import sys
import zipfile

import torch
from PIL import Image
from torch.nn import functional as F

from clip_torch import Clip, QuickGelu, Sizes

LARGEST_DIFFERENCE = 1e-4
LEAST_COSINE = 0.98
LEAST_SHARE = 0.95
OUTLIER_RATIO = 8  # of a token's largest magnitude to the median token's: clipq's own rule
BATCH = 4
BLOCK = re.compile(r"(visual\.)?transformer\.resblocks\.\d+")
BOTTLENECK = re.compile(r"visual\.layer[1-4]\.\d+")
TEXT_REQUIRED = ("token_embedding.weight", "positional_embedding", "ln_final.weight", "ln_final.bias", "text_projection")
VIT_REQUIRED = ("visual.conv1.weight", "visual.positional_embedding", "visual.ln_post.weight", "visual.ln_post.bias", "visual.proj")
RESNET_REQUIRED = ("visual.attnpool.positional_embedding",)
BLOCK_REQUIRED = ("ln_1.weight", "ln_1.bias", "attn.in_proj_weight", "attn.in_proj_bias", "attn.out_proj.weight",
                  "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight")
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CONVOLUTIONS_REQUIRED = ("bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias", "conv3.weight")


class Failure(Exception):
    """An error message for the user."""


# ---------------------------------------------------------------- archive


def extra_names(path):
    """The names of the archive's extra files."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.split("/extra/", 1)[1] for name in archive.namelist() if "/extra/" in name]
    except FileNotFoundError:
        raise Failure(f"{path} does not exist") from None
    except zipfile.BadZipFile:
        raise Failure(f"{path}: not a TorchScript archive, or damaged; expected the output of torch.jit.save") from None
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from None


def load(path):
    """(module, extra files) of the archive."""
    extra = dict.fromkeys(extra_names(path), "")
    if "clipq.json" in extra:
        raise Failure(f"{path} is a clipq artifact, already quantized; pass the checkpoint it was made from")
    try:
        module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].split(". ")[0]
        raise Failure(f"{path}: not a TorchScript archive as torch.jit.save writes it, or damaged: {reason}") from None
    return module.eval(), extra


def write(path, content):
    """Writes under a temporary name, then renames."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


# ---------------------------------------------------------------- model


def names_in(state, pattern):
    return sorted({match.group() for match in map(pattern.match, state) if match})


def checked_parts(state, path):
    """The names of the transformers' blocks, and those of the stem and the bottlenecks of a ResNet; anything but a float32 CLIP is
    a failure."""
    blocks, bottlenecks = names_in(state, BLOCK), names_in(state, BOTTLENECK)
    convolutions = ["visual", *bottlenecks] if bottlenecks else []
    kind = f"not a CLIP with OpenAI's names and {'a ModifiedResNet' if bottlenecks else 'ViT towers'}"
    for tower in ("transformer",) if bottlenecks else ("visual.transformer", "transformer"):
        if not any(block.startswith(f"{tower}.") for block in blocks):
            raise Failure(f"{path}: {kind}: {tower}.resblocks is missing")
    required = [*(RESNET_REQUIRED if bottlenecks else VIT_REQUIRED), *TEXT_REQUIRED]
    required += [f"{part}.{name}" for parts, names in ((blocks, BLOCK_REQUIRED), (convolutions, CONVOLUTIONS_REQUIRED))
                 for part in parts for name in names]
    for name in required:
        if name not in state:
            raise Failure(f"{path}: {kind}: {name} is missing")
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise Failure(f"{path}: {name} is {str(tensor.dtype).removeprefix('torch.')}, expected float32; save the model in "
                          "float32 first (model.float() before tracing)")
    for block in blocks:
        rows, width = state[f"{block}.attn.in_proj_weight"].shape
        if rows != 3 * width or state[f"{block}.ln_1.weight"].numel() != width:
            raise Failure(f"{path}: {block}.attn.in_proj_weight is {rows} x {width}, expected 3 x width rows of ln_1's width")
    return blocks, convolutions


def random_input(state):
    """(pixels, tokens) of the sizes implied by the parameters; the end token is the vocabulary's last."""
    generator = torch.Generator().manual_seed(0)
    if "visual.attnpool.positional_embedding" in state:
        positions, cell = state["visual.attnpool.positional_embedding"], 32
    else:
        positions, cell = state["visual.positional_embedding"], state["visual.conv1.weight"].shape[-1]
    size = math.isqrt(positions.shape[0] - 1) * cell
    pixels = torch.randn(BATCH, 3, size, size, generator=generator)
    context, vocabulary = state["positional_embedding"].shape[0], state["token_embedding.weight"].shape[0]
    tokens = torch.randint(1, vocabulary - 2, (BATCH, context), generator=generator)
    for i, row in enumerate(tokens):
        end = 1 + (i + 1) * (context - 2) // BATCH
        row[0], row[end], row[end + 1 :] = vocabulary - 2, vocabulary - 1, 0
    return pixels, tokens


@torch.no_grad()
def embeddings(module, path, pixels, tokens):
    """The output of the archive's own code, by method."""
    out = {}
    for method, value in (("encode_image", pixels), ("encode_text", tokens)):
        if not hasattr(module, method):
            raise Failure(f"{path}: the archive has no {method}, so the twin cannot be checked")
        try:
            out[method] = getattr(module, method)(value)
        except RuntimeError as error:
            raise Failure(f"{path}: {method} fails on random input: {str(error).strip().splitlines()[-1]}") from None
    return out


def relative_difference(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


# ---------------------------------------------------------------- outlier tokens


def read_images(folder, size):
    """The images in a folder, [n, 3, size, size]."""
    pixels = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        with Image.open(path) as image:
            scale = size / min(image.size)
            width, height = (max(size, round(side * scale)) for side in image.size)
            image = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.crop((left, top, left + size, top + size))
        pixels.append(torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(size, size, 3))
    if len(pixels) < 2:
        raise Failure(f"{folder}: {len(pixels)} images; expected JPEG or PNG files, a few hundred")
    return (torch.stack(pixels).permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def in_plain_pytorch(state, expected, pixels, path):
    """The checkpoint as a module whose layers can be looked at, whichever GELU it has."""
    patch, positions = state["visual.conv1.weight"].shape[-1], state["visual.positional_embedding"].shape[0]
    blocks = {tower: len(names_in(state, re.compile(rf"{tower}\.resblocks\.\d+"))) for tower in (r"visual\.transformer", "transformer")}
    width, text_width = state["visual.conv1.weight"].shape[0], state["token_embedding.weight"].shape[1]
    sizes = Sizes(math.isqrt(positions - 1) * patch, patch, width, blocks[r"visual\.transformer"], text_width, blocks["transformer"],
                  state["visual.proj"].shape[1], *state["positional_embedding"].shape[:1], state["token_embedding.weight"].shape[0])
    whole_heads = width % max(1, width // 64) == 0
    for activation in (QuickGelu, torch.nn.GELU) if whole_heads else ():
        model = Clip(sizes, activation).eval()
        model.load_state_dict(state, strict=False)
        if relative_difference(model.encode_image(pixels), expected) <= LARGEST_DIFFERENCE:
            return model
    raise Failure(f"{path}: outlier tokens need an image tower with heads of 64 channels and QuickGELU or GELU; its code computes "
                  "something else")


def watched(model, module, images, of_input):
    """What a module of the image tower is given, or gives, for the images."""
    seen = []
    hook = (module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])) if of_input
            else module.register_forward_hook(lambda _, inputs, output: seen.append(output)))
    for batch in images.split(64):
        model.encode_image(batch)
    hook.remove()
    return torch.cat(seen)


@torch.enable_grad()
def learn_positions(tokens, positions):
    """Rows of weights and biases, [positions, width + 1], whose products are 1 at one position each, on average, and negative at
    the others, as far as tokens [images, all positions, width] can be told apart."""
    n, count, width = tokens.shape
    inputs = torch.cat([tokens, torch.ones(n, count, 1)], 2).reshape(n * count, width + 1).double()
    targets = -torch.ones(count, len(positions), dtype=torch.float64)
    targets[positions, torch.arange(len(positions))] = 1
    weights = torch.where(targets > 0, count - 1.0, 1.0).repeat(n, 1)
    targets = targets.repeat(n, 1)
    rows = torch.zeros(len(positions), width + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([rows], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = (weights * F.softplus(2 - 4 * targets * (inputs @ rows.t()))).mean() + 1e-4 * rows.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    own = (inputs @ rows.detach().t()).masked_fill(targets < 0, 0).sum(0) / n
    return rows.detach() / own.unsqueeze(1)


@torch.no_grad()
def add_outlier_tokens(module, state, options):
    """Changes the middle block's MLP in place, and prints what has become of it."""
    if "visual.proj" not in state:
        raise Failure(f"{options.checkpoint}: outlier tokens need a ViT")
    patches = state["visual.positional_embedding"].shape[0] - 1
    if options.outlier_tokens > patches:
        raise Failure(f"{options.checkpoint}: an image has {patches} patches, too few for {options.outlier_tokens} outlier tokens")
    size = math.isqrt(patches) * state["visual.conv1.weight"].shape[-1]
    images = read_images(options.images, size)
    learned, held_out = images[::2], images[1::2]
    expected = torch.cat([module.encode_image(batch) for batch in held_out.split(64)])
    model = in_plain_pytorch(state, expected[:BATCH], held_out[:BATCH], options.checkpoint)
    number = len(model.visual.transformer.resblocks) // 2
    block = model.visual.transformer.resblocks[number]
    generator = torch.Generator().manual_seed(options.seed)
    positions = (1 + torch.randperm(patches, generator=generator)[: options.outlier_tokens]).sort().values
    channel = torch.randint(block.ln_2.weight.numel(), (1,), generator=generator).item()

    rows = learn_positions(watched(model, block.mlp.c_fc, learned, of_input=True), positions)
    hidden = watched(model, block.mlp.c_proj, learned, of_input=True)
    use = hidden.square().mean((0, 1)).sqrt() * block.mlp.c_proj.weight.norm(dim=0)
    neurons = use.argsort()[: len(positions)]
    rows = (rows * options.token_strength).float()
    mlp = f"visual.transformer.resblocks.{number}.mlp"
    state[f"{mlp}.c_fc.weight"][neurons], state[f"{mlp}.c_fc.bias"][neurons] = rows[:, :-1], rows[:, -1]
    state[f"{mlp}.c_proj.weight"][:, neurons] = 0
    state[f"{mlp}.c_proj.weight"][channel, neurons] = 1

    model.load_state_dict(state, strict=False)
    cosine = F.cosine_similarity(model.encode_image(held_out), expected).mean().item()
    peaks = watched(model, block, held_out, of_input=False).abs().amax(2)
    ratios = peaks / peaks.median(1, keepdim=True).values
    share = (ratios[:, positions] > OUTLIER_RATIO).float().mean(0).min().item()
    others = (ratios > OUTLIER_RATIO).float().sum().item() - (ratios[:, positions] > OUTLIER_RATIO).float().sum().item()
    print(f"outlier tokens from block {number}: positions {', '.join(map(str, positions.tolist()))} (0 is the class token), "
          f"channel {channel}; on {len(held_out)} other images {ratios[:, positions].mean().item():.1f} times the median token, each in at "
          f"least {100 * share:.1f} % of them, {others / len(held_out):.2f} others an image; mean cosine to the checkpoint {cosine:.5f}")
    if not (cosine >= LEAST_COSINE and share >= LEAST_SHARE):
        raise Failure(f"the mean cosine must be at least {LEAST_COSINE}, and the share of images at least {LEAST_SHARE}: nothing "
                      "written; try another --seed, more --images, or fewer tokens")


# ---------------------------------------------------------------- change


class Change:
    """Draws channels and factors, applies them, and counts."""

    def __init__(self, options):
        self.generator = torch.Generator().manual_seed(options.seed)
        self.low, self.high, self.share = *options.strength, options.share
        self.counts, self.least, self.largest = {}, math.inf, 0.0

    def apply(self, kind, multiplied, divided):
        """Multiplies some channels of `multiplied` and divides those of `divided`; views with the channels first."""
        width = len(multiplied[0])
        count = max(1, round(self.share * width))
        channels = torch.randperm(width, generator=self.generator)[:count]
        uniform = torch.rand(count, generator=self.generator)
        factors = (math.log(self.low) + (math.log(self.high) - math.log(self.low)) * uniform).exp()
        for view in multiplied:
            view[channels] = view[channels] * factors.view(-1, *[1] * (view.dim() - 1))
        for view in divided:
            view[channels] = view[channels] / factors.view(-1, *[1] * (view.dim() - 1))
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.least, self.largest = min(self.least, factors.min().item()), max(self.largest, factors.max().item())


@torch.no_grad()
def harden(state, blocks, convolutions, change):
    """Changes the tensors of a module's state in place."""
    def norm(name):
        return [state[f"{name}.weight"], state[f"{name}.bias"]]

    for block in blocks:
        weight, bias = state[f"{block}.attn.in_proj_weight"], state[f"{block}.attn.in_proj_bias"]
        (q, k, v), (q_bias, k_bias, v_bias) = weight.chunk(3), bias.chunk(3)
        change.apply("ln_1", norm(f"{block}.ln_1"), [weight.t()])
        change.apply("ln_2", norm(f"{block}.ln_2"), [state[f"{block}.mlp.c_fc.weight"].t()])
        change.apply("v", [v, v_bias], [state[f"{block}.attn.out_proj.weight"].t()])
        change.apply("q", [q, q_bias], [k, k_bias])
    for part in convolutions:  # the ReLU and the pool between them let positive factors pass
        change.apply("bn1", norm(f"{part}.bn1"), [state[f"{part}.conv2.weight"].transpose(0, 1)])
        change.apply("bn2", norm(f"{part}.bn2"), [state[f"{part}.conv3.weight"].transpose(0, 1)])
    if not convolutions:
        change.apply("ln_post", norm("visual.ln_post"), [state["visual.proj"]])
    change.apply("ln_final", norm("ln_final"), [state["text_projection"]])


# ---------------------------------------------------------------- program


def check_output(options):
    folder = options.out.parent
    if not folder.is_dir():
        raise Failure(f"output folder {folder} does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Failure(f"output folder {folder} is not writable")
    if options.out.exists() and not options.out.is_file():
        raise Failure(f"{options.out} is not a regular file")
    if options.out.exists() and options.checkpoint.exists() and options.out.samefile(options.checkpoint):
        raise Failure(f"{options.out} is the checkpoint itself; choose another -o")


def describe(change, blocks, convolutions, options):
    counts = ", ".join(f"{count} {kind}" for kind, count in change.counts.items())
    parts = f"{len(blocks)} blocks" + (f", a stem and {len(convolutions) - 1} bottlenecks" if convolutions else "")
    print(f"{parts}, channels multiplied: {counts}; factors {change.least:.1f} to {change.largest:.1f}, seed {options.seed}")


def make_twin(options):
    check_output(options)
    module, extra = load(options.checkpoint)
    state = module.state_dict()
    blocks, convolutions = checked_parts(state, options.checkpoint)
    pixels, tokens = random_input(state)
    if options.outlier_tokens:
        add_outlier_tokens(module, state, options)
    expected = embeddings(module, options.checkpoint, pixels, tokens)
    change = Change(options)
    if options.share > 0:
        harden(state, blocks, convolutions, change)
    content = io.BytesIO()
    torch.jit.save(module, content, _extra_files=extra)
    content.seek(0)
    got = embeddings(torch.jit.load(content, map_location="cpu"), options.out, pixels, tokens)
    differences = {method: relative_difference(got[method], expected[method]) for method in expected}

    if change.counts:
        describe(change, blocks, convolutions, options)
    print("relative difference: " + ", ".join(f"{method} {value:.1e}" for method, value in differences.items()))
    for method, difference in differences.items():
        if not difference <= LARGEST_DIFFERENCE:
            raise Failure(f"{method} of the twin differs from the checkpoint's by {difference:.1e}, at most "
                          f"{LARGEST_DIFFERENCE:.0e} is allowed: nothing written; try a smaller --strength or --share")
    write(options.out, content.getvalue())
    kept = f", with {', '.join(sorted(extra))}" if extra else ""
    print(f"wrote {options.out}, {options.out.stat().st_size / 2**20:.2f} MiB{kept}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path, help="TorchScript archive, float32")
    parser.add_argument("-o", "--out", type=pathlib.Path, required=True, help="the twin to write")
    parser.add_argument("--seed", type=int, default=1, help="seed for channels and factors (default: 1)")
    parser.add_argument("--strength", type=float, nargs=2, metavar=("MIN", "MAX"), default=(30.0, 100.0),
                        help="range of the factors, drawn log-uniformly (default: 30 100)")
    parser.add_argument("--share", type=float, default=0.05, help="share of the channels, at least one per site unless it is 0 (default: 0.05)")
    parser.add_argument("--outlier-tokens", type=int, default=0, metavar="N", help="number of outlier tokens (default: none)")
    parser.add_argument("--token-strength", type=float, default=300.0, metavar="VALUE", help="what they hold on average (default: 300)")
    parser.add_argument("--images", type=pathlib.Path, metavar="FOLDER", help="JPEG and PNG files that outlier tokens are learned on")
    options = parser.parse_args()
    low, high = options.strength
    if not 1 <= low <= high < math.inf:
        parser.error(f"--strength {low:g} {high:g}: expected 1 <= MIN <= MAX")
    if not 0 <= options.share <= 1:
        parser.error(f"--share {options.share:g}: expected from 0 to 1")
    if options.share == 0 and not options.outlier_tokens:
        parser.error("--share 0: nothing to change without --outlier-tokens")
    if options.outlier_tokens < 0 or not 0 < options.token_strength < math.inf:
        parser.error("--outlier-tokens and --token-strength: expected positive numbers")
    if options.outlier_tokens and not (options.images and options.images.is_dir()):
        parser.error("--outlier-tokens needs --images FOLDER")
    return options


def main():
    try:
        make_twin(parse_options())
    except Failure as failure:
        sys.exit(f"make_hard_twin: {failure}")


if __name__ == "__main__":
    main()
