#include "text_rows.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "clipq/eval/encode.h"
#include "clipq/eval/feature_rows.h"

namespace clipq {
namespace {

TextRows distinct_rows(const at::Tensor& tokens, const TextTower& tower) {
  const auto length = static_cast<std::size_t>(tokens.size(1)) * sizeof(std::int32_t);
  const auto* bytes = reinterpret_cast<const char*>(tokens.const_data_ptr<std::int32_t>());
  std::unordered_map<std::string_view, std::int64_t> first;
  std::vector<std::int64_t> first_like;
  std::vector<std::int64_t> distinct;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    const std::string_view text(bytes + static_cast<std::size_t>(i) * length, length);
    const auto [found, is_new] = first.emplace(text, i);
    first_like.push_back(found->second);
    if (is_new) distinct.push_back(i);
  }
  const at::Tensor lengths = tower.lengths(tokens);
  const auto* length_of = lengths.const_data_ptr<std::int64_t>();
  std::stable_sort(distinct.begin(), distinct.end(), [length_of](std::int64_t a, std::int64_t b) {
    return length_of[a] < length_of[b];
  });
  std::vector<std::int64_t> place(first_like.size());
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    place[distinct[i]] = static_cast<std::int64_t>(i);
  }
  for (std::int64_t& like : first_like) like = place[like];
  return {std::move(distinct), std::move(first_like)};
}

}  // namespace

at::Tensor TextRows::batch(const at::Tensor& tokens, std::int64_t first, std::int64_t count) const {
  return at::index_select(tokens, 0,
                          at::tensor(at::ArrayRef<std::int64_t>(rows.data() + first, count)));
}

at::Tensor TextRows::expanded(const at::Tensor& embeddings) const {
  at::Tensor of_all = feature_rows(static_cast<std::int64_t>(of.size()), embeddings.size(1));
  at::index_select_out(of_all, embeddings, 0, at::tensor(of));
  return of_all;
}

TextRows text_rows(const at::Tensor& tokens, const TextTower& tower) {
  if (!tower.needs_whole_batch()) return distinct_rows(tokens, tower);
  std::vector<std::int64_t> rows = first_indices(tokens.size(0));
  return {rows, rows};
}

}  // namespace clipq
