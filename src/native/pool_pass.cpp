#include "pool_pass.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "clipq/kernels/attention_path.h"
#include "clipq/native/row_panels.h"

namespace clipq {
namespace {

/// Items whose keys and values are made together: so few that a cache holds them.
constexpr std::int64_t kItemsAtOnce = 4;

InputPanel& panel_of_this_thread() {
  static thread_local InputPanel panel;
  return panel;
}

/// A pool's tokens: the mean of all cells, then the cells, each with its position.
/// @param cells [count, width], which may stand behind `tokens`
/// @param tokens [count + 1, width]
void make_tokens(const float* cells, const float* positions, std::int64_t count, std::int64_t width,
                 float* tokens) {
  // The mean's place may be the first cells'.
  std::vector<float> mean(static_cast<std::size_t>(width));
  for (std::int64_t cell = 0; cell < count; ++cell) {
    for (std::int64_t c = 0; c < width; ++c) mean[c] += cells[cell * width + c];
  }
  const auto divisor = static_cast<float>(count);
  for (std::int64_t c = 0; c < width; ++c) tokens[c] = mean[c] / divisor + positions[c];
  for (std::int64_t i = width; i < (count + 1) * width; ++i) {
    tokens[i] = cells[i - width] + positions[i];
  }
}

}  // namespace

PoolPass::PoolPass(const IntegerPool& pool, LayerProfile* profile)
    : pool_(pool), profile_(profile), threads_(at::get_num_threads()) {}

/// Behind a row an item, so that each item's cells can move to where its tokens will stand.
float* PoolPass::cells(std::int64_t items) {
  tokens_ = tokens_room_.at_least(items * pool_.tokens() * pool_.width());
  return tokens_ + items * pool_.width();
}

void PoolPass::run(std::int64_t items, float* out) {
  const std::int64_t width = pool_.width();
  const std::int64_t count = pool_.tokens() - 1;
  const float* cells = tokens_ + items * width;
  for (std::int64_t item = 0; item < items; ++item) {
    make_tokens(cells + item * count * width, pool_.positions.const_data_ptr<float>(), count, width,
                tokens_ + item * pool_.tokens() * width);
  }
  project_queries(items);
  for (std::int64_t item = 0; item < items; item += kItemsAtOnce) {
    const std::int64_t some = std::min(kItemsAtOnce, items - item);
    project(item, some);
    attend(item, some, out);
  }
}

void PoolPass::project_queries(std::int64_t items) {
  const TimedLayer timed = time(pool_.qkv_name);
  InputPanel& panel = panel_of_this_thread();
  pool_.qkv->load_rows(panel, tokens_, items, pool_.tokens() * pool_.width());
  float* queries = queries_room_.at_least(items * pool_.width());
  pool_.qkv->run(panel, 0, pool_.width(), {.out = queries, .stride = pool_.width()});
  queries_ = queries;
}

/// Keys and values of the items from `first` on.
void PoolPass::project(std::int64_t first, std::int64_t items) {
  const std::int64_t width = pool_.width();
  const float* tokens = tokens_ + first * pool_.tokens() * width;
  float* projected = projected_room_.at_least(items * pool_.tokens() * 2 * width);
  for_each_panel(items * pool_.tokens(), pool_.qkv->panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   const TimedLayer timed = time(pool_.qkv_name);
                   InputPanel& panel = panel_of_this_thread();
                   pool_.qkv->load_rows(panel, tokens + row * width, rows, width);
                   pool_.qkv->run(panel, width, 2 * width,
                                  {.out = projected + row * 2 * width, .stride = 2 * width});
                 });
  projected_ = projected;
}

void PoolPass::attend(std::int64_t first, std::int64_t items, float* out) const {
  const std::int64_t width = pool_.width();
  const std::int64_t head_width = width / pool_.heads;
  at::parallel_for(0, items * pool_.heads, 1, [&](std::int64_t begin, std::int64_t end) {
    const TimedLayer timed = time(pool_.name);
    static thread_local AttentionScratch scratch;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t column = i % pool_.heads * head_width;
      const std::int64_t offset = (first + i / pool_.heads) * width + column;
      const float* keys = projected_ + i / pool_.heads * pool_.tokens() * 2 * width + column;
      float32_attention_path().attend({.queries = queries_ + offset,
                                       .query_stride = width,
                                       .query_rows = 1,
                                       .keys = keys,
                                       .values = keys + width,
                                       .key_stride = 2 * width,
                                       .tokens = pool_.tokens(),
                                       .head_width = head_width,
                                       .causal = false,
                                       .out = out + offset,
                                       .out_stride = width},
                                      scratch);
    }
  });
}

}  // namespace clipq
