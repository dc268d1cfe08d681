#pragma once

#include "clipq/kernels/attention_path.h"
#include "clipq/model/attention.h"

namespace clipq {

/// Attention of one query an item, as pooling needs it, on the kernels of a path.
class NativePooledAttention final : public Attention {
 public:
  NativePooledAttention(std::int64_t heads, const AttentionPath& path);

  /// @param positions has no influence: nothing is masked
  at::Tensor forward_pooled(const at::Tensor& q, const at::Tensor& kv,
                            const at::Tensor& positions) const override;

 protected:
  at::Tensor compute(const Heads& heads) const override { return attend(heads); }

 private:
  const AttentionPath& path_;
};

}  // namespace clipq
