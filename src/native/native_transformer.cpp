#include "clipq/native/native_transformer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "clipq/native/row_panels.h"
#include "tower_pass.h"

namespace clipq {
namespace {

/// Rows that go through the tower together: enough that reading a block's weights from memory is
/// paid for, few enough that their activations stay in the last-level cache.
constexpr std::int64_t kLeastRowsOfThreads = 512;
constexpr std::int64_t kLeastRowsOfOneThread = 128;

/// Rows of an item for which it pays that a thread reads all of a block's weights.
constexpr std::int64_t kLongItem = 24;

/// Rows up to which dequantizing a weight takes so long that it pays to share its columns.
constexpr std::int64_t kMostRowsByColumns = 112;

}  // namespace

struct NativeTransformer::Scratch {
  explicit Scratch(int count) : passes(static_cast<std::size_t>(count)), threads(passes.size()) {}

  std::vector<PassScratch> passes;  ///< one a thread; threads that share a pass use the first
  std::vector<BlockScratch> threads;
};

bool NativeTransformer::can_run(const std::vector<Block>& blocks) {
  return !blocks.empty() && std::all_of(blocks.begin(), blocks.end(), NativeBlock::can_run);
}

NativeTransformer::NativeTransformer(const std::vector<Block>& blocks, const BlockChoices& choices,
                                     const std::string& name)
    : layers_(blocks), choices_(choices), name_(name) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks_.emplace_back(blocks[i], block_name(name, i), choices);
  }
}

NativeTransformer::~NativeTransformer() = default;

std::shared_ptr<const TransformerRunner> NativeTransformer::profiled(
    std::shared_ptr<LayerProfile> profile) const {
  auto timed = std::make_shared<NativeTransformer>(layers_, choices_, name_);
  timed->profile_ = std::move(profile);
  return timed;
}

std::unique_ptr<NativeTransformer::Scratch> NativeTransformer::borrow_scratch() const {
  const int threads = at::get_num_threads();
  while (std::unique_ptr<Scratch> scratch = idle_.borrow()) {
    if (scratch->threads.size() == static_cast<std::size_t>(threads)) return scratch;
  }
  auto scratch = std::make_unique<Scratch>(threads);
  for (BlockScratch& thread : scratch->threads) {
    thread.profile = profile_.get();
    thread.threads = threads;
  }
  return scratch;
}

bool NativeTransformer::has_float_attention() const {
  return std::all_of(blocks_.begin(), blocks_.end(),
                     [](const NativeBlock& block) { return block.has_float_attention(); });
}

bool NativeTransformer::attends_by_heads() const {
  return std::all_of(blocks_.begin(), blocks_.end(),
                     [](const NativeBlock& block) { return block.attends_by_heads(); });
}

at::Tensor NativeTransformer::forward(const at::Tensor& x) const {
  const TowerBatch batch = {x.contiguous(), {}, /*cut=*/false};
  at::Tensor output = at::empty(batch.x.sizes(), x.options());
  run(batch, output.mutable_data_ptr<float>());
  return output;
}

at::Tensor NativeTransformer::forward_pooled(const at::Tensor& x,
                                             const at::Tensor& positions) const {
  const TowerBatch batch = {x.contiguous(), positions.to(at::kLong).contiguous(),
                            attends_by_heads() && blocks_.front().attention().causal()};
  at::Tensor output = at::empty({batch.count(), batch.width()}, x.options());
  run(batch, output.mutable_data_ptr<float>());
  return output;
}

void NativeTransformer::run(const TowerBatch& batch, float* out) const {
  std::unique_ptr<Scratch> scratch = borrow_scratch();
  const std::int64_t rows = batch.items(0, batch.count()).rows();
  const std::int64_t threads = at::get_num_threads();
  const bool by_items =
      attends_by_heads() && batch.count() >= 2 * threads && rows >= kLongItem * batch.count();
  const std::int64_t panel = blocks_.front().panel_rows();
  const std::int64_t most = by_items ? std::max(kLeastRowsOfOneThread, panel)
                                     : std::max(kLeastRowsOfThreads, threads * panel);
  const std::int64_t items_a_pass =
      std::clamp<std::int64_t>(most * batch.count() / std::max<std::int64_t>(rows, 1), 1,
                               std::max<std::int64_t>(batch.count(), 1));
  const std::int64_t passes = (batch.count() + items_a_pass - 1) / items_a_pass;
  const auto first = [&](std::int64_t pass) {
    return std::min(pass * items_a_pass, batch.count());
  };
  const auto out_of = [&](std::int64_t pass) {
    return out + first(pass) * (batch.pooled() ? 1 : batch.tokens()) * batch.width();
  };
  const auto pass_at = [&](std::int64_t pass, PassScratch& buffers) {
    return TowerPass(blocks_, batch, first(pass), first(pass + 1), buffers);
  };
  if (by_items) {
    for_each_in_turn(passes, [&](std::int64_t pass) {
      const auto thread = static_cast<std::size_t>(at::get_thread_num());
      pass_at(pass, scratch->passes[thread]).by_items(scratch->threads[thread], out_of(pass));
    });
  } else if (rows <= kMostRowsByColumns && passes == 1 && attends_by_heads() &&
             std::any_of(blocks_.begin(), blocks_.end(),
                         [](const NativeBlock& block) { return block.dequantizes(); })) {
    pass_at(0, scratch->passes.front()).by_columns(scratch->threads, out);
  } else {
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      pass_at(pass, scratch->passes.front()).by_rows(scratch->threads, out_of(pass));
    }
  }
  idle_.give_back(std::move(scratch));
}

}  // namespace clipq
