#include "clipq/eval/label_space.h"

#include <algorithm>
#include <map>

#include "clipq/core/composed.h"
#include "clipq/core/error.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/eval/class_order.h"
#include "clipq/text/prompts.h"

namespace clipq {
namespace {

constexpr const char* kImageNet = "imagenet1k";

/// The place of each of the data set's classes among `keys`.
std::vector<int> places_of(const std::vector<std::string>& class_keys,
                           const std::vector<std::string>& keys, const std::string& where) {
  std::map<std::string, int> place;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    place.emplace(composed(keys[i]), static_cast<int>(i));
  }
  std::vector<int> places;
  for (const std::string& key : class_keys) {
    const auto found = place.find(composed(key));
    if (found == place.end()) {
      throw UsageError(cat(where, " has no name for class \"", key, "\"", suggestion(key, keys)));
    }
    places.push_back(found->second);
  }
  return places;
}

std::vector<int> identity(std::size_t classes) {
  std::vector<int> places(classes);
  for (std::size_t i = 0; i < classes; ++i) places[i] = static_cast<int>(i);
  return places;
}

/// All names, and the place of each class of the data set among them.
struct NamedClasses {
  std::vector<std::string> names;
  std::vector<int> places;
  std::string order = {};  ///< how folders were matched to a plain list
};

ClassNames own_names(const Dataset& dataset) {
  if (dataset.layout() == kImageNet) return {builtin_class_names(kImageNet), imagenet_wnids()};
  ClassNames own = {dataset.class_keys(), {}};
  if (own.names.empty()) {
    throw UsageError(cat(dataset.spec(), " has no list of class names; pass one, in label order"),
                     {{Setting::kClassNames}});
  }
  if (dataset.class_keys_are_names()) return own;
  for (std::string& name : own.names) std::replace(name.begin(), name.end(), '_', ' ');
  return own;
}

NamedClasses name_classes(const Dataset& dataset, const std::filesystem::path& file) {
  ClassNames given = file.empty() ? own_names(dataset)
                                  : read_class_names(file, {dataset.name(), dataset.layout()});
  const std::string where = file.empty() ? "the built-in list" : file.string();
  const std::vector<std::string> class_keys = dataset.class_keys();
  const std::vector<std::string> wnids = imagenet_wnids();
  const bool part_of_imagenet =
      dataset.layout() == kImageNet && class_keys.size() < given.names.size();
  if (given.keys.empty() && part_of_imagenet && given.names.size() == wnids.size()) {
    given.keys = wnids;
  }
  if (!given.keys.empty()) return {given.names, places_of(class_keys, given.keys, where)};
  if (!file.empty() && dataset.classes_are_folders()) {
    ClassPlaces found = places_of_folders(class_keys, given.names, where);
    if (!found.places.empty()) {
      return {given.names, std::move(found.places), std::move(found.order)};
    }
  }
  if (!class_keys.empty() && class_keys.size() != given.names.size()) {
    throw UsageError(cat(dataset.spec(), " has ", class_keys.size(), " classes, but there are ",
                         given.names.size(), " class names in ", where,
                         "; pass one for each, in label order, or names by class (", "{\"",
                         class_keys.front(), "\": …})"),
                     {{Setting::kClassNames}});
  }
  return {given.names, identity(given.names.size())};
}

/// Drops the classes that no item has.
void keep_present(LabelSpace& space) {
  std::vector<int> renumbered(space.class_names.size(), -1);
  for (const auto& labels : space.labels) {
    for (const int label : labels) renumbered[label] = 0;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < renumbered.size(); ++i) {
    if (renumbered[i] < 0) continue;
    renumbered[i] = static_cast<int>(names.size());
    names.push_back(space.class_names[i]);
  }
  for (auto& labels : space.labels) {
    for (int& label : labels) label = renumbered[label];
  }
  space.class_names = std::move(names);
}

}  // namespace

ClassChoice parse_class_choice(const std::string& name, const std::string& where) {
  if (name == "all") return ClassChoice::kAll;
  if (name == "present") return ClassChoice::kPresent;
  throw UsageError(cat(where, " ", name, ": expected all or present"));
}

std::vector<int> LabelSpace::single_labels() const {
  std::vector<int> single;
  for (const auto& of_item : labels) single.push_back(of_item.front());
  return single;
}

void LabelSpace::keep_items(const std::vector<std::int64_t>& items) {
  std::vector<std::vector<int>> kept;
  for (const std::int64_t item : items) kept.push_back(std::move(labels[item]));
  labels = std::move(kept);
}

LabelSpace label_space(const Dataset& dataset, std::int64_t count,
                       const std::filesystem::path& names_file, ClassChoice choice) {
  if (dataset.label(0) < 0 && !dataset.multi_label()) {
    throw UsageError(cat(dataset.spec(), " has no labels; pass cifar100:, cifar10:, imagefolder:, ",
                         "wds: with .cls files, or coco: with an instances file as captions"),
                     {{Setting::kCaptions}});
  }
  NamedClasses named = name_classes(dataset, names_file);
  LabelSpace space = {std::move(named.names), {}, std::move(named.order)};
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<int> labels = dataset.labels(i);
    for (int& label : labels) {
      if (label >= static_cast<int>(named.places.size())) {
        throw UsageError(cat(dataset.spec(), ": ", dataset.item_name(i), " has label ", label,
                             ", but there are ", named.places.size(),
                             " class names; pass a name for every label"),
                         {{Setting::kClassNames}});
      }
      label = named.places[label];
    }
    space.labels.push_back(std::move(labels));
  }
  if (choice == ClassChoice::kPresent) keep_present(space);
  return space;
}

}  // namespace clipq
