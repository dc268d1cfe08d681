#pragma once

#include "clipq/result/result.h"

namespace clipq {

/// Whether both say what their data contain.
bool have_hashes(const DataInfo& left, const DataInfo& right);

/// The rule by which measurements belong together: the same contents, items and skipped items where
/// both have hashes, wherever the data lie; else the same data set by name, or by spec where a name
/// is missing.
bool same_data(const DataInfo& left, const DataInfo& right);

}  // namespace clipq
