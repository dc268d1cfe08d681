#include "search_data.h"

#include <set>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

std::unique_ptr<ImageSource> source_of(const Dataset& dataset, std::int64_t count) {
  return std::make_unique<ImageSource>(ImageSource{dataset, count, content_hash(dataset, count)});
}

/// Throws InputError if a picture is in both.
void require_disjoint(const ImageSource& search, const ImageSource& held_out) {
  const std::set<std::string> seen(search.content.images.begin(), search.content.images.end());
  std::int64_t shared = 0;
  std::string first;
  for (std::size_t i = 0; i < held_out.content.images.size(); ++i) {
    if (seen.count(held_out.content.images[i]) == 0) continue;
    if (shared++ == 0) first = held_out.dataset.item_name(static_cast<std::int64_t>(i));
  }
  if (shared == 0) return;
  throw InputError(cat("held-out images that are also among those that are searched with: ", shared,
                       " of ", held_out.count, ", ", first,
                       " for one; pass other held-out data, or none, so that ",
                       search.dataset.spec(), " is divided"));
}

}  // namespace

SearchData::SearchData(const SearchCommandOptions& options)
    : whole_(open_dataset(options.data, options.captions)) {
  const std::int64_t count = items_within(options.limit, *whole_);
  if (options.held_out_data.empty()) {
    divide(content_hash(*whole_, count).images, options.seed);
  } else {
    search_ = source_of(*whole_, count);
    open_held_out(options);
    require_disjoint(*search_, *held_out_);
  }
  sensitivity_part_ = std::make_unique<DatasetPart>(
      search_->dataset,
      sample_by_content(search_->content.images, options.sensitivity_items, options.seed));
  sensitivity_ = source_of(*sensitivity_part_, sensitivity_part_->size());
}

void SearchData::divide(const std::vector<std::string>& images, std::uint64_t seed) {
  auto [search, held_out] = halves_by_content(images, seed);
  if (held_out.empty()) {
    throw UsageError(cat("all pictures of ", whole_->spec(),
                         " are the same, so that none can be held out; pass more data, or other "
                         "held-out data"));
  }
  search_part_ = std::make_unique<DatasetPart>(*whole_, std::move(search));
  held_out_part_ = std::make_unique<DatasetPart>(*whole_, std::move(held_out));
  search_ = source_of(*search_part_, search_part_->size());
  held_out_ = source_of(*held_out_part_, held_out_part_->size());
}

void SearchData::open_held_out(const SearchCommandOptions& options) {
  held_out_whole_ = open_dataset(options.held_out_data, options.held_out_captions);
  held_out_ = source_of(*held_out_whole_, items_within(options.held_out_limit, *held_out_whole_));
}

}  // namespace clipq
