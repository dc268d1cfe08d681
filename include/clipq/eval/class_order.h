#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipq {

/// The places of folders' classes in a list of names.
struct ClassPlaces {
  std::vector<int> places;  ///< of each class, an index into the list; empty if it doesn't fit
  std::string order;        ///< how they were matched: "number", "name", "same names"
};

/// Finds the places of classes that are known only by their folders' names. Integers are in numeric
/// order or, if the list is longer and one of them is 0, are places themselves; if the list has the
/// classes' own names, these decide; everything else is in lexicographic order.
/// @param keys the folders' names, sorted lexicographically
/// Throws UsageError that names `where` and both interpretations if it is ambiguous.
ClassPlaces places_of_folders(const std::vector<std::string>& keys,
                              const std::vector<std::string>& names, const std::string& where);

}  // namespace clipq
