#include "native_block.h"

#include <algorithm>
#include <numeric>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/attention_path.h"
#include "clipq/native/native_linear.h"
#include "clipq/native/row_panels.h"
#include "clipq/quant/placement.h"

namespace clipq {
namespace {

const PanelLinear* panels_of(const std::shared_ptr<const Linear>& layer) {
  const auto* native = dynamic_cast<const NativeLinear*>(layer.get());
  return native == nullptr ? nullptr : &native->panels();
}

const PanelLinear& require_panels(const std::shared_ptr<const Linear>& layer) {
  const PanelLinear* panels = panels_of(layer);
  if (panels == nullptr) throw InternalError("a block with a linear that isn't native");
  return *panels;
}

/// A timer of what one of the threads does.
TimedLayer time(const BlockScratch& scratch, const std::string& layer) {
  return {scratch.profile, layer, scratch.threads};
}

}  // namespace

float* at_least(std::vector<float>& values, std::int64_t count) {
  const auto needed = static_cast<std::size_t>(count);
  if (values.size() < needed) values.resize(needed);
  return values.data();
}

NativeBlock::Norm::Norm(const LayerNorm& norm)
    : weight(norm.weight.contiguous()),
      bias(norm.bias.contiguous()),
      eps(static_cast<float>(norm.eps)) {}

NativeBlock::Names::Names(const std::string& block) {
  const BlockNames names(block);
  const std::string quantizer = cat(".", name_of(Role::kInput));
  const auto relative = [&](const std::string& name) { return name.substr(block.size() + 1); };
  attention_input = cat(names.attention_norm, ", ", relative(names.qkv), quantizer);
  qkv = names.qkv;
  attention = names.attention;
  attention_output_input = names.attention_output + quantizer;
  attention_output = names.attention_output;
  mlp_input = cat(names.mlp_norm, ", ", relative(names.mlp_hidden), quantizer);
  mlp_hidden = names.mlp_hidden;
  mlp_output_input = names.mlp_output + quantizer;
  mlp_output = names.mlp_output;
}

bool NativeBlock::can_run(const Block& block) {
  return !block.needs_whole_batch() && panels_of(block.qkv) != nullptr &&
         panels_of(block.attention_output) != nullptr && panels_of(block.mlp_hidden) != nullptr &&
         panels_of(block.mlp_output) != nullptr;
}

NativeBlock::NativeBlock(const Block& block, const std::string& name, const BlockChoices& choices)
    : block_(block),
      names_(name),
      choices_(choices),
      attends_by_heads_(why_not_by_heads(*block.attention).empty()),
      head_quantizers_(attends_by_heads_ ? head_quantizers(*block.attention) : std::nullopt),
      attention_norm_(block.attention_norm),
      qkv_(require_panels(block.qkv)),
      attention_output_(require_panels(block.attention_output)),
      mlp_norm_(block.mlp_norm),
      mlp_hidden_(require_panels(block.mlp_hidden)),
      mlp_output_(require_panels(block.mlp_output)) {}

void NativeBlock::load_normalized(const Norm& norm, const PanelLinear& linear, const float* x,
                                  std::int64_t rows, BlockScratch& scratch) const {
  float* normalized = at_least(scratch.row, width());
  linear.prepare(scratch.input, rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    normalize_row(x + r * width(), norm.weight.const_data_ptr<float>(),
                  norm.bias.const_data_ptr<float>(), width(), norm.eps, normalized);
    linear.load(scratch.input, r, normalized);
  }
}

void NativeBlock::project(const float* residual, std::int64_t rows, std::int64_t first,
                          std::int64_t count, float* out, BlockScratch& scratch) const {
  const RowPanels panels(rows, 1, panel_rows());
  for (std::int64_t panel = 0; panel < panels.count; ++panel) {
    const std::int64_t row = panels.first(panel);
    load_input(residual + row * width(), panels.size(panel), scratch);
    const TimedLayer timed = time(scratch, names_.qkv);
    qkv_.run(scratch.input, first, count, {out + row * count, count});
  }
}

std::int64_t NativeBlock::heads_at_once() const {
  constexpr std::int64_t kColumns = PanelLinear::kTileColumns;
  return std::min(heads(), kColumns / std::gcd(kColumns, head_width()));
}

void NativeBlock::load_input(const float* residual, std::int64_t rows,
                             BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.attention_input);
  load_normalized(attention_norm_, qkv_, residual, rows, scratch);
}

void NativeBlock::project_heads(const HeadRange& heads_wanted, bool queries, float* out,
                                BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.qkv);
  const std::int64_t columns = heads_wanted.count * head_width();
  const std::int64_t parts = queries ? 3 : 2;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t first = (part + 3 - parts) * width() + heads_wanted.first * head_width();
    qkv_.run(scratch.input, first, columns, {out + part * columns, parts * columns});
  }
}

void NativeBlock::attend(const ProjectedItem& item, std::int64_t head,
                         BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.attention);
  const std::int64_t column = head * head_width();
  const HeadView view = {.queries = item.queries + column,
                         .query_stride = item.query_stride,
                         .query_rows = item.query_rows,
                         .keys = item.keys + column,
                         .values = item.values + column,
                         .key_stride = item.key_stride,
                         .tokens = item.tokens,
                         .head_width = head_width(),
                         .causal = item.causal,
                         .out = item.out + column,
                         .out_stride = width()};
  if (head_quantizers_) {
    attend_quantized_head(view, *head_quantizers_, scratch.attention);
  } else {
    choices_.attention->attend(view, scratch.attention);
  }
}

void NativeBlock::finish(const float* attended, float* residual, std::int64_t rows,
                         BlockScratch& scratch) const {
  const RowPanels panels(rows, 1, panel_rows());
  for (std::int64_t panel = 0; panel < panels.count; ++panel) {
    const std::int64_t offset = panels.first(panel) * width();
    finish_panel(attended + offset, residual + offset, panels.size(panel), scratch);
  }
}

void NativeBlock::finish_panel(const float* attended, float* residual, std::int64_t rows,
                               BlockScratch& scratch) const {
  add_attention(attended, residual, rows, {0, width()}, scratch);
  load_mlp_input(residual, rows, scratch);
  add_mlp_of_panel(residual, rows, scratch);
}

void NativeBlock::add_attention(const float* attended, float* residual, std::int64_t rows,
                                const ColumnRange& columns, BlockScratch& scratch) const {
  {
    const TimedLayer timed = time(scratch, names_.attention_output_input);
    attention_output_.load_rows(scratch.input, attended, rows, width());
  }
  const TimedLayer timed = time(scratch, names_.attention_output);
  attention_output_.run(scratch.input, columns.first, columns.count,
                        {.out = residual + columns.first, .stride = width(), .add = true});
}

void NativeBlock::load_mlp_input(const float* residual, std::int64_t rows,
                                 BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.mlp_input);
  load_normalized(mlp_norm_, mlp_hidden_, residual, rows, scratch);
}

void NativeBlock::load_hidden(const float* hidden, std::int64_t rows, BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.mlp_output_input);
  mlp_output_.load_rows(scratch.hidden_input, hidden, rows, hidden_width());
}

void NativeBlock::hidden(const float* residual, std::int64_t rows, const ColumnRange& columns,
                         float* hidden, BlockScratch& scratch) const {
  load_mlp_input(residual, rows, scratch);
  const TimedLayer timed = time(scratch, names_.mlp_hidden);
  mlp_hidden_.run(scratch.input, columns.first, columns.count,
                  {hidden + columns.first, hidden_width(), block_.activation});
}

void NativeBlock::add_mlp(const float* hidden, float* residual, std::int64_t rows,
                          const ColumnRange& columns, BlockScratch& scratch) const {
  load_hidden(hidden, rows, scratch);
  const TimedLayer timed = time(scratch, names_.mlp_output);
  mlp_output_.run(scratch.hidden_input, columns.first, columns.count,
                  {.out = residual + columns.first, .stride = width(), .add = true});
}

void NativeBlock::hidden_by_rows(std::int64_t rows, BlockScratch& scratch) const {
  float* hidden = at_least(scratch.hidden, rows * hidden_width());
  {
    const TimedLayer timed = time(scratch, names_.mlp_hidden);
    mlp_hidden_.run(scratch.input, {hidden, hidden_width(), block_.activation});
  }
  load_hidden(hidden, rows, scratch);
}

bool NativeBlock::hidden_by_tiles(BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.mlp_hidden);
  return mlp_hidden_.run_into(scratch.input, block_.activation, mlp_output_, scratch.hidden_input);
}

void NativeBlock::add_mlp_of_panel(float* residual, std::int64_t rows,
                                   BlockScratch& scratch) const {
  if (!hidden_by_tiles(scratch)) hidden_by_rows(rows, scratch);
  const TimedLayer timed = time(scratch, names_.mlp_output);
  mlp_output_.run(scratch.hidden_input, {.out = residual, .stride = width(), .add = true});
}

}  // namespace clipq
