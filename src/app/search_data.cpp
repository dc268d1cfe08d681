#include "search_data.h"

#include <algorithm>
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
  throw InputError(cat(shared, " of the ", held_out.count, " held-out images are also among the ",
                       search.count, " that are searched with, ", first,
                       " for one; pass data without them, or none, so that ", search.dataset.spec(),
                       " is divided"));
}

}  // namespace

SearchData::SearchData(const SearchCommandOptions& options)
    : whole_(open_dataset(options.data, options.captions)) {
  const std::int64_t count = items_within(options.limit, *whole_);
  if (options.held_out_data.empty()) {
    divide(content_hash(*whole_, count).images, options.seed);
    return;
  }
  search_ = source_of(*whole_, count);
  open_held_out(options);
  require_disjoint(*search_, *held_out_);
}

void SearchData::divide(const std::vector<std::string>& images, std::uint64_t seed) {
  auto [search, held_out] = halves_by_content(images, seed);
  if (held_out.empty()) {
    throw UsageError(cat(whole_->spec(),
                         " has only one picture that differs from others, so no "
                         "data can be held out; pass more, or other held-out data"));
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

ImageSource SearchData::first_of_search(std::int64_t items) const {
  const std::int64_t count = std::min(items, search_->count);
  return {search_->dataset, count, content_hash(search_->dataset, count)};
}

}  // namespace clipq
