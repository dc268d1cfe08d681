#pragma once

#include <memory>
#include <utility>

#include "clipq/model/linear.h"

namespace clipq {

/// A layer around another one, which it has the shape of: what passes is looked at or timed.
class WrappedLinear : public Linear {
 public:
  explicit WrappedLinear(std::shared_ptr<const Linear> inner) : inner_(std::move(inner)) {}

  bool needs_whole_batch() const override { return inner_->needs_whole_batch(); }
  std::int64_t in_features() const override { return inner_->in_features(); }
  std::int64_t out_features() const override { return inner_->out_features(); }

 protected:
  const Linear& inner() const { return *inner_; }

 private:
  std::shared_ptr<const Linear> inner_;
};

}  // namespace clipq
