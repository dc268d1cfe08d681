#include "clipq/quant/row_sample.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "clipq/core/error.h"

namespace clipq {
namespace {

/// SplitMix64 (Steele, Lea and Flood 2014): a number's place in a fixed shuffle of all numbers.
std::uint64_t shuffled(std::uint64_t number) {
  std::uint64_t z = number + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

RowSample::RowSample(std::int64_t capacity) : capacity_(capacity) {}

void RowSample::add(const at::Tensor& x) {
  const std::int64_t features = x.size(-1);
  const at::Tensor source = x.contiguous();
  reserve(static_cast<std::int64_t>(kept_.size()) + source.numel() / features, features);
  const auto* values = source.const_data_ptr<float>();
  auto* rows = rows_.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < source.numel() / features; ++i) {
    const std::uint64_t priority = shuffled(static_cast<std::uint64_t>(seen_++));
    auto slot = static_cast<std::int64_t>(kept_.size());
    if (slot == capacity_) {
      if (priority >= kept_.front().priority) continue;
      std::pop_heap(kept_.begin(), kept_.end());
      slot = kept_.back().slot;
      kept_.pop_back();
    }
    std::memcpy(rows + slot * features, values + i * features, features * sizeof(float));
    kept_.push_back({priority, slot});
    std::push_heap(kept_.begin(), kept_.end());
  }
}

void RowSample::reserve(std::int64_t count, std::int64_t features) {
  const std::int64_t had = rows_.defined() ? rows_.size(0) : 0;
  const std::int64_t wanted = std::min(count, capacity_);
  if (rows_.defined() && wanted <= had) return;
  const at::Tensor grown =
      at::empty({std::min(capacity_, std::max(wanted, 2 * had)), features}, at::kFloat);
  if (had > 0) grown.narrow(0, 0, had).copy_(rows_);
  rows_ = grown;
}

at::Tensor RowSample::rows() const {
  return rows_.defined() ? rows_.narrow(0, 0, static_cast<std::int64_t>(kept_.size())) : rows_;
}

ObserverState RowSample::state() const {
  const auto count = static_cast<std::int64_t>(kept_.size());
  at::Tensor heap = at::empty({count, 2}, at::kLong);
  auto* entries = heap.mutable_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    entries[2 * i] = static_cast<std::int64_t>(kept_[i].priority);
    entries[2 * i + 1] = kept_[i].slot;
  }
  ObserverState state = {{"seen", at::empty({}, at::kLong).fill_(seen_)}, {"heap", heap}};
  if (rows_.defined()) state["rows"] = rows().clone();
  return state;
}

void RowSample::restore(const ObserverState& state) {
  if (state.count("seen") == 0 || state.count("heap") == 0) {
    throw InputError("the saved state of a row sample is incomplete");
  }
  seen_ = state.at("seen").item<std::int64_t>();
  const at::Tensor& heap = state.at("heap");
  kept_.clear();
  rows_ = at::Tensor();
  if (state.count("rows") == 0) return;
  const at::Tensor& rows = state.at("rows");
  const bool fits = heap.dim() == 2 && heap.size(1) == 2 && heap.scalar_type() == at::kLong &&
                    rows.dim() == 2 && rows.scalar_type() == at::kFloat &&
                    rows.size(0) == heap.size(0) && rows.size(0) <= capacity_;
  const auto* entries = fits ? heap.const_data_ptr<std::int64_t>() : nullptr;
  for (std::int64_t i = 0; fits && i < heap.size(0); ++i) {
    kept_.push_back({static_cast<std::uint64_t>(entries[2 * i]), entries[2 * i + 1]});
  }
  if (!fits || !std::all_of(kept_.begin(), kept_.end(), [&](const Kept& kept) {
        return kept.slot >= 0 && kept.slot < rows.size(0);
      })) {
    throw InputError("the saved state of a row sample contradicts itself");
  }
  rows_ = rows.clone();
}

}  // namespace clipq
