#include "onnx_tower.h"

#include <utility>

#include "clipq/core/error.h"

namespace clipq {
namespace {

[[noreturn]] void throw_closed() {
  throw UsageError(
      "an exported folder can only embed: quantize, export or look inside the model that it was "
      "exported from");
}

}  // namespace

OnnxImageTower::OnnxImageTower(const ImageTowerConfig& config, std::shared_ptr<OnnxSession> session,
                               bool needs_whole_batch)
    : config_(config), session_(std::move(session)), needs_whole_batch_(needs_whole_batch) {}

at::Tensor OnnxImageTower::pool(const at::Tensor& /*pixels*/) const { throw_closed(); }

std::vector<at::Tensor> OnnxImageTower::block_outputs(const at::Tensor& /*pixels*/) const {
  throw_closed();
}

void OnnxImageTower::apply(const TowerSettings& /*settings*/) { throw_closed(); }

void OnnxImageTower::accept(TowerVisitor& /*visitor*/) const { throw_closed(); }

OnnxTextTower::OnnxTextTower(const TextTowerConfig& config, std::shared_ptr<OnnxSession> session,
                             bool needs_whole_batch)
    : reader_(config), session_(std::move(session)), needs_whole_batch_(needs_whole_batch) {}

at::Tensor OnnxTextTower::encode(const at::Tensor& tokens) const {
  const at::Tensor ids = tokens.to(at::kLong);
  if (needs_whole_batch_ || ids.size(0) == 0) return session_->run(ids, config().embed_dim);
  return session_->run(ids.narrow(1, 0, lengths(ids).max().item<std::int64_t>()),
                       config().embed_dim);
}

std::vector<at::Tensor> OnnxTextTower::block_outputs(const at::Tensor& /*tokens*/) const {
  throw_closed();
}

void OnnxTextTower::apply(const TowerSettings& /*settings*/) { throw_closed(); }

void OnnxTextTower::apply(const TextReading& /*reading*/) { throw_closed(); }

void OnnxTextTower::accept(TowerVisitor& /*visitor*/) const { throw_closed(); }

}  // namespace clipq
