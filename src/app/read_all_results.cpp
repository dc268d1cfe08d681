#include "clipq/app/read_all_results.h"

#include <algorithm>
#include <iterator>

namespace clipq {

std::vector<Result> read_all_results(const std::vector<std::filesystem::path>& files) {
  std::vector<Result> all;
  for (const std::filesystem::path& file : files) {
    std::vector<Result> results = read_results(file);
    std::move(results.begin(), results.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace clipq
