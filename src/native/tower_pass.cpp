#include "tower_pass.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "clipq/native/row_panels.h"

namespace clipq {
namespace {

BlockScratch& here(std::vector<BlockScratch>& threads) {
  return threads[static_cast<std::size_t>(at::get_thread_num())];
}

/// Calls body(first, count) for each thread's share of some columns or heads, whole units of them,
/// in parallel.
template <class Body>
void for_each_share(std::int64_t count, std::int64_t unit, const Body& body) {
  const std::int64_t units = (count + unit - 1) / unit;
  const std::int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t thread = begin; thread < end; ++thread) {
      const std::int64_t first = units * thread / threads * unit;
      const std::int64_t last = std::min(units * (thread + 1) / threads * unit, count);
      if (first < last) body(first, last - first);
    }
  });
}

/// Calls body(item, head) for all of them, in parallel.
template <class Body>
void for_each_head(std::int64_t items, std::int64_t heads, const Body& body) {
  at::parallel_for(0, items * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i / heads, i % heads);
  });
}

}  // namespace

TowerPass::TowerPass(const std::vector<NativeBlock>& blocks, const TowerBatch& batch,
                     std::int64_t begin, std::int64_t end, PassScratch& scratch)
    : blocks_(blocks),
      items_(batch.items(begin, end)),
      width_(blocks.front().width()),
      heads_(blocks.front().heads()),
      whole_blocks_(blocks.size() - (batch.pooled() ? 1 : 0)),
      residual_(at_least(scratch.residual, items_.rows() * width_)),
      attended_(at_least(scratch.attended, items_.rows() * width_)),
      queries_(at_least(scratch.queries, items_.count() * width_)),
      pooled_(at_least(scratch.pooled, items_.count() * width_)),
      projected_(scratch.projected),
      hidden_(scratch.hidden) {
  batch.copy_rows(items_, begin, residual_);
}

void TowerPass::by_items(BlockScratch& thread, float* out) {
  // All items go through a block before the next, so that its weights are read from memory once.
  for (std::size_t i = 0; i < whole_blocks_; ++i) {
    for_each_group([&](const Group& group) { whole_block(blocks_[i], group, thread); });
  }
  if (!is_pooled()) {
    std::copy_n(residual_, items_.rows() * width_, out);
    return;
  }
  project_queries(0, items_.count(), thread);
  for_each_group([&](const Group& group) { pool(group, {0, heads_}, thread); });
  finish_pooled(0, items_.count(), thread);
  std::copy_n(pooled_, items_.count() * width_, out);
}

void TowerPass::by_rows(std::vector<BlockScratch>& threads, float* out) {
  at_least(projected_, items_.rows() * 3 * width_);
  for_each_panel(
      items_.rows(), blocks_.front().panel_rows(),
      [&](std::int64_t row, std::int64_t rows) { project(0, row, rows, here(threads)); });
  for (std::size_t i = 0; i < whole_blocks_; ++i) {
    attend(blocks_[i], threads);
    for_each_panel(
        items_.rows(), blocks_.front().panel_rows(), [&](std::int64_t row, std::int64_t rows) {
          BlockScratch& thread = here(threads);
          blocks_[i].finish(attended_ + row * width_, residual_ + row * width_, rows, thread);
          if (i + 1 < blocks_.size()) project(i + 1, row, rows, thread);
        });
  }
  if (!is_pooled()) {
    std::copy_n(residual_, items_.rows() * width_, out);
    return;
  }
  for_each_panel(
      items_.count(), blocks_.front().panel_rows(),
      [&](std::int64_t item, std::int64_t items) { project_queries(item, items, here(threads)); });
  attend_pooled(blocks_.back(), threads);
  for_each_panel(
      items_.count(), blocks_.front().panel_rows(),
      [&](std::int64_t item, std::int64_t items) { finish_pooled(item, items, here(threads)); });
  std::copy_n(pooled_, items_.count() * width_, out);
}

void TowerPass::by_columns(std::vector<BlockScratch>& threads, float* out) {
  const Group all = {0, items_.count()};
  for (std::size_t i = 0; i < whole_blocks_; ++i) {
    for_each_share(heads_, 1, [&](std::int64_t first, std::int64_t count) {
      attend_whole(blocks_[i], all, {first, count}, attended_, here(threads));
    });
    finish_by_columns(blocks_[i], attended_, residual_, items_.rows(), threads);
  }
  if (!is_pooled()) {
    std::copy_n(residual_, items_.rows() * width_, out);
    return;
  }
  project_queries(0, items_.count(), threads.front());
  for_each_share(heads_, 1, [&](std::int64_t first, std::int64_t count) {
    pool(all, {first, count}, here(threads));
  });
  finish_by_columns(blocks_.back(), attended_, pooled_, items_.count(), threads);
  std::copy_n(pooled_, items_.count() * width_, out);
}

void TowerPass::finish_by_columns(const NativeBlock& block, const float* attended, float* residual,
                                  std::int64_t rows, std::vector<BlockScratch>& threads) {
  float* hidden = at_least(hidden_, rows * block.hidden_width());
  for_each_share(width_, PanelLinear::kTileColumns, [&](std::int64_t first, std::int64_t count) {
    block.add_attention(attended, residual, rows, {first, count}, here(threads));
  });
  for_each_share(block.hidden_width(), PanelLinear::kTileColumns,
                 [&](std::int64_t first, std::int64_t count) {
                   block.hidden(residual, rows, {first, count}, hidden, here(threads));
                 });
  for_each_share(width_, PanelLinear::kTileColumns, [&](std::int64_t first, std::int64_t count) {
    block.add_mlp(hidden, residual, rows, {first, count}, here(threads));
  });
}

/// What attention of all of an item's rows reads and writes: `columns` of queries, keys and values
/// side by side.
ProjectedItem TowerPass::item_of(std::int64_t item, const float* projected, std::int64_t columns,
                                 float* out) const {
  return {.queries = projected,
          .query_stride = 3 * columns,
          .query_rows = items_.length(item),
          .keys = projected + columns,
          .values = projected + 2 * columns,
          .key_stride = 3 * columns,
          .tokens = items_.length(item),
          .causal = blocks_.front().attention().causal(),
          .out = out};
}

/// The same for its pooled row alone, in the last block, from column `first` on.
ProjectedItem TowerPass::pooled_item(std::int64_t item, const float* keys, std::int64_t columns,
                                     std::int64_t first) const {
  const bool causal = blocks_.back().attention().causal();
  return {.queries = queries_ + item * width_ + first,
          .query_stride = width_,
          .query_rows = 1,
          .keys = keys,
          .values = keys + columns,
          .key_stride = 2 * columns,
          .tokens = causal ? items_.position[item] + 1 : items_.length(item),
          .causal = false,
          .out = attended_ + item * width_ + first};
}

/// Neighbouring items whose rows fill a panel.
template <class Body>
void TowerPass::for_each_group(const Body& body) {
  const std::int64_t most = blocks_.front().panel_rows();
  for (Group group; group.begin < items_.count(); group.begin = group.end) {
    group.end = group.begin + 1;
    while (group.end < items_.count() &&
           items_.first_row[group.end + 1] - items_.first_row[group.begin] <= most) {
      ++group.end;
    }
    body(group);
  }
}

/// Projects some heads of a group at a time, so that what a core keeps of them stays small, and
/// attends to what view(item, its row within the group, heads, their columns) gives.
template <class View>
void TowerPass::attend_by_heads(const NativeBlock& block, const Group& group,
                                const HeadRange& range, bool queries, BlockScratch& thread,
                                const View& view) {
  const std::int64_t first = items_.first_row[group.begin];
  const std::int64_t rows = items_.first_row[group.end] - first;
  const std::int64_t parts = queries ? 3 : 2;
  block.load_input(residual_of(group.begin), rows, thread);
  const std::int64_t end = range.first + range.count;
  for (HeadRange heads = {range.first, block.heads_at_once()}; heads.first < end;
       heads.first += heads.count) {
    heads.count = std::min(heads.count, end - heads.first);
    const std::int64_t stride = parts * heads.count * block.head_width();
    float* projected = at_least(thread.projected, rows * stride);
    block.project_heads(heads, queries, projected, thread);
    for (std::int64_t item = group.begin; item < group.end; ++item) {
      const std::int64_t row = items_.first_row[item] - first;
      const ProjectedItem part = view(item, row, heads, projected + row * stride);
      for (std::int64_t head = 0; head < heads.count; ++head) block.attend(part, head, thread);
    }
  }
}

/// Attention of all rows of a group.
/// @param attended of its first row
void TowerPass::attend_whole(const NativeBlock& block, const Group& group, const HeadRange& range,
                             float* attended, BlockScratch& thread) {
  const auto view = [&](std::int64_t item, std::int64_t row, const HeadRange& heads,
                        const float* projected) {
    return item_of(item, projected, heads.count * block.head_width(),
                   attended + row * width_ + heads.first * block.head_width());
  };
  attend_by_heads(block, group, range, true, thread, view);
}

void TowerPass::whole_block(const NativeBlock& block, const Group& group, BlockScratch& thread) {
  const std::int64_t rows = items_.first_row[group.end] - items_.first_row[group.begin];
  float* attended = at_least(thread.attended, rows * width_);
  attend_whole(block, group, {0, heads_}, attended, thread);
  block.finish(attended, residual_of(group.begin), rows, thread);
}

/// The items' keys and values in the last block, and attention of their pooled rows.
void TowerPass::pool(const Group& group, const HeadRange& range, BlockScratch& thread) {
  const NativeBlock& block = blocks_.back();
  const auto view = [&](std::int64_t item, std::int64_t /*row*/, const HeadRange& heads,
                        const float* projected) {
    return pooled_item(item, projected, heads.count * block.head_width(),
                       heads.first * block.head_width());
  };
  attend_by_heads(block, group, range, false, thread, view);
}

/// Queries, keys and values of some rows; keys and values where only pooled rows are wanted.
void TowerPass::project(std::size_t block, std::int64_t row, std::int64_t rows,
                        BlockScratch& thread) {
  const std::int64_t first = block < whole_blocks_ ? 0 : width_;
  const std::int64_t count = 3 * width_ - first;
  blocks_[block].project(residual_ + row * width_, rows, first, count,
                         projected_.data() + row * count, thread);
}

/// The last block's queries of some items' pooled rows, and their residual stream.
void TowerPass::project_queries(std::int64_t first, std::int64_t count, BlockScratch& thread) {
  for (std::int64_t item = first; item < first + count; ++item) {
    std::copy_n(residual_ + items_.pooled_row(item) * width_, width_, pooled_ + item * width_);
  }
  blocks_.back().project(pooled_ + first * width_, count, 0, width_, queries_ + first * width_,
                         thread);
}

void TowerPass::finish_pooled(std::int64_t first, std::int64_t count, BlockScratch& thread) {
  blocks_.back().finish(attended_ + first * width_, pooled_ + first * width_, count, thread);
}

void TowerPass::attend(const NativeBlock& block, std::vector<BlockScratch>& threads) {
  float* projected = projected_.data();
  if (!block.attends_by_heads()) {
    const TimedLayer timed(threads.front().profile, block.attention_name());
    keep(block.attention().forward(
        at::from_blob(projected, {items_.count(), items_.length(0), 3 * width_}, at::kFloat)));
    return;
  }
  for_each_head(items_.count(), heads_, [&](std::int64_t item, std::int64_t head) {
    const std::int64_t row = items_.first_row[item];
    block.attend(item_of(item, projected + row * 3 * width_, width_, attended_ + row * width_),
                 head, here(threads));
  });
}

/// Attention of the pooled rows alone.
void TowerPass::attend_pooled(const NativeBlock& block, std::vector<BlockScratch>& threads) {
  float* projected = projected_.data();
  if (!block.attends_by_heads()) {
    const TimedLayer timed(threads.front().profile, block.attention_name());
    keep(block.attention().forward_pooled(
        at::from_blob(queries_, {items_.count(), 1, width_}, at::kFloat),
        at::from_blob(projected, {items_.count(), items_.length(0), 2 * width_}, at::kFloat),
        at::from_blob(items_.position.data(), {items_.count()}, at::kLong)));
    return;
  }
  for_each_head(items_.count(), heads_, [&](std::int64_t item, std::int64_t head) {
    block.attend(pooled_item(item, projected + items_.first_row[item] * 2 * width_, width_, 0),
                 head, here(threads));
  });
}

/// Copies what a layer of LibTorch's returned.
void TowerPass::keep(const at::Tensor& attended) {
  const at::Tensor values = attended.contiguous();
  std::copy_n(values.const_data_ptr<float>(), values.numel(), attended_);
}

}  // namespace clipq
