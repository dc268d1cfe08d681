#include "clipq/eval/retrieval_ranks.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/model/clip_model.h"

namespace clipq {
namespace {

constexpr std::int64_t kBlock = 512;

/// Distinct rows, normalized: equal rows must get equal cosines, which a matrix product doesn't
/// guarantee.
struct DistinctRows {
  at::Tensor rows;               ///< float64 [distinct, width]
  std::vector<std::int64_t> of;  ///< for each row, its distinct row
};

DistinctRows distinct_rows(const at::Tensor& embeddings, const char* what) {
  const at::Tensor rows = embeddings.to(at::kFloat).contiguous();
  if (!at::isfinite(rows).all().item<bool>()) {
    throw InputError(cat("the model gives NaN or infinite embeddings of ", what,
                         "; ranks would be meaningless"));
  }
  const auto bytes = static_cast<std::size_t>(rows.size(1)) * sizeof(float);
  const auto* data = reinterpret_cast<const char*>(rows.const_data_ptr<float>());
  std::unordered_map<std::string_view, std::int64_t> place;
  std::vector<std::int64_t> first;
  DistinctRows distinct;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    const auto [found, is_new] =
        place.emplace(std::string_view(data + i * bytes, bytes), first.size());
    if (is_new) first.push_back(i);
    distinct.of.push_back(found->second);
  }
  distinct.rows = normalize_rows(at::index_select(rows, 0, at::tensor(first)).to(at::kDouble));
  return distinct;
}

/// Calls visit(i, scores) for every query, with its cosines to all distinct candidates.
template <typename Visit>
void for_each_query(const DistinctRows& queries, const DistinctRows& candidates,
                    const Visit& visit) {
  std::vector<std::vector<std::int64_t>> askers(queries.rows.size(0));
  for (std::size_t i = 0; i < queries.of.size(); ++i) {
    askers[queries.of[i]].push_back(static_cast<std::int64_t>(i));
  }
  for (std::int64_t first = 0; first < queries.rows.size(0); first += kBlock) {
    throw_if_interrupted();
    const std::int64_t count = std::min(kBlock, queries.rows.size(0) - first);
    const at::Tensor scores =
        at::matmul(queries.rows.narrow(0, first, count), candidates.rows.t()).contiguous();
    for (std::int64_t row = 0; row < count; ++row) {
      const double* of_row = scores.const_data_ptr<double>() + row * scores.size(1);
      for (const std::int64_t i : askers[first + row]) visit(i, of_row);
    }
  }
}

/// How many candidates rank before the one at `position`.
std::int64_t rank_of(const double* scores, const std::vector<std::int64_t>& of,
                     std::int64_t position) {
  const double own = scores[of[position]];
  std::int64_t rank = 0;
  for (std::size_t j = 0; j < of.size(); ++j) {
    const double other = scores[of[j]];
    if (other > own || (other == own && static_cast<std::int64_t>(j) < position)) ++rank;
  }
  return rank;
}

}  // namespace

RetrievalRanks retrieval_ranks(const at::Tensor& images, const at::Tensor& texts,
                               const std::vector<std::int64_t>& image_of) {
  const DistinctRows of_images = distinct_rows(images, "images");
  const DistinctRows of_texts = distinct_rows(texts, "texts");
  RetrievalRanks ranks;
  ranks.image_of_text.resize(of_texts.of.size());
  ranks.text_of_image.resize(of_images.of.size());
  for_each_query(of_texts, of_images, [&](std::int64_t text, const double* scores) {
    ranks.image_of_text[text] = rank_of(scores, of_images.of, image_of[text]);
  });
  for_each_query(of_images, of_texts, [&](std::int64_t image, const double* scores) {
    const auto own = std::equal_range(image_of.begin(), image_of.end(), image);
    std::int64_t best = own.first - image_of.begin();
    for (std::int64_t i = best; i < own.second - image_of.begin(); ++i) {
      if (scores[of_texts.of[i]] > scores[of_texts.of[best]]) best = i;
    }
    ranks.text_of_image[image] = rank_of(scores, of_texts.of, best);
  });
  return ranks;
}

}  // namespace clipq
