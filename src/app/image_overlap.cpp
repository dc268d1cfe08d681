#include "clipq/app/image_overlap.h"

#include <set>

namespace clipq {
namespace {

constexpr std::size_t kDigits = 16;

}  // namespace

std::string short_hashes(const ContentHash& content) {
  std::string all;
  for (const std::string& hash : content.images) all += hash.substr(0, kDigits);
  return all;
}

std::int64_t count_calibrated(const ContentHash& content, const Json& calibration) {
  const std::string all = calibration.value("image_hashes", "");
  std::set<std::string> calibrated;
  for (std::size_t i = 0; i + kDigits <= all.size(); i += kDigits) {
    calibrated.insert(all.substr(i, kDigits));
  }
  std::int64_t count = 0;
  for (const std::string& hash : content.images) count += calibrated.count(hash.substr(0, kDigits));
  return count;
}

}  // namespace clipq
