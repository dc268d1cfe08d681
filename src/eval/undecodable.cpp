#include "clipq/eval/undecodable.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/eval/encode.h"

namespace clipq {
namespace {

constexpr std::size_t kNamesShown = 10;

}  // namespace

void Undecodable::add(const std::string& name, const std::string& reason) {
  if (names.empty()) first_reason = reason;
  names.push_back(name);
  log::debug(cat("skipped: ", reason));
}

void Undecodable::require_at_most(std::int64_t allowed, const Dataset& dataset,
                                  std::int64_t items) const {
  if (static_cast<std::int64_t>(names.size()) <= allowed) return;
  const std::vector<std::string> shown(names.begin(),
                                       names.begin() + std::min(kNamesShown, names.size()));
  throw InputError(
      cat(dataset.spec(), ": ", names.size(), " of ", items, " images can't be decoded (", allowed,
          " allowed): ", join(shown, ", "), names.size() > kNamesShown ? ", …" : "",
          " (the first: ", first_reason, "); fix or remove them"),
      {{Setting::kSkipBad, std::to_string(names.size())}});
}

DecodableItems decodable_items(const Dataset& dataset, std::int64_t count, std::int64_t allowed,
                               int threads) {
  DecodableItems decodable;
  Loader loader(dataset, first_indices(count), {}, {.threads = threads, .keeps_bad = true});
  Progress progress("decoding", count);
  for (PixelBatch batch; loader.next(batch);) {
    auto bad = batch.bad.begin();
    for (std::int64_t i = 0; i < batch.count; ++i) {
      if (bad != batch.bad.end() && bad->position == i) {
        decodable.bad.add(dataset.item_name(batch.first + i), bad++->reason);
      } else {
        decodable.items.push_back(batch.first + i);
      }
    }
    progress.advance(batch.count);
  }
  decodable.bad.require_at_most(allowed, dataset, count);
  if (decodable.items.empty()) throw InputError(cat(dataset.spec(), ": no image is left"));
  return decodable;
}

}  // namespace clipq
