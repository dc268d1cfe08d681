#pragma once

#include <memory>

#include "clipq/model/transformer_text_tower.h"
#include "onnx_session.h"

namespace clipq {

/// An image tower that ONNX Runtime computes. Nothing can be seen inside it.
class OnnxImageTower final : public ImageTower {
 public:
  OnnxImageTower(const ImageTowerConfig& config, std::shared_ptr<OnnxSession> session,
                 bool needs_whole_batch);

  std::unique_ptr<ImageTower> clone() const override {
    return std::make_unique<OnnxImageTower>(*this);
  }
  const ImageTowerConfig& config() const override { return config_; }
  at::Tensor encode(const at::Tensor& pixels) const override {
    return session_->run(pixels, config_.embed_dim);
  }
  at::Tensor pool(const at::Tensor& pixels) const override;
  std::vector<at::Tensor> block_outputs(const at::Tensor& pixels) const override;
  bool needs_whole_batch() const override { return needs_whole_batch_; }
  void add_parts(ModelParts& /*parts*/) override {}
  void apply(const TowerSettings& settings) override;
  void accept(TowerVisitor& visitor) const override;

 private:
  ImageTowerConfig config_;
  std::shared_ptr<OnnxSession> session_;
  bool needs_whole_batch_;
};

/// A text tower likewise. Of texts only what embeddings depend on is computed.
class OnnxTextTower final : public TextTower {
 public:
  OnnxTextTower(const TextTowerConfig& config, std::shared_ptr<OnnxSession> session,
                bool needs_whole_batch);

  std::unique_ptr<TextTower> clone() const override {
    return std::make_unique<OnnxTextTower>(*this);
  }
  const TextTowerConfig& config() const override { return reader_.config(); }
  at::Tensor encode(const at::Tensor& tokens) const override;
  at::Tensor lengths(const at::Tensor& tokens) const override { return reader_.lengths(tokens); }
  std::vector<at::Tensor> block_outputs(const at::Tensor& tokens) const override;
  bool needs_whole_batch() const override { return needs_whole_batch_; }
  void add_parts(ModelParts& /*parts*/) override {}
  void apply(const TowerSettings& settings) override;
  void apply(const TextReading& reading) override;
  void accept(TowerVisitor& visitor) const override;

 private:
  TransformerTextTower reader_;  ///< without weights: knows how long texts are
  std::shared_ptr<OnnxSession> session_;
  bool needs_whole_batch_;
};

}  // namespace clipq
