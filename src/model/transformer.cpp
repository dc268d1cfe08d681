#include "clipq/model/transformer.h"

namespace clipq {

at::Tensor Block::forward(const at::Tensor& x, Activation activation) const {
  const at::Tensor attended =
      x.add(out_proj->forward(attention->forward(in_proj->forward(ln_1.forward(x)))));
  const at::Tensor hidden = apply(activation, c_fc->forward(ln_2.forward(attended)));
  return attended.add(c_proj->forward(hidden));
}

at::Tensor forward(const Transformer& blocks, at::Tensor x, Activation activation) {
  for (const Block& block : blocks) x = block.forward(x, activation);
  return x;
}

}  // namespace clipq
