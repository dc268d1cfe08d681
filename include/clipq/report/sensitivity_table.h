#pragma once

#include <string>

#include "clipq/result/result.h"

namespace clipq {

/// How a table of groups is sorted.
enum class GroupOrder {
  kDepth,  ///< by tower and depth
  kEffect  ///< those first that, quantized alone, change the most decisions; where none are known,
           ///< or equally many, those with the smallest cosine
};

/// A Result of `clipq sensitivity` as plain text: the float and the quantized model, then a row for
/// each group of layers. Throws InputError if it lacks the details.
std::string sensitivity_table(const Result& result, GroupOrder order);

}  // namespace clipq
