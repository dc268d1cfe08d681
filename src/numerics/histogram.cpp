#include "clipq/numerics/histogram.h"

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include "clipq/core/error.h"

namespace clipq {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr int kBins = Histogram::kBins;
constexpr int kBits = 11;  // of a bin's number: kBins = 2^kBits
static_assert(kBins == 1 << kBits);

constexpr std::int64_t kValuesWorthAThread = 32768;

/// Of the smallest bin width: both it and its inverse are normal float32.
constexpr int kSmallestExponent = -126;

/// Adds counts to those of a histogram whose bins are 2^doublings times as wide.
void add_counts(const Counts& counts, int doublings, Counts& target) {
  const int shift = std::min(doublings, kBits);  // which leaves one bin a side
  for (int bin = -kBins; bin < kBins; ++bin) {
    target[kBins + (bin >> shift)] += counts[kBins + bin];
  }
}

/// The places of values in Histogram::counts(). The product is exact or, below 2^-126, a zero.
void find_bins(const float* values, std::int64_t count, float inverse_width, std::int32_t* bins) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto towards_zero = static_cast<std::int32_t>(values[i] * inverse_width);
    bins[i] = kBins + towards_zero - static_cast<std::int32_t>(values[i] < 0);
  }
}

/// Counts in blocks, so that finding the bins vectorises, and in two tables, as counting twice in
/// the same place has to wait for the first store.
Counts count_values(const float* values, std::int64_t count, float inverse_width) {
  constexpr std::int64_t kBlock = 1024;
  std::array<std::int32_t, kBlock> bins;
  Counts even(std::size_t{2} * kBins);
  Counts odd(even.size());
  for (std::int64_t start = 0; start < count; start += kBlock) {
    const std::int64_t size = std::min(kBlock, count - start);
    find_bins(values + start, size, inverse_width, bins.data());
    for (std::int64_t i = 0; i + 1 < size; i += 2) {
      ++even[bins[i]];
      ++odd[bins[i + 1]];
    }
    if (size % 2 == 1) ++even[bins[size - 1]];
  }
  add_counts(odd, 0, even);
  return even;
}

}  // namespace

void Histogram::add(const at::Tensor& x) {
  const FiniteValues finite = finite_values(x);
  widen(finite.extremes);
  const float* values = finite.values.const_data_ptr<float>();
  const float inverse_width = std::ldexp(1.0f, -exponent());
  std::mutex adding;
  at::parallel_for(0, finite.values.numel(), kValuesWorthAThread,
                   [&](std::int64_t begin, std::int64_t end) {
                     const Counts part = count_values(values + begin, end - begin, inverse_width);
                     const std::lock_guard<std::mutex> lock(adding);
                     add_counts(part, 0, counts_);
                   });
}

void Histogram::merge(const Histogram& other) {
  widen(other.extremes_);
  add_counts(other.counts_, exponent() - other.exponent(), counts_);
}

std::int64_t Histogram::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

double Histogram::bin_width() const { return std::ldexp(1.0, exponent()); }

std::vector<std::int64_t> Histogram::magnitude_counts() const {
  Counts folded(counts_.begin() + kBins, counts_.end());
  for (int bin = 0; bin < kBins; ++bin) folded[bin] += counts_[kBins - 1 - bin];
  return folded;
}

ObserverState Histogram::state() const {
  return {{"counts", at::tensor(counts_)}, {Extremes::entry().name, extremes_.to_tensor()}};
}

Histogram Histogram::from_state(const ObserverState& state) {
  require_entries(state, {{"counts", at::kLong, 2 * kBins}, Extremes::entry()});
  Histogram histogram;
  histogram.extremes_ = Extremes::from_tensor(state.at(Extremes::entry().name));
  const at::Tensor counts = state.at("counts").contiguous();
  const auto* begin = counts.const_data_ptr<std::int64_t>();
  histogram.counts_.assign(begin, begin + counts.numel());
  const bool negative = *std::min_element(begin, begin + counts.numel()) < 0;
  if (negative || (histogram.count() == 0) != histogram.extremes_.empty()) {
    throw InputError("observer state: \"counts\" are no histogram of values in \"extremes\"");
  }
  return histogram;
}

int Histogram::exponent() const {
  const float magnitude = extremes_.magnitude();
  if (magnitude == 0) return kSmallestExponent;
  return std::max(kSmallestExponent, std::ilogb(magnitude) + 1 - kBits);
}

void Histogram::widen(const Extremes& extremes) {
  const int narrower = exponent();
  extremes_ = extremes_.joined(extremes);
  if (exponent() == narrower) return;
  Counts wider(counts_.size());
  add_counts(counts_, exponent() - narrower, wider);
  counts_ = std::move(wider);
}

}  // namespace clipq
