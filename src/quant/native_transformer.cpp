#include "clipq/quant/native_transformer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>

#include "clipq/core/error.h"
#include "clipq/kernels/float_attention.h"
#include "clipq/model/layer_slots.h"
#include "clipq/quant/native_linear.h"
#include "clipq/quant/row_panels.h"

namespace clipq {
namespace {

/// Rows that go through the tower together: enough that reading a block's weights from memory is
/// paid for, few enough that their activations stay in the last-level cache.
constexpr std::int64_t kChunkRows = 512;

const IntegerLinear* integer_of(const std::shared_ptr<const Linear>& layer) {
  const auto* native = dynamic_cast<const NativeLinear*>(layer.get());
  return native == nullptr ? nullptr : native->integer().get();
}

bool is_float(const Attention& attention) {
  return dynamic_cast<const FloatAttention*>(&attention) != nullptr;
}

/// At least `count` values; what is large enough is kept.
float* at_least(std::vector<float>& values, std::int64_t count) {
  if (values.size() < static_cast<std::size_t>(count))
    values.resize(static_cast<std::size_t>(count));
  return values.data();
}

struct Norm {
  explicit Norm(const LayerNorm& norm)
      : weight(norm.weight.contiguous()), bias(norm.bias.contiguous()) {}

  void apply(const float* x, std::int64_t width, float* out) const {
    normalize_row(x, weight.const_data_ptr<float>(), bias.const_data_ptr<float>(), width, out);
  }

  at::Tensor weight;
  at::Tensor bias;
};

}  // namespace

struct NativeTransformer::Layers {
  Layers(const Block& shared, const std::string& name)
      : block(shared),
        names(name),
        ln_1(shared.ln_1),
        in_proj(*integer_of(shared.in_proj)),
        out_proj(*integer_of(shared.out_proj)),
        ln_2(shared.ln_2),
        c_fc(*integer_of(shared.c_fc)),
        c_proj(*integer_of(shared.c_proj)) {}

  /// What the profile calls its parts.
  struct Names {
    explicit Names(const std::string& block)
        : ln_1(block + ".ln_1, attn.in_proj.input_quantizer"),
          in_proj(block + ".attn.in_proj"),
          attention(block + ".attn"),
          out_proj_input(block + ".attn.out_proj.input_quantizer"),
          out_proj(block + ".attn.out_proj"),
          ln_2(block + ".ln_2, mlp.c_fc.input_quantizer"),
          c_fc(block + ".mlp.c_fc"),
          c_proj_input(block + ".mlp.c_proj.input_quantizer"),
          c_proj(block + ".mlp.c_proj") {}

    std::string ln_1, in_proj, attention, out_proj_input, out_proj, ln_2, c_fc, c_proj_input,
        c_proj;
  };

  Block block;  ///< keeps the layers alive
  Names names;
  Norm ln_1;
  const IntegerLinear& in_proj;
  const IntegerLinear& out_proj;
  Norm ln_2;
  const IntegerLinear& c_fc;
  const IntegerLinear& c_proj;
};

struct NativeTransformer::Scratch {
  /// What one thread works on.
  struct Thread {
    CodePanel codes;
    CodePanel hidden_codes;
    std::vector<float> row;
    std::vector<float> hidden;
    std::vector<float> attention;
  };

  std::vector<float> residual;   ///< [rows, width]
  std::vector<float> projected;  ///< [rows, 3 * width], in the last block [rows, 2 * width]
  std::vector<float> queries;    ///< [items, width], of the last block
  std::vector<float> attended;   ///< [rows, width]
  std::vector<float> pooled;     ///< [items, width], the residual stream of the last block
  std::vector<Thread> threads;
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

/// One pass of some items through the blocks.
class NativeTransformer::Run {
 public:
  Run(const NativeTransformer& owner, const Items& items, Scratch& scratch)
      : layers_(owner.layers_),
        activation_(owner.activation_),
        profile_(owner.profile_.get()),
        threads_(at::get_num_threads()),
        items_(items),
        scratch_(scratch),
        width_(layers_.front().out_proj.out_features()),
        heads_(layers_.front().block.attention->heads()) {
    scratch.threads.resize(static_cast<std::size_t>(threads_));
    at_least(scratch.projected, items.rows() * 3 * width_);
    at_least(scratch.attended, items.rows() * width_);
    at_least(scratch.queries, items.count() * width_);
    at_least(scratch.pooled, items.count() * width_);
  }

  /// From scratch.residual to scratch.pooled.
  void run() {
    const std::size_t last = layers_.size() - 1;
    for_each_panel(items_.rows(),
                   [&](std::int64_t row, std::int64_t rows) { project(0, row, rows); });
    for (std::size_t i = 0; i < last; ++i) {
      attend(layers_[i]);
      for_each_panel(items_.rows(), [&](std::int64_t row, std::int64_t rows) {
        float* residual = scratch_.residual.data() + row * width_;
        finish(layers_[i], scratch_.attended.data() + row * width_, residual, rows);
        project(i + 1, row, rows);
      });
    }
    const Layers& layers = layers_[last];
    for_each_panel(items_.count(), [&](std::int64_t item, std::int64_t items) {
      project_queries(layers, item, items);
    });
    attend_pooled(layers);
    for_each_panel(items_.count(), [&](std::int64_t item, std::int64_t items) {
      finish(layers, scratch_.attended.data() + item * width_,
             scratch_.pooled.data() + item * width_, items);
    });
  }

 private:
  Scratch::Thread& here() {
    return scratch_.threads[static_cast<std::size_t>(at::get_thread_num())];
  }

  /// A timer of what one of the threads does.
  TimedLayer time(const std::string& layer) const { return {profile_, layer, threads_}; }

  bool is_last(std::size_t block) const { return block + 1 == layers_.size(); }

  /// LayerNorm and the quantizer of in_proj's input.
  void quantize_normalized(const Norm& norm, const IntegerLinear& linear, const float* x,
                           std::int64_t row, Scratch::Thread& thread) const {
    float* normalized = at_least(thread.row, width_);
    norm.apply(x, width_, normalized);
    thread.codes.quantize(row, normalized, linear.rule());
  }

  /// Queries, keys and values of some rows; in the last block keys and values.
  void project(std::size_t block, std::int64_t row, std::int64_t rows) {
    const Layers& layers = layers_[block];
    Scratch::Thread& thread = here();
    {
      const TimedLayer timed = time(layers.names.ln_1);
      thread.codes.resize(rows, width_);
      for (std::int64_t r = 0; r < rows; ++r) {
        quantize_normalized(layers.ln_1, layers.in_proj,
                            scratch_.residual.data() + (row + r) * width_, r, thread);
      }
    }
    const TimedLayer timed = time(layers.names.in_proj);
    const std::int64_t first = is_last(block) ? width_ : 0;
    const std::int64_t count = 3 * width_ - first;
    layers.in_proj.run(thread.codes, first, count,
                       {scratch_.projected.data() + row * count, count});
  }

  /// The last block's queries of some items' pooled rows, and their residual stream.
  void project_queries(const Layers& layers, std::int64_t item, std::int64_t items) {
    Scratch::Thread& thread = here();
    const TimedLayer timed = time(layers.names.in_proj);
    thread.codes.resize(items, width_);
    for (std::int64_t i = 0; i < items; ++i) {
      const float* x = scratch_.residual.data() + items_.pooled_row(item + i) * width_;
      std::copy_n(x, width_, scratch_.pooled.data() + (item + i) * width_);
      quantize_normalized(layers.ln_1, layers.in_proj, x, i, thread);
    }
    layers.in_proj.run(thread.codes, 0, width_, {scratch_.queries.data() + item * width_, width_});
  }

  /// Everything behind attention, added to the residual stream of some rows.
  void finish(const Layers& layers, const float* attended, float* residual, std::int64_t rows) {
    Scratch::Thread& thread = here();
    thread.codes.resize(rows, width_);
    {
      const TimedLayer timed = time(layers.names.out_proj_input);
      for (std::int64_t r = 0; r < rows; ++r) {
        thread.codes.quantize(r, attended + r * width_, layers.out_proj.rule());
      }
    }
    {
      const TimedLayer timed = time(layers.names.out_proj);
      layers.out_proj.run(thread.codes, {.out = residual, .stride = width_, .add = true});
    }
    {
      const TimedLayer timed = time(layers.names.ln_2);
      for (std::int64_t r = 0; r < rows; ++r) {
        quantize_normalized(layers.ln_2, layers.c_fc, residual + r * width_, r, thread);
      }
    }
    add_mlp(layers, residual, rows, thread);
  }

  /// The MLP of codes that stand in thread.codes.
  void add_mlp(const Layers& layers, float* residual, std::int64_t rows, Scratch::Thread& thread) {
    const std::int64_t hidden_width = layers.c_fc.out_features();
    float* hidden = at_least(thread.hidden, rows * hidden_width);
    {
      const TimedLayer timed = time(layers.names.c_fc);
      layers.c_fc.run(thread.codes, {hidden, hidden_width, activation_});
    }
    {
      const TimedLayer timed = time(layers.names.c_proj_input);
      thread.hidden_codes.resize(rows, hidden_width);
      for (std::int64_t r = 0; r < rows; ++r) {
        thread.hidden_codes.quantize(r, hidden + r * hidden_width, layers.c_proj.rule());
      }
    }
    const TimedLayer timed = time(layers.names.c_proj);
    layers.c_proj.run(thread.hidden_codes, {.out = residual, .stride = width_, .add = true});
  }

  /// Calls body(item, head) for all of them, in parallel.
  template <class Body>
  void for_each_head(const Body& body) const {
    at::parallel_for(0, items_.count() * heads_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) body(i / heads_, i % heads_);
    });
  }

  void attend(const Layers& layers) {
    const TimedLayer timed(profile_, layers.names.attention);
    const Attention& attention = *layers.block.attention;
    if (!is_float(attention)) {
      const at::Tensor qkv = at::from_blob(
          scratch_.projected.data(), {items_.count(), items_.length(0), 3 * width_}, at::kFloat);
      keep(attention.forward(qkv));
      return;
    }
    for_each_head([&](std::int64_t item, std::int64_t head) {
      const std::int64_t head_width = width_ / heads_;
      const std::int64_t row = items_.first_row[item];
      const float* queries = scratch_.projected.data() + row * 3 * width_ + head * head_width;
      attend_head({.queries = queries,
                   .query_stride = 3 * width_,
                   .query_rows = items_.length(item),
                   .keys = queries + width_,
                   .values = queries + 2 * width_,
                   .key_stride = 3 * width_,
                   .tokens = items_.length(item),
                   .head_width = head_width,
                   .causal = attention.causal(),
                   .out = scratch_.attended.data() + row * width_ + head * head_width,
                   .out_stride = width_},
                  here().attention);
    });
  }

  /// Attention of the pooled rows alone: scratch.attended is [items, width] then.
  void attend_pooled(const Layers& layers) {
    const TimedLayer timed(profile_, layers.names.attention);
    const Attention& attention = *layers.block.attention;
    if (!is_float(attention)) {
      const at::Tensor queries =
          at::from_blob(scratch_.queries.data(), {items_.count(), 1, width_}, at::kFloat);
      const at::Tensor keys_and_values = at::from_blob(
          scratch_.projected.data(), {items_.count(), items_.length(0), 2 * width_}, at::kFloat);
      const at::Tensor positions = at::from_blob(const_cast<std::int64_t*>(items_.position.data()),
                                                 {items_.count()}, at::kLong);
      keep(attention.forward_pooled(queries, keys_and_values, positions));
      return;
    }
    for_each_head([&](std::int64_t item, std::int64_t head) {
      const std::int64_t head_width = width_ / heads_;
      const std::int64_t column = head * head_width;
      const float* keys = scratch_.projected.data() + items_.first_row[item] * 2 * width_ + column;
      attend_head({.queries = scratch_.queries.data() + item * width_ + column,
                   .query_stride = width_,
                   .query_rows = 1,
                   .keys = keys,
                   .values = keys + width_,
                   .key_stride = 2 * width_,
                   .tokens = attention.causal() ? items_.position[item] + 1 : items_.length(item),
                   .head_width = head_width,
                   .causal = false,
                   .out = scratch_.attended.data() + item * width_ + column,
                   .out_stride = width_},
                  here().attention);
    });
  }

  /// Copies what a layer of LibTorch's returned to scratch.attended.
  void keep(const at::Tensor& attended) {
    const at::Tensor values = attended.contiguous();
    std::copy_n(values.const_data_ptr<float>(), values.numel(), scratch_.attended.data());
  }

  const std::vector<Layers>& layers_;
  Activation activation_;
  LayerProfile* profile_;
  int threads_;
  const Items& items_;
  Scratch& scratch_;
  std::int64_t width_;
  std::int64_t heads_;
};

bool NativeTransformer::can_run(const Transformer& blocks) {
  return !blocks.empty() && !clipq::needs_whole_batch(blocks) &&
         std::all_of(blocks.begin(), blocks.end(), [](const Block& block) {
           return integer_of(block.in_proj) != nullptr && integer_of(block.out_proj) != nullptr &&
                  integer_of(block.c_fc) != nullptr && integer_of(block.c_proj) != nullptr;
         });
}

NativeTransformer::NativeTransformer(const Transformer& blocks, Activation activation, Tower tower)
    : blocks_(blocks), activation_(activation), tower_(tower) {
  if (!can_run(blocks)) throw InternalError("these blocks can't run on integer kernels alone");
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    layers_.emplace_back(blocks[i], block_name(tower, i));
  }
}

std::shared_ptr<const NativeTransformer> NativeTransformer::profiled(
    std::shared_ptr<LayerProfile> profile) const {
  auto timed = std::make_shared<NativeTransformer>(blocks_, activation_, tower_);
  timed->profile_ = std::move(profile);
  return timed;
}

NativeTransformer::~NativeTransformer() = default;

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
  const bool all_float = std::all_of(layers_.begin(), layers_.end(), [](const Layers& layers) {
    return is_float(*layers.block.attention);
  });
  const bool cut = all_float && layers_.front().block.attention->causal();
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
    Run(*this, items, *scratch).run();
    std::copy_n(scratch->pooled.data(), (end - begin) * width,
                output.mutable_data_ptr<float>() + begin * width);
  }
  give_back(std::move(scratch));
  return output;
}

}  // namespace clipq
