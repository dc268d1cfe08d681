#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipq {

/// Where the classes of folders stand in a list of names.
struct ClassPlaces {
  std::vector<int> places;  ///< of each class, an index into the list; empty if it doesn't fit
  std::string order;        ///< by which they were told: "number", "name", "same names"
};

/// Finds the places of classes that are known only by their folders' names. Whole numbers stand in
/// the order of the numbers, or, where the list is longer and one of them is 0, are places
/// themselves; if the list has the classes' own names, these decide; all else is in the order of
/// the characters.
/// @param keys the folders' names, sorted by their characters
/// Throws UsageError that names `where` and both readings if there are two.
ClassPlaces places_of_folders(const std::vector<std::string>& keys,
                              const std::vector<std::string>& names, const std::string& where);

}  // namespace clipq
