#pragma once

#include <ATen/ops/zeros.h>

#include <cmath>

#include "clipq/model/build_model.h"
#include "clipq/model/transformer_text_tower.h"
#include "clipq/model/vit_tower.h"
#include "tensors.h"

namespace clipq::testing {

/// A very small architecture: images of 16 pixels in patches of 8, two layers per tower.
inline ClipConfig tiny_config() {
  ClipConfig config;
  ImageTowerConfig& image = config.image.emplace();
  TextTowerConfig& text = config.text.emplace();
  for (const Tower each : kTowers) {
    TowerConfig& tower = config.tower(each);
    tower.embed_dim = 32;
    tower.width = 64;
    tower.layers = 2;
    tower.mlp_width = 256;
    tower.settings.heads = 1;
  }
  image.resolution = 16;
  image.patch_size = 8;
  text.context_length = 12;
  text.vocab_size = 40;
  return config;
}

/// The same with SigLIP's towers: patches pooled by attention, texts that aren't causal and end at
/// their last token.
inline ClipConfig tiny_siglip_config() {
  ClipConfig config = tiny_config();
  config.image->pooling = ImagePooling::kAttention;
  config.image->embed_dim = config.image->width;
  config.text->embed_dim = config.image->width;
  config.text->pooling = TextPooling::kLast;
  config.text->causal = false;
  config.text->projection_bias = true;
  return config;
}

/// The same with a ResNet of one or two blocks a stage for images of 64 pixels, so that its last
/// map has four positions.
inline ClipConfig tiny_resnet_config() {
  ClipConfig config = tiny_config();
  ImageTowerConfig& image = *config.image;
  image.pooling = ImagePooling::kMeanQuery;
  image.stages = {4, {1, 2, 1, 1}};
  image.layers = 5;
  image.width = ResNetStages::kWidening * image.stages.width;
  image.mlp_width = 0;
  image.settings.heads = 2;
  image.resolution = 2 * ResNetStages::kShrinking;
  image.patch_size = ResNetStages::kShrinking;
  return config;
}

/// The config with one of its towers alone.
inline ClipConfig tower_alone(ClipConfig config, Tower tower) {
  if (tower == Tower::kImage) {
    config.text.reset();
  } else {
    config.image.reset();
  }
  return config;
}

/// Random weights with canonical names for `config`.
inline StateDict random_state(const ClipConfig& config, std::uint64_t seed = 7) {
  StateDict state;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double deviation,
                       double mean = 0) {
    state[name] = random_normal(std::move(shape), seed++).mul_(deviation).add_(mean);
  };
  const auto add_norm = [&](const std::string& name, std::int64_t width) {
    add(name + ".weight", {width}, 0.1, 1);
    add(name + ".bias", {width}, 0.1);
  };
  const auto add_block = [&](const std::string& name, const TowerConfig& tower) {
    const std::int64_t width = tower.width;
    add_norm(name + ".ln_1", width);
    add(name + ".attn.in_proj_weight", {3 * width, width}, 0.12);
    add(name + ".attn.in_proj_bias", {3 * width}, 0.1);
    add(name + ".attn.out_proj.weight", {width, width}, 0.12);
    add(name + ".attn.out_proj.bias", {width}, 0.1);
    add_norm(name + ".ln_2", width);
    add(name + ".mlp.c_fc.weight", {tower.mlp_width, width}, 0.12);
    add(name + ".mlp.c_fc.bias", {tower.mlp_width}, 0.1);
    add(name + ".mlp.c_proj.weight", {width, tower.mlp_width}, 0.06);
    add(name + ".mlp.c_proj.bias", {width}, 0.1);
  };
  const auto add_linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in}, 0.12);
    add(name + ".bias", {out}, 0.1);
  };
  const auto add_convolution = [&](const std::string& name, std::int64_t out, std::int64_t in,
                                   std::int64_t side) {
    add(name + ".weight", {out, in, side, side}, 1.2 / std::sqrt(in * side * side));
    add(name + ".bias", {out}, 0.1);
  };
  const auto add_resnet = [&](const ImageTowerConfig& image) {
    const std::int64_t width = image.stages.width;
    add_convolution("visual.conv1", width / 2, 3, 3);
    add_convolution("visual.conv2", width / 2, width / 2, 3);
    add_convolution("visual.conv3", width, width / 2, 3);
    std::int64_t in = width;
    for (std::size_t stage = 0; stage < image.stages.blocks.size(); ++stage) {
      const std::int64_t channels = width << stage;
      for (std::int64_t i = 0; i < image.stages.blocks[stage]; ++i) {
        const std::string block =
            "visual.layer" + std::to_string(stage + 1) + "." + std::to_string(i);
        add_convolution(block + ".conv1", channels, in, 1);
        add_convolution(block + ".conv2", channels, channels, 3);
        add_convolution(block + ".conv3", 4 * channels, channels, 1);
        if (i == 0) add_convolution(block + ".downsample.0", 4 * channels, in, 1);
        in = 4 * channels;
      }
    }
    add("visual.attnpool.positional_embedding", {image.tokens(), in}, 0.2);
    add("visual.attnpool.in_proj_weight", {3 * in, in}, 0.12);
    add("visual.attnpool.in_proj_bias", {3 * in}, 0.1);
    add_linear("visual.attnpool.c_proj", image.embed_dim, in);
  };
  const auto add_image_tower = [&](const ImageTowerConfig& image) {
    const std::int64_t width = image.width;
    if (image.is_resnet()) return add_resnet(image);
    add("visual.conv1.weight", {width, 3, image.patch_size, image.patch_size}, 0.1);
    add("visual.positional_embedding", {image.tokens(), width}, 0.2);
    add_norm("visual.ln_post", width);
    if (image.pooling == ImagePooling::kClassToken) {
      add("visual.class_embedding", {width}, 0.5);
      add_norm("visual.ln_pre", width);
      add("visual.proj", {width, image.embed_dim}, 0.12);
      return;
    }
    add("visual.conv1.bias", {width}, 0.1);
    add("visual.attn_pool.query", {width}, 0.5);
    add_linear("visual.attn_pool.kv", 2 * width, width);
    add_linear("visual.attn_pool.out_proj", width, width);
    add_norm("visual.attn_pool.ln", width);
    add_linear("visual.attn_pool.mlp.c_fc", image.mlp_width, width);
    add_linear("visual.attn_pool.mlp.c_proj", width, image.mlp_width);
  };
  const auto add_text_tower = [&](const TextTowerConfig& text) {
    add("token_embedding.weight", {text.vocab_size, text.width}, 0.5);
    add("positional_embedding", {text.context_length, text.width}, 0.2);
    add_norm("ln_final", text.width);
    add("text_projection", {text.width, text.embed_dim}, 0.12);
    if (text.projection_bias) add("text_projection.bias", {text.embed_dim}, 0.1);
  };
  if (config.image) add_image_tower(*config.image);
  if (config.text) add_text_tower(*config.text);
  if (config.image && config.text) add("logit_scale", {}, 0.1, 2.6);
  for (const Tower tower : config.towers()) {
    if (!config.tower(tower).is_transformer()) continue;
    const std::string name = tower == Tower::kImage ? "visual.transformer" : "transformer";
    for (std::int64_t i = 0; i < config.tower(tower).layers; ++i) {
      add_block(name + ".resblocks." + std::to_string(i), config.tower(tower));
    }
  }
  return state;
}

/// A model with random weights.
inline ClipModel random_clip(const ClipConfig& config, std::uint64_t seed = 7) {
  Preprocess preprocess;
  if (config.image) preprocess.size = static_cast<int>(config.image->resolution);
  return build_model(config, preprocess, random_state(config, seed), "tiny");
}

inline ClipModel tiny_clip(std::uint64_t seed = 7) { return random_clip(tiny_config(), seed); }
inline ClipModel tiny_resnet_clip() { return random_clip(tiny_resnet_config()); }

/// The towers of a model as what they are.
inline VitTower& image_tower(ClipModel& model) { return dynamic_cast<VitTower&>(*model.image); }
inline const VitTower& image_tower(const ClipModel& model) {
  return dynamic_cast<const VitTower&>(*model.image);
}
inline TransformerTextTower& text_tower(ClipModel& model) {
  return dynamic_cast<TransformerTextTower&>(*model.text);
}
inline const TransformerTextTower& text_tower(const ClipModel& model) {
  return dynamic_cast<const TransformerTextTower&>(*model.text);
}

/// Random images that fit tiny_config().
inline at::Tensor tiny_pixels(std::int64_t count = 3, std::uint64_t seed = 11) {
  return random_normal({count, 3, 16, 16}, seed);
}

/// Random images that fit a tower.
inline at::Tensor tiny_pixels(const ImageTowerConfig& config, std::int64_t count = 3) {
  return random_normal({count, 3, config.resolution, config.resolution}, 11);
}

/// Texts of different lengths: start 38, ids, end 39, padding 0.
inline at::Tensor tiny_tokens() {
  at::Tensor tokens = at::zeros({2, 12}, at::kLong);
  const std::vector<std::vector<std::int64_t>> texts = {{38, 5, 6, 39},
                                                        {38, 7, 30, 22, 9, 1, 2, 3, 39}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < texts[i].size(); ++j) {
      tokens[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)] = texts[i][j];
    }
  }
  return tokens;
}

}  // namespace clipq::testing
