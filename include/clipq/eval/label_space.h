#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"

namespace clipq {

/// Which classes an image is classified among.
enum class ClassChoice {
  kAll,     ///< all that there are names for: ImageNet's 1,000 even if the folder has fewer
  kPresent  ///< those that an evaluated item has
};

/// The value of that name ("all", "present"). Throws UsageError that names `where`.
ClassChoice parse_class_choice(const std::string& name, const std::string& where);

/// The classes of an evaluation and which of them each item has.
struct LabelSpace {
  std::vector<std::string> class_names;
  std::vector<std::vector<int>> labels;  ///< of each item, indices into class_names
  std::string folder_order;              ///< as of ClassPlaces; empty unless it decided

  /// The label of every item of a data set with one each.
  std::vector<int> single_labels() const;

  /// Keeps only these items, in order.
  void keep_items(const std::vector<std::int64_t>& items);
};

/// Names the classes of the first `count` items: by `names_file` (read_class_names), else
/// CLIP_benchmark's for ImageNet, else the data set's own keys with underscores replaced by spaces.
/// A folder of ImageNet's classes is recognized by its wnids and may have fewer than all 1,000.
/// Throws UsageError if the data set has no labels or the names don't fit it.
LabelSpace label_space(const Dataset& dataset, std::int64_t count,
                       const std::filesystem::path& names_file, ClassChoice choice);

}  // namespace clipq
