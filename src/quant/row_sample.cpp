#include "clipq/quant/row_sample.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstring>

#include "clipq/core/error.h"

namespace clipq {
namespace {

constexpr const char* kNumbersEntry = "numbers";
constexpr const char* kRowsEntry = "rows";

/// A row's number is its batch's and, in these bits, its own within the batch.
constexpr int kRowBits = 32;

/// SplitMix64 (Steele, Lea and Flood 2014): a number's place in a fixed shuffle of all numbers.
std::uint64_t shuffled(std::uint64_t number) {
  std::uint64_t z = number + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

RowSample::RowSample(std::int64_t capacity) : capacity_(capacity) {}

void RowSample::begin(std::int64_t batch) { next_ = batch << kRowBits; }

void RowSample::add(const at::Tensor& x) {
  const std::int64_t features = x.size(-1);
  const at::Tensor source = x.contiguous();
  const std::int64_t count = source.numel() / features;
  reserve(static_cast<std::int64_t>(kept_.size()) + count, features);
  const auto* values = source.const_data_ptr<float>();
  for (std::int64_t i = 0; i < count; ++i) offer(next_++, values + i * features, features);
}

void RowSample::offer(std::int64_t number, const float* row, std::int64_t features) {
  const std::uint64_t priority = shuffled(static_cast<std::uint64_t>(number));
  auto slot = static_cast<std::int64_t>(kept_.size());
  if (slot == capacity_) {
    if (priority >= kept_.front().priority) return;
    std::pop_heap(kept_.begin(), kept_.end());
    slot = kept_.back().slot;
    kept_.pop_back();
  }
  std::memcpy(rows_.mutable_data_ptr<float>() + slot * features, row, features * sizeof(float));
  kept_.push_back({priority, number, slot});
  std::push_heap(kept_.begin(), kept_.end());
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

std::vector<RowSample::Kept> RowSample::in_order() const {
  std::vector<Kept> kept = kept_;
  std::sort(kept.begin(), kept.end(),
            [](const Kept& a, const Kept& b) { return a.number < b.number; });
  return kept;
}

at::Tensor RowSample::rows() const {
  if (!rows_.defined()) return rows_;
  std::vector<std::int64_t> slots;
  for (const Kept& kept : in_order()) slots.push_back(kept.slot);
  return rows_.index_select(0, at::tensor(slots, at::kLong));
}

ObserverState RowSample::state() const {
  std::vector<std::int64_t> numbers;
  for (const Kept& kept : in_order()) numbers.push_back(kept.number);
  ObserverState state = {{kNumbersEntry, at::tensor(numbers, at::kLong)}};
  if (rows_.defined()) state[kRowsEntry] = rows();
  return state;
}

void RowSample::restore(const ObserverState& state) {
  kept_.clear();
  rows_ = at::Tensor();
  merge(state);
}

void RowSample::merge(const ObserverState& state) {
  if (state.count(kNumbersEntry) == 0) {
    throw InputError("the saved state of a row sample is incomplete");
  }
  const at::Tensor numbers = state.at(kNumbersEntry).contiguous();
  const bool has_rows = state.count(kRowsEntry) > 0;
  const at::Tensor rows =
      has_rows ? state.at(kRowsEntry).contiguous() : at::empty({0, 1}, at::kFloat);
  const bool fits = numbers.dim() == 1 && numbers.scalar_type() == at::kLong && rows.dim() == 2 &&
                    rows.scalar_type() == at::kFloat && rows.size(0) == numbers.size(0) &&
                    rows.size(0) <= capacity_ &&
                    (!has_rows || !rows_.defined() || rows.size(1) == rows_.size(1));
  if (!fits) throw InputError("the saved state of a row sample contradicts itself");
  if (!has_rows) return;
  const std::int64_t features = rows.size(1);
  reserve(static_cast<std::int64_t>(kept_.size()) + rows.size(0), features);
  const auto* values = rows.const_data_ptr<float>();
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    offer(numbers.const_data_ptr<std::int64_t>()[i], values + i * features, features);
  }
}

}  // namespace clipq
