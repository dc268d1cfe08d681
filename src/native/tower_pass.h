#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "native_block.h"
#include "tower_items.h"

namespace clipq {

/// Buffers of a pass, kept from one to the next.
struct PassScratch {
  std::vector<float> residual;   ///< [rows, width]
  std::vector<float> projected;  ///< [rows, 3 * width], in the last block [rows, 2 * width]
  std::vector<float> queries;    ///< [items, width], of the last block
  std::vector<float> attended;   ///< [rows, width], in the last block [items, width]
  std::vector<float> pooled;     ///< [items, width], the residual stream of the last block
  std::vector<float> hidden;     ///< [rows, the MLP's hidden width], where threads share columns
};

/// One pass of some items through the blocks of a tower.
class TowerPass {
 public:
  TowerPass(const std::vector<NativeBlock>& blocks, const TowerBatch& batch, std::int64_t begin,
            std::int64_t end, PassScratch& scratch);

  /// On the calling thread: an item, or some that fill a panel together, go through a block before
  /// others do, so that all that is computed of them there stays in the core's cache. Wants
  /// attention that is computed by heads.
  /// @param out [items, width]: the pooled rows, or [rows, width]: all of them
  void by_items(BlockScratch& thread, float* out);

  /// On all threads, which share the rows of all items and meet before and after each attention.
  void by_rows(std::vector<BlockScratch>& threads, float* out);

  /// On all threads, which share heads and columns of no more rows than fill a panel, so that each
  /// weight is read by one of them, and meet before and after each layer. Wants attention that is
  /// computed by heads.
  void by_columns(std::vector<BlockScratch>& threads, float* out);

 private:
  /// The items [begin, end).
  struct Group {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  template <class Body>
  void for_each_group(const Body& body);

  float* residual_of(std::int64_t item) { return residual_ + items_.first_row[item] * width_; }
  template <class View>
  void attend_by_heads(const NativeBlock& block, const Group& group, const HeadRange& range,
                       bool queries, BlockScratch& thread, const View& view);

  ProjectedItem item_of(std::int64_t item, const float* projected, std::int64_t columns,
                        float* out) const;
  ProjectedItem pooled_item(std::int64_t item, const float* keys, std::int64_t columns,
                            std::int64_t first) const;

  bool is_pooled() const { return whole_blocks_ < blocks_.size(); }
  void attend_whole(const NativeBlock& block, const Group& group, const HeadRange& range,
                    float* attended, BlockScratch& thread);
  void whole_block(const NativeBlock& block, const Group& group, BlockScratch& thread);
  void pool(const Group& group, const HeadRange& range, BlockScratch& thread);
  void finish_by_columns(const NativeBlock& block, const float* attended, float* residual,
                         std::int64_t rows, std::vector<BlockScratch>& threads);
  void project(std::size_t block, std::int64_t row, std::int64_t rows, BlockScratch& thread);
  void project_queries(std::int64_t first, std::int64_t count, BlockScratch& thread);
  void finish_pooled(std::int64_t first, std::int64_t count, BlockScratch& thread);
  void attend(const NativeBlock& block, std::vector<BlockScratch>& threads);
  void attend_pooled(const NativeBlock& block, std::vector<BlockScratch>& threads);
  void keep(const at::Tensor& attended);

  const std::vector<NativeBlock>& blocks_;
  TowerItems items_;
  std::int64_t width_;
  std::int64_t heads_;
  std::size_t whole_blocks_;  ///< those of which all rows are wanted
  float* residual_;
  float* attended_;
  float* queries_;
  float* pooled_;
  std::vector<float>& projected_;
  std::vector<float>& hidden_;
};

}  // namespace clipq
