#pragma once

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "clipq/kernels/row_kernels.h"

namespace clipq {

/// Rows of an activation as a linear layer reads them: codes, or the values of codes as floats, for
/// as many rows and columns as it was last sized for.
class InputPanel {
 public:
  /// Makes room for `rows` rows of `width` bytes; keeps what is large enough. As many rows can be
  /// read as the next multiple of 32.
  void resize(std::int64_t rows, std::int64_t width);

  /// Makes the rows those of a layer's output by a rule without a range per row, and returns where
  /// their codes go.
  /// @param sources the scales of the rows that the output is computed from
  std::uint8_t* receive(const CodeRule& rule, const RowScale* sources);

  /// Quantizes x [width] as row `row`.
  void quantize(std::int64_t row, const float* x, const CodeRule& rule);

  /// Sets a row's scale; its values stay as they are.
  void set_scale(std::int64_t row, const RowScale& scale) {
    scales_[static_cast<std::size_t>(row)] = scale;
  }

  /// Gives every row the scale 1, and returns where its floats go. `stride()` is in bytes.
  float* receive_floats();

  /// Gives the rows from `row` on a scale, and returns where the codes of the first go.
  std::uint8_t* assign(std::int64_t row, const RowScale& scale, std::int64_t count = 1);

  const std::uint8_t* codes() const { return codes_.get(); }
  std::ptrdiff_t stride() const { return stride_; }  ///< from a row's codes to the next's
  std::int64_t rows() const { return rows_; }
  const RowScale* scales() const { return scales_.data(); }
  bool has_one_scale() const;

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
  float* out = nullptr;  ///< of the panel's first row and of the first column that is computed;
                         ///< null: only codes are wanted
  std::ptrdiff_t stride = 0;
  std::optional<Activation> activation = std::nullopt;  ///< not together with `relu`
  bool add = false;                                     ///< to what stands there
  bool relu = false;                                    ///< last of all
  /// Not null: the results as codes by a rule without a range per row go here.
  std::uint8_t* codes = nullptr;
  std::ptrdiff_t codes_stride = 0;
  const CodeRule* rule = nullptr;
};

/// A linear layer on panels of rows: rows in, finished tiles out. However it multiplies, bias,
/// activation and residual are applied while a tile is in the cache. Every function works on the
/// calling thread alone.
class PanelLinear {
 public:
  /// Output features that kernels compute together at most.
  static constexpr std::int64_t kTileColumns = 64;

  virtual ~PanelLinear() = default;

  virtual std::int64_t in_features() const = 0;
  virtual std::int64_t out_features() const = 0;

  /// Rows of a panel that are worth multiplying together.
  virtual std::int64_t panel_rows() const = 0;

  /// Of the kernels that it runs on.
  virtual const char* path_name() const = 0;

  /// Sizes a panel for rows of the layer's input.
  virtual void prepare(InputPanel& panel, std::int64_t rows) const = 0;

  /// Puts x [in_features] into a panel as row `row`.
  /// @param shared what shared_scale() gives for the whole input
  virtual void load(InputPanel& panel, std::int64_t row, const float* x,
                    const std::optional<RowScale>& shared) const = 0;
  void load(InputPanel& panel, std::int64_t row, const float* x) const {
    load(panel, row, x, std::nullopt);
  }

  /// Sizes a panel for `rows` rows of x that stand `stride` floats apart, and loads them.
  void load_rows(InputPanel& panel, const float* x, std::int64_t rows, std::int64_t stride,
                 const std::optional<RowScale>& shared = std::nullopt) const;

  /// Whether the input's codes have one range that is taken from all rows at run time.
  virtual bool spans_rows() const = 0;

  /// What the codes of a whole input, x [count] values, mean; absent unless spans_rows().
  virtual std::optional<RowScale> shared_scale(const float* x, std::int64_t count) const = 0;

  /// The output features [first, first + count) of the panel's rows.
  virtual void run(const InputPanel& panel, std::int64_t first, std::int64_t count,
                   const LinearOutput& output) const = 0;
  void run(const InputPanel& panel, const LinearOutput& output) const {
    run(panel, 0, out_features(), output);
  }

  /// How a layer before this one may write the codes that load() would make, without rows of floats
  /// between them; null: it can't, since whole rows must be known first.
  virtual const CodeRule* fixed_rule() const { return nullptr; }

  /// Whether every run dequantizes the weight, however few rows there are.
  virtual bool dequantizes() const { return false; }

  /// Whether load() copies floats.
  virtual bool takes_floats() const { return false; }

  /// Puts all output features, activated, into `next_panel` as `next` would load them. Returns
  /// false, and leaves the panel alone, if that takes rows of floats.
  virtual bool run_into(const InputPanel& panel, Activation activation, const PanelLinear& next,
                        InputPanel& next_panel) const;
};

}  // namespace clipq
