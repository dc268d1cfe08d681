#include "pixel_pass.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"

namespace clipq {

PixelPass::PixelPass(const std::vector<Preprocess>& preprocesses) {
  for (const Preprocess& each : preprocesses) {
    if (place_of(each) == preprocesses_.size()) preprocesses_.push_back(each);
  }
}

std::size_t PixelPass::place_of(const Preprocess& preprocess) const {
  return static_cast<std::size_t>(
      std::find(preprocesses_.begin(), preprocesses_.end(), preprocess) - preprocesses_.begin());
}

void PixelPass::run(const Dataset& dataset, std::int64_t count, const EncodeOptions& options,
                    const SharedPass& shared, const Take& take) {
  const ItemRange share = shared.share(count, options.batch_size);
  first_ = share.first;
  own_ = share.last - share.first;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(own_));
  std::iota(indices.begin(), indices.end(), first_);
  Loader loader(dataset, std::move(indices), preprocesses_,
                {options.batch_size, options.decode_threads, /*keeps_bad=*/true});
  Progress progress("images", own_);
  for (PixelBatch batch; loader.next(batch);) {
    const std::vector<std::int64_t> good = note_bad(batch);
    const bool too_many = static_cast<std::int64_t>(bad_here_.size()) > options.skip_bad;
    if (!good.empty() && !too_many) take_batch(batch, good, take);
    progress.advance(batch.count);
  }
  sort_out(dataset, count, options.skip_bad, shared);
}

void PixelPass::take_batch(PixelBatch& batch, const std::vector<std::int64_t>& good,
                           const Take& take) {
  std::vector<at::Tensor> pixels;
  for (std::size_t i = 0; i < preprocesses_.size(); ++i) {
    pixels.push_back(pixels_of(batch, preprocesses_[i], i));
    if (!batch.bad.empty()) pixels.back() = at::index_select(pixels.back(), 0, at::tensor(good));
  }
  std::vector<std::int64_t> items = good;
  for (std::int64_t& item : items) item += first_ + batch.first;
  take(pixels, items);
}

/// Positions of the batch that can be used; notes the others.
std::vector<std::int64_t> PixelPass::note_bad(const PixelBatch& batch) {
  std::vector<std::int64_t> good;
  auto bad = batch.bad.begin();
  for (std::int64_t i = 0; i < batch.count; ++i) {
    if (bad != batch.bad.end() && bad->position == i) {
      bad_here_.push_back({first_ + batch.first + i, bad++->reason});
    } else {
      good.push_back(i);
    }
  }
  return good;
}

/// Tells the good items of all processes from the bad ones.
void PixelPass::sort_out(const Dataset& dataset, std::int64_t count, std::int64_t skip_bad,
                         const SharedPass& shared) {
  std::vector<bool> is_bad(static_cast<std::size_t>(count), false);
  for (const Json& each : shared.joined("undecodable", bad_here_)) {
    const auto item = each.at(0).get<std::int64_t>();
    is_bad[static_cast<std::size_t>(item)] = true;
    bad_.add(dataset.item_name(item), each.at(1).get<std::string>());
  }
  bad_.require_at_most(skip_bad, dataset, count);
  for (std::int64_t item = 0; item < count; ++item) {
    if (!is_bad[static_cast<std::size_t>(item)]) items_.push_back(item);
  }
  if (items_.empty()) throw InputError(cat(dataset.spec(), ": no image is left"));
}

}  // namespace clipq
