#include "native_block.h"

#include <algorithm>
#include <numeric>

#include "clipq/core/error.h"
#include "clipq/kernels/attention_path.h"
#include "clipq/quant/native_linear.h"
#include "clipq/quant/row_panels.h"

namespace clipq {
namespace {

const IntegerLinear* integer_of(const std::shared_ptr<const Linear>& layer) {
  const auto* native = dynamic_cast<const NativeLinear*>(layer.get());
  return native == nullptr ? nullptr : native->integer().get();
}

const IntegerLinear& require_integer(const std::shared_ptr<const Linear>& layer) {
  const IntegerLinear* integer = integer_of(layer);
  if (integer == nullptr) throw InternalError("a block with a linear that isn't native");
  return *integer;
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

NativeBlock::Names::Names(const std::string& block)
    : ln_1(block + ".ln_1, attn.in_proj.input_quantizer"),
      in_proj(block + ".attn.in_proj"),
      attention(block + ".attn"),
      out_proj_input(block + ".attn.out_proj.input_quantizer"),
      out_proj(block + ".attn.out_proj"),
      ln_2(block + ".ln_2, mlp.c_fc.input_quantizer"),
      c_fc(block + ".mlp.c_fc"),
      c_proj_input(block + ".mlp.c_proj.input_quantizer"),
      c_proj(block + ".mlp.c_proj") {}

bool NativeBlock::can_run(const Block& block) {
  return !block.needs_whole_batch() && integer_of(block.in_proj) != nullptr &&
         integer_of(block.out_proj) != nullptr && integer_of(block.c_fc) != nullptr &&
         integer_of(block.c_proj) != nullptr;
}

NativeBlock::NativeBlock(const Block& block, const std::string& name, const BlockChoices& choices)
    : block_(block),
      names_(name),
      choices_(choices),
      ln_1_(block.ln_1),
      in_proj_(require_integer(block.in_proj)),
      out_proj_(require_integer(block.out_proj)),
      ln_2_(block.ln_2),
      c_fc_(require_integer(block.c_fc)),
      c_proj_(require_integer(block.c_proj)) {}

bool NativeBlock::has_float_attention() const {
  return dynamic_cast<const FloatAttention*>(block_.attention.get()) != nullptr;
}

void NativeBlock::quantize_normalized(const Norm& norm, const IntegerLinear& linear, const float* x,
                                      std::int64_t rows, BlockScratch& scratch) const {
  float* normalized = at_least(scratch.row, width());
  scratch.codes.resize(rows, width());
  for (std::int64_t r = 0; r < rows; ++r) {
    normalize_row(x + r * width(), norm.weight.const_data_ptr<float>(),
                  norm.bias.const_data_ptr<float>(), width(), norm.eps, normalized);
    scratch.codes.quantize(r, normalized, linear.rule());
  }
}

void NativeBlock::project(const float* residual, std::int64_t rows, std::int64_t first,
                          std::int64_t count, float* out, BlockScratch& scratch) const {
  const RowPanels panels(rows, 1, panel_rows());
  for (std::int64_t panel = 0; panel < panels.count; ++panel) {
    const std::int64_t row = panels.first(panel);
    quantize_input(residual + row * width(), panels.size(panel), scratch);
    const TimedLayer timed = time(scratch, names_.in_proj);
    in_proj_.run(scratch.codes, first, count, {out + row * count, count});
  }
}

std::int64_t NativeBlock::heads_at_once() const {
  constexpr std::int64_t kTileColumns = 64;
  return std::min(heads(), kTileColumns / std::gcd(kTileColumns, head_width()));
}

void NativeBlock::quantize_input(const float* residual, std::int64_t rows,
                                 BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.ln_1);
  quantize_normalized(ln_1_, in_proj_, residual, rows, scratch);
}

void NativeBlock::project_heads(const HeadRange& heads_wanted, bool queries, float* out,
                                BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.in_proj);
  const std::int64_t columns = heads_wanted.count * head_width();
  const std::int64_t parts = queries ? 3 : 2;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t first = (part + 3 - parts) * width() + heads_wanted.first * head_width();
    in_proj_.run(scratch.codes, first, columns, {out + part * columns, parts * columns});
  }
}

void NativeBlock::attend(const ProjectedItem& item, std::int64_t head,
                         BlockScratch& scratch) const {
  const TimedLayer timed = time(scratch, names_.attention);
  const std::int64_t column = head * head_width();
  choices_.attention->attend({.queries = item.queries + column,
                              .query_stride = item.query_stride,
                              .query_rows = item.query_rows,
                              .keys = item.keys + column,
                              .values = item.values + column,
                              .key_stride = item.key_stride,
                              .tokens = item.tokens,
                              .head_width = head_width(),
                              .causal = item.causal,
                              .out = item.out + column,
                              .out_stride = width()},
                             scratch.attention);
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
  {
    const TimedLayer timed = time(scratch, names_.out_proj_input);
    scratch.codes.resize(rows, width());
    for (std::int64_t r = 0; r < rows; ++r) {
      scratch.codes.quantize(r, attended + r * width(), out_proj_.rule());
    }
  }
  {
    const TimedLayer timed = time(scratch, names_.out_proj);
    out_proj_.run(scratch.codes, {.out = residual, .stride = width(), .add = true});
  }
  {
    const TimedLayer timed = time(scratch, names_.ln_2);
    quantize_normalized(ln_2_, c_fc_, residual, rows, scratch);
  }
  add_mlp(residual, rows, scratch);
}

void NativeBlock::hidden_by_rows(std::int64_t rows, BlockScratch& scratch) const {
  const std::int64_t hidden_width = c_fc_.out_features();
  float* hidden = at_least(scratch.hidden, rows * hidden_width);
  {
    const TimedLayer timed = time(scratch, names_.c_fc);
    c_fc_.run(scratch.codes, {hidden, hidden_width, block_.activation});
  }
  const TimedLayer timed = time(scratch, names_.c_proj_input);
  scratch.hidden_codes.resize(rows, hidden_width);
  for (std::int64_t r = 0; r < rows; ++r) {
    scratch.hidden_codes.quantize(r, hidden + r * hidden_width, c_proj_.rule());
  }
}

void NativeBlock::add_mlp(float* residual, std::int64_t rows, BlockScratch& scratch) const {
  if (c_proj_.rule().per_row) {
    // A row's range is known when all of it is.
    hidden_by_rows(rows, scratch);
  } else {
    const TimedLayer timed = time(scratch, names_.c_fc);
    c_fc_.run_to_codes(scratch.codes, block_.activation, c_proj_.rule(), scratch.hidden_codes);
  }
  const TimedLayer timed = time(scratch, names_.c_proj);
  c_proj_.run(scratch.hidden_codes, {.out = residual, .stride = width(), .add = true});
}

}  // namespace clipq
