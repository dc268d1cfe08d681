#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/codes_linear.h"
#include "clipq/kernels/integer_path.h"

namespace clipq {

class Int4Groups;

/// Why a layer with such a weight and input can't be computed group by group, in words; empty if it
/// can.
std::string why_not_grouped(const QuantizedTensor& weight,
                            const std::optional<QuantizerSpec>& input);

/// y = x W^T + b with x as INT8 codes and W as INT4 codes that have a scale per group of inputs:
/// exact integer products of each group, scaled and added up in float32. W stays packed in memory.
class GroupedLinear final : public CodesLinear {
 public:
  /// @param weight int4, symmetric, [out, in]
  /// @param bias float32 [out], or undefined
  /// @param path of the kernels; nullptr, or one that has none for groups: the first that has
  /// Throws InternalError if why_not_grouped().
  GroupedLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                const ActivationQuantizer& input, const IntegerPath* path);
  ~GroupedLinear() override;

  std::int64_t out_features() const override { return static_cast<std::int64_t>(bias_.size()); }
  std::int64_t panel_rows() const override { return path_->panel_rows; }
  const char* path_name() const override { return path_->name; }
  bool dequantizes() const override { return true; }

  using PanelLinear::run;
  void run(const InputPanel& panel, std::int64_t first, std::int64_t count,
           const LinearOutput& output) const override;

 private:
  const IntegerPath* path_;
  std::unique_ptr<Int4Groups> groups_;
  std::vector<float> scales_;  ///< ones: groups have their own
  std::vector<float> bias_;    ///< zeros if there is none
};

}  // namespace clipq
