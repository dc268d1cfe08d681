#include "clipq/eval/calibration_error.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr int kBins = 15;

/// The bin with k/15 < confidence <= (k+1)/15; a product could miss it by a rounding.
int bin_of(double confidence) {
  int k = 0;
  while (confidence > static_cast<double>(k + 1) / kBins) ++k;
  return k;
}

}  // namespace

double expected_calibration_error(const at::Tensor& confidences, const at::Tensor& correct) {
  const at::Tensor values = confidences.to(at::kDouble).contiguous();
  const at::Tensor hits = correct.to(at::kBool).contiguous();
  const double* confidence = values.const_data_ptr<double>();
  const bool* hit = hits.const_data_ptr<bool>();
  const std::int64_t items = values.numel();
  if (items == 0) return std::numeric_limits<double>::quiet_NaN();
  // In a bin |accuracy - mean confidence| * items = |hits - sum of confidences|.
  std::array<double, kBins> excess{};
  for (std::int64_t i = 0; i < items; ++i) {
    if (!(confidence[i] >= 0 && confidence[i] <= 1)) {
      throw InputError(cat("calibration error: item ", i, " has confidence ", confidence[i],
                           ", expected 0 to 1"));
    }
    excess[bin_of(confidence[i])] += (hit[i] ? 1.0 : 0.0) - confidence[i];
  }
  double sum = 0;
  for (const double each : excess) sum += std::abs(each);
  return sum / static_cast<double>(items);
}

}  // namespace clipq
