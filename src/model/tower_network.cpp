#include "clipq/model/tower_network.h"

#include "clipq/core/error.h"

namespace clipq {
namespace {

[[noreturn]] void throw_without_stages() { throw InternalError("a tower without stages"); }

}  // namespace

StagedBatch TowerNetwork::start(const at::Tensor& input) const { return {input, {}, 0}; }

StagedBatch TowerNetwork::advance(StagedBatch batch, std::int64_t stage) const {
  for (; batch.stage < stage; ++batch.stage) {
    if (batch.stage == 0) {
      batch.x = embed(batch.x);
    } else if (batch.stage < pooling_stage()) {
      batch.x = run_block(batch, static_cast<std::size_t>(batch.stage - 1));
    } else {
      batch.x = batch.stage == pooling_stage() ? pool_blocks(batch) : project(batch.x);
    }
  }
  return batch;
}

at::Tensor TowerNetwork::embed(const at::Tensor& /*input*/) const { throw_without_stages(); }

at::Tensor TowerNetwork::run_block(const StagedBatch& /*batch*/, std::size_t /*block*/) const {
  throw_without_stages();
}

at::Tensor TowerNetwork::pool_blocks(const StagedBatch& /*batch*/) const { throw_without_stages(); }

at::Tensor TowerNetwork::project(const at::Tensor& /*pooled*/) const { throw_without_stages(); }

}  // namespace clipq
