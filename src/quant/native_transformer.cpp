#include "clipq/quant/native_transformer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "clipq/model/layer_slots.h"
#include "clipq/quant/row_panels.h"
#include "native_block.h"

namespace clipq {
namespace {

/// Rows that go through the tower together: enough that reading a block's weights from memory is
/// paid for, few enough that their activations stay in the last-level cache.
constexpr std::int64_t kChunkRows = 512;

/// Rows of an item, on average, for which a thread reads all of a block's weights.
constexpr std::int64_t kLongItem = 24;

}  // namespace

struct NativeTransformer::Scratch {
  std::vector<float> residual;   ///< [rows, width]
  std::vector<float> projected;  ///< [rows, 3 * width], in the last block [rows, 2 * width]
  std::vector<float> queries;    ///< [items, width], of the last block
  std::vector<float> attended;   ///< [rows, width], in the last block [items, width]
  std::vector<float> pooled;     ///< [items, width], the residual stream of the last block
  std::vector<BlockScratch> threads;
};

/// Items that go through the tower together, one behind the other.
struct NativeTransformer::Items {
  std::vector<std::int64_t> first_row;  ///< of each item, then the number of rows
  std::vector<std::int64_t> position;   ///< of each item's pooled row within it

  std::int64_t count() const { return static_cast<std::int64_t>(position.size()); }
  std::int64_t rows() const { return first_row.back(); }
  std::int64_t length(std::int64_t item) const { return first_row[item + 1] - first_row[item]; }
  std::int64_t pooled_row(std::int64_t item) const { return first_row[item] + position[item]; }
};

/// One pass of some items through the blocks, from scratch.residual to scratch.pooled.
class NativeTransformer::Run {
 public:
  Run(const NativeTransformer& owner, const Items& items, Scratch& scratch)
      : blocks_(owner.blocks_),
        profile_(owner.profile_.get()),
        items_(items),
        scratch_(scratch),
        width_(blocks_.front().width()),
        heads_(blocks_.front().heads()),
        residual_(scratch.residual.data()),
        attended_(at_least(scratch.attended, items.rows() * width_)),
        queries_(at_least(scratch.queries, items.count() * width_)),
        pooled_(at_least(scratch.pooled, items.count() * width_)) {
    scratch.threads.resize(static_cast<std::size_t>(at::get_num_threads()));
    for (BlockScratch& thread : scratch.threads) {
      thread.profile = profile_;
      thread.threads = at::get_num_threads();
    }
  }

  /// Each thread takes items of its own through all blocks. They go through a block one after the
  /// other, so that its weights are read from memory once.
  void by_items() {
    at::parallel_for(0, items_.count(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::size_t i = 0; i + 1 < blocks_.size(); ++i) {
        for (std::int64_t item = begin; item < end; ++item) whole_block(blocks_[i], item);
      }
      project_queries(begin, end - begin);
      for (std::int64_t item = begin; item < end; ++item) pool(item);
      finish_pooled(begin, end - begin);
    });
  }

  /// Threads share the rows of all items, and meet before and after each attention.
  void by_rows() {
    projected_ = at_least(scratch_.projected, items_.rows() * 3 * width_);
    for_each_panel(items_.rows(),
                   [&](std::int64_t row, std::int64_t rows) { project(0, row, rows); });
    for (std::size_t i = 0; i + 1 < blocks_.size(); ++i) {
      attend(blocks_[i]);
      for_each_panel(items_.rows(), [&](std::int64_t row, std::int64_t rows) {
        blocks_[i].finish(attended_ + row * width_, residual_ + row * width_, rows, here());
        project(i + 1, row, rows);
      });
    }
    for_each_panel(items_.count(),
                   [&](std::int64_t item, std::int64_t items) { project_queries(item, items); });
    attend_pooled(blocks_.back());
    for_each_panel(items_.count(),
                   [&](std::int64_t item, std::int64_t items) { finish_pooled(item, items); });
  }

 private:
  BlockScratch& here() { return scratch_.threads[static_cast<std::size_t>(at::get_thread_num())]; }

  float* residual_of(std::int64_t item) { return residual_ + items_.first_row[item] * width_; }

  /// Calls body(item, head) for all of them, in parallel.
  template <class Body>
  void for_each_head(const Body& body) const {
    at::parallel_for(0, items_.count() * heads_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) body(i / heads_, i % heads_);
    });
  }

  /// What attention of all of an item's rows reads and writes.
  ProjectedItem item_of(std::int64_t item, const float* projected, float* out, bool causal) const {
    return {projected,
            3 * width_,
            items_.length(item),
            projected + width_,
            3 * width_,
            items_.length(item),
            causal,
            out};
  }

  /// The same for its pooled row alone.
  ProjectedItem pooled_item(std::int64_t item, const float* keys) const {
    const bool causal = blocks_.back().attention().causal();
    const std::int64_t tokens = causal ? items_.position[item] + 1 : items_.length(item);
    return {queries_ + item * width_, width_, 1, keys, 2 * width_, tokens, false,
            attended_ + item * width_};
  }

  void whole_block(const NativeBlock& block, std::int64_t item) {
    BlockScratch& thread = here();
    const std::int64_t rows = items_.length(item);
    float* projected = at_least(thread.projected, rows * 3 * width_);
    float* attended = at_least(thread.attended, rows * width_);
    block.project(residual_of(item), rows, 0, 3 * width_, projected, thread);
    const ProjectedItem all = item_of(item, projected, attended, block.attention().causal());
    for (std::int64_t head = 0; head < heads_; ++head) block.attend(all, head, thread);
    block.finish(attended, residual_of(item), rows, thread);
  }

  /// An item's keys and values in the last block, and attention of its pooled row.
  void pool(std::int64_t item) {
    BlockScratch& thread = here();
    const NativeBlock& block = blocks_.back();
    const std::int64_t rows = items_.length(item);
    float* keys = at_least(thread.projected, rows * 2 * width_);
    block.project(residual_of(item), rows, width_, 2 * width_, keys, thread);
    const ProjectedItem projected = pooled_item(item, keys);
    for (std::int64_t head = 0; head < heads_; ++head) block.attend(projected, head, thread);
  }

  /// Queries, keys and values of some rows; in the last block keys and values.
  void project(std::size_t block, std::int64_t row, std::int64_t rows) {
    const std::int64_t first = block + 1 == blocks_.size() ? width_ : 0;
    const std::int64_t count = 3 * width_ - first;
    blocks_[block].project(residual_ + row * width_, rows, first, count, projected_ + row * count,
                           here());
  }

  /// The last block's queries of some items' pooled rows, and their residual stream.
  void project_queries(std::int64_t first, std::int64_t count) {
    for (std::int64_t item = first; item < first + count; ++item) {
      std::copy_n(residual_ + items_.pooled_row(item) * width_, width_, pooled_ + item * width_);
    }
    blocks_.back().project(pooled_ + first * width_, count, 0, width_, queries_ + first * width_,
                           here());
  }

  void finish_pooled(std::int64_t first, std::int64_t count) {
    blocks_.back().finish(attended_ + first * width_, pooled_ + first * width_, count, here());
  }

  void attend(const NativeBlock& block) {
    if (!block.has_float_attention()) {
      const TimedLayer timed(profile_, block.attention_name());
      const at::Tensor qkv =
          at::from_blob(projected_, {items_.count(), items_.length(0), 3 * width_}, at::kFloat);
      keep(block.attention().forward(qkv));
      return;
    }
    for_each_head([&](std::int64_t item, std::int64_t head) {
      const std::int64_t row = items_.first_row[item];
      block.attend(item_of(item, projected_ + row * 3 * width_, attended_ + row * width_,
                           block.attention().causal()),
                   head, here());
    });
  }

  void attend_pooled(const NativeBlock& block) {
    if (!block.has_float_attention()) {
      const TimedLayer timed(profile_, block.attention_name());
      const at::Tensor queries = at::from_blob(queries_, {items_.count(), 1, width_}, at::kFloat);
      const at::Tensor keys_and_values =
          at::from_blob(projected_, {items_.count(), items_.length(0), 2 * width_}, at::kFloat);
      std::vector<std::int64_t> positions = items_.position;
      keep(block.attention().forward_pooled(
          queries, keys_and_values, at::from_blob(positions.data(), {items_.count()}, at::kLong)));
      return;
    }
    for_each_head([&](std::int64_t item, std::int64_t head) {
      const float* keys = projected_ + items_.first_row[item] * 2 * width_;
      block.attend(pooled_item(item, keys), head, here());
    });
  }

  /// Copies what a layer of LibTorch's returned to scratch.attended.
  void keep(const at::Tensor& attended) {
    const at::Tensor values = attended.contiguous();
    std::copy_n(values.const_data_ptr<float>(), values.numel(), attended_);
  }

  const std::vector<NativeBlock>& blocks_;
  LayerProfile* profile_;
  const Items& items_;
  Scratch& scratch_;
  std::int64_t width_;
  std::int64_t heads_;
  float* residual_;
  float* attended_;
  float* queries_;
  float* pooled_;
  float* projected_ = nullptr;
};

bool NativeTransformer::can_run(const Transformer& blocks) {
  return !blocks.empty() && std::all_of(blocks.begin(), blocks.end(), NativeBlock::can_run);
}

NativeTransformer::NativeTransformer(const Transformer& blocks, Activation activation, Tower tower)
    : layers_(blocks), activation_(activation), tower_(tower) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks_.emplace_back(blocks[i], block_name(tower, i), activation);
  }
}

NativeTransformer::~NativeTransformer() = default;

std::shared_ptr<const NativeTransformer> NativeTransformer::profiled(
    std::shared_ptr<LayerProfile> profile) const {
  auto timed = std::make_shared<NativeTransformer>(layers_, activation_, tower_);
  timed->profile_ = std::move(profile);
  return timed;
}

std::unique_ptr<NativeTransformer::Scratch> NativeTransformer::borrow_scratch() const {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Scratch>();
  std::unique_ptr<Scratch> scratch = std::move(idle_.back());
  idle_.pop_back();
  return scratch;
}

void NativeTransformer::give_back(std::unique_ptr<Scratch> scratch) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(scratch));
}

at::Tensor NativeTransformer::forward_pooled(const at::Tensor& x,
                                             const at::Tensor& positions) const {
  const at::Tensor input = x.contiguous();
  const at::Tensor pooled_at = positions.to(at::kLong).contiguous();
  const std::int64_t count = x.size(0);
  const std::int64_t tokens = x.size(1);
  const std::int64_t width = x.size(2);
  at::Tensor output = at::empty({count, width}, x.options());
  const bool all_float = std::all_of(blocks_.begin(), blocks_.end(), [](const NativeBlock& block) {
    return block.has_float_attention();
  });
  const bool cut = all_float && blocks_.front().attention().causal();
  const std::int64_t threads = at::get_num_threads();
  const std::int64_t chunks = (count * tokens + kChunkRows - 1) / kChunkRows;
  std::unique_ptr<Scratch> scratch = borrow_scratch();
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    Items items;
    items.first_row.push_back(0);
    const std::int64_t begin = count * chunk / chunks;
    const std::int64_t end = count * (chunk + 1) / chunks;
    if (begin == end) continue;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t position = pooled_at.const_data_ptr<std::int64_t>()[item];
      items.position.push_back(position);
      items.first_row.push_back(items.rows() + (cut ? position + 1 : tokens));
    }
    float* residual = at_least(scratch->residual, items.rows() * width);
    for (std::int64_t item = begin; item < end; ++item) {
      std::copy_n(input.const_data_ptr<float>() + item * tokens * width,
                  items.length(item - begin) * width,
                  residual + items.first_row[item - begin] * width);
    }
    Run run(*this, items, *scratch);
    const bool long_items = items.rows() >= kLongItem * items.count();
    if (all_float && long_items && items.count() >= 2 * threads) {
      run.by_items();
    } else {
      run.by_rows();
    }
    std::copy_n(scratch->pooled.data(), (end - begin) * width,
                output.mutable_data_ptr<float>() + begin * width);
  }
  give_back(std::move(scratch));
  return output;
}

}  // namespace clipq
