#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/core/rank_exchange.h"

namespace clipq {

/// Items from `first` on that come before `last`.
struct ItemRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// A pass of data through models of which each rank runs a part of the batches; the features come
/// together on rank 0. Without ranks this process runs them all.
class SharedPass {
 public:
  /// @param ranks null: there are none
  /// @param name of the pass, different from those of the evaluation's others
  SharedPass(const RankExchange* ranks, std::string name) : ranks_(ranks), name_(std::move(name)) {}

  /// Throws InputError that names what differs unless all ranks describe the pass, or a model's
  /// part of it, alike.
  void require_same(const std::string& what, const Json& description) const;

  /// This process's part of so many items: whole batches.
  ItemRange share(std::int64_t items, std::int64_t batch_size) const;

  /// What all ranks have found, one after the other.
  /// @param own an array
  Json joined(const std::string& what, const Json& own) const;

  /// The rows of all ranks, one after the other: float32 [rows, width]; undefined where this
  /// process doesn't lead.
  /// @param model whose rows they are
  /// @param own float32 [n, width]; undefined: none
  at::Tensor gathered(const std::string& model, const at::Tensor& own) const;

 private:
  std::string key(const std::string& what) const { return name_ + "/" + what; }

  const RankExchange* ranks_;
  std::string name_;
};

}  // namespace clipq
