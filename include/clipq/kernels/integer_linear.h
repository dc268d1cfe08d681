#pragma once

#include <hwy/aligned_allocator.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/integer_path.h"
#include "clipq/kernels/row_kernels.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

/// Rows of an activation as codes, for as many rows and columns as it was last sized for.
class CodePanel {
 public:
  /// Makes room for `rows` rows of `width` codes; keeps what is large enough.
  void resize(std::int64_t rows, std::int64_t width);

  /// Makes the rows those of a linear's output by a rule without a range per row, as
  /// IntegerLinear::run_to_codes() writes them.
  std::uint8_t* receive(const CodeRule& rule, const RowScale* sources);

  /// Quantizes x [width] as row `row`.
  void quantize(std::int64_t row, const float* x, const CodeRule& rule);

  const std::uint8_t* codes() const { return codes_.get(); }
  std::ptrdiff_t stride() const { return stride_; }
  std::int64_t rows() const { return rows_; }
  const RowScale* scales() const { return scales_.data(); }

 private:
  hwy::AlignedFreeUniquePtr<std::uint8_t[]> codes_;
  std::size_t capacity_ = 0;
  std::vector<RowScale> scales_;
  std::int64_t rows_ = 0;
  std::int64_t width_ = 0;
  std::ptrdiff_t stride_ = 0;
};

/// Where the results of a linear go.
struct LinearOutput {
  float* out;  ///< of the panel's first row and of the first column that is computed
  std::ptrdiff_t stride;
  std::optional<Activation> activation = std::nullopt;
  bool add = false;  ///< to what stands there
};

/// Why a layer with such a weight and input can't be computed with integer kernels, in words; empty
/// if it can.
std::string why_not_integer(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input);

/// y = x W^T + b with x and W as codes: integer products, scaled once.
class IntegerLinear {
 public:
  /// @param weight int8, symmetric, [out, in]
  /// @param bias float32 [out], or undefined
  /// @param path of the kernels; nullptr, or one that isn't exact for such codes: the fastest
  /// Throws InternalError if why_not_integer().
  IntegerLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                const ActivationQuantizer& input, const IntegerPath* path);

  std::int64_t in_features() const { return in_features_; }
  std::int64_t out_features() const { return static_cast<std::int64_t>(bias_.size()); }

  /// How inputs become codes. Of a dynamic range per tensor: what `rule_for` gives.
  const CodeRule& rule() const { return rule_; }
  bool spans_rows() const { return spans_rows_; }

  /// The rule for a whole input, x [count] values: rule() unless its range spans rows.
  CodeRule rule_for(const float* x, std::int64_t count) const;

  /// The output features [first, first + count) of the panel's rows.
  void run(const CodePanel& panel, std::int64_t first, std::int64_t count,
           const LinearOutput& output) const;
  void run(const CodePanel& panel, const LinearOutput& output) const {
    run(panel, 0, out_features(), output);
  }

  /// All output features, activated, as codes of the layer that reads them, whose rule has no range
  /// per row. Sizes `output`.
  void run_to_codes(const CodePanel& panel, Activation activation, const CodeRule& rule,
                    CodePanel& output) const;

  std::int64_t panel_rows() const { return path_->panel_rows; }
  const char* path_name() const { return path_->name; }

 private:
  TileFinish finish_of(const CodePanel& panel) const;
  void multiply(const CodePanel& panel, std::int64_t first, std::int64_t count,
                const TileFinish& finish) const;

  std::int64_t in_features_;
  CodeRule rule_;
  bool spans_rows_;
  const IntegerPath* path_;
  std::unique_ptr<IntegerMatrix> matrix_;
  std::vector<float> scales_;       ///< one an output feature
  std::vector<std::int32_t> sums_;  ///< of each output feature's codes
  std::vector<float> bias_;         ///< zeros if there is none
};

}  // namespace clipq
