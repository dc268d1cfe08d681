#include "clipq/kernels/grouped_linear.h"

#include <ATen/Parallel.h>
#include <hwy/aligned_allocator.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/input_rules.h"
#include "finish_to.h"
#include "for_each_stripe.h"
#include "group_kernel.h"
#include "int4_groups.h"
#include "prefetch.h"

namespace clipq {
namespace {

/// What a thread works on.
struct Room {
  hwy::AlignedFreeUniquePtr<std::int8_t[]> weight;   ///< of a group
  hwy::AlignedFreeUniquePtr<std::int32_t[]> values;  ///< of a tile
  std::vector<float> sums;
  std::int64_t weight_size = 0;
  std::int64_t value_count = 0;

  void resize(std::int64_t weight_bytes, std::int64_t tile_values, std::int64_t sum_count) {
    if (weight_bytes > weight_size) {
      weight = hwy::AllocateAligned<std::int8_t>(static_cast<std::size_t>(weight_bytes));
      weight_size = weight_bytes;
    }
    if (tile_values > value_count) {
      values = hwy::AllocateAligned<std::int32_t>(static_cast<std::size_t>(tile_values));
      value_count = tile_values;
    }
    sums.resize(static_cast<std::size_t>(sum_count));
  }

  static Room& of_this_thread() {
    static thread_local Room room;
    return room;
  }
};

const IntegerPath& path_with_groups(const IntegerPath* wanted, const CodeRule& rule) {
  const IntegerWeight widest = {nullptr, 0, 0, kInt4Offset, static_cast<int>(rule.highest)};
  const auto is_usable = [&](const IntegerPath& path) {
    return path.groups != nullptr && path.supported() && path.exact(widest);
  };
  if (wanted != nullptr && is_usable(*wanted)) return *wanted;
  return *std::find_if(integer_paths().begin(), integer_paths().end(), is_usable);
}

}  // namespace

/// Codes, scales and sums of codes in stripes of a kernel's columns.
class Int4Groups {
 public:
  Int4Groups(const QuantizedTensor& weight, const GroupKernel& kernel)
      : kernel_(kernel),
        width_(weight.spec.group_width(weight.columns)),
        groups_(weight.columns / width_),
        columns_(weight.codes.size(0)),
        stripes_((columns_ + stripe_columns() - 1) / stripe_columns()) {
    const std::int64_t places = stripes_ * groups_ * stripe_columns();
    packed_ = hwy::AllocateAligned<std::uint8_t>(static_cast<std::size_t>(places * width_ / 2));
    scales_.resize(static_cast<std::size_t>(places));
    sums_.resize(static_cast<std::size_t>(places));
    const at::Tensor codes = weight.codes.contiguous();
    const at::Tensor scales =
        weight.scales.scale.reshape({-1, groups_}).expand({columns_, groups_}).contiguous();
    at::parallel_for(0, stripes_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t stripe = begin; stripe < end; ++stripe) {
        fill(stripe, codes.const_data_ptr<std::uint8_t>(), codes.size(1),
             scales.const_data_ptr<float>());
      }
    });
  }

  /// Columns [first, first + count) of the panel's products, scaled but for the rows' scales.
  template <class Consume>
  void multiply(const InputPanel& panel, std::int64_t first, std::int64_t count,
                const Consume& consume) const {
    Room& room = Room::of_this_thread();
    const std::int64_t width = stripe_columns();
    room.resize(width * width_, kernel_.tile.rows * width, panel.rows() * width);
    kernel_.begin(static_cast<int>(std::min<std::int64_t>(panel.rows(), kernel_.tile.rows)));
    for_each_stripe(width, first, count, [&](const Stripe& stripe) {
      for (std::int64_t group = 0; group < groups_; ++group) {
        add_products(panel, stripe.index, group, room);
      }
      consume(FloatTile{room.sums.data() + stripe.skipped, width, 0, panel.rows(), stripe.first,
                        stripe.count});
    });
    kernel_.end();
  }

 private:
  std::int64_t stripe_columns() const { return kernel_.tile.columns; }
  std::int64_t group_bytes() const { return stripe_columns() * width_ / 2; }

  /// A group's quads of k are [quad][column][4]; those of its second half share bytes with those of
  /// its first.
  void fill(std::int64_t stripe, const std::uint8_t* codes, std::int64_t row_bytes,
            const float* scales) {
    const std::int64_t first = stripe * stripe_columns();
    const std::int64_t width = std::min(stripe_columns(), columns_ - first);
    const std::int64_t quads = width_ / 4 / 2;
    constexpr auto kZeros = static_cast<std::uint8_t>(kInt4Offset * 0x11);
    std::fill_n(packed_.get() + stripe * groups_ * group_bytes(), groups_ * group_bytes(), kZeros);
    for (std::int64_t c = 0; c < width; ++c) {
      const std::uint8_t* row = codes + (first + c) * row_bytes;
      for (std::int64_t group = 0; group < groups_; ++group) {
        const std::int64_t place = stripe * groups_ + group;
        std::uint8_t* target = packed_.get() + place * group_bytes();
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < width_; ++k) {
          const std::int64_t source = group * width_ + k;
          const int code = row[source / 2] >> (source % 2 * 4) & 15;
          std::uint8_t& byte = target[(k / 4 % quads * stripe_columns() + c) * 4 + k % 4];
          byte = static_cast<std::uint8_t>(k / 4 < quads ? (byte & 0xF0) | code
                                                         : (byte & 0x0F) | code << 4);
          sum += code - kInt4Offset;
        }
        const auto at = static_cast<std::size_t>(place * stripe_columns() + c);
        scales_[at] = scales[(first + c) * groups_ + group];
        sums_[at] = sum;
      }
    }
  }

  void add_products(const InputPanel& panel, std::int64_t stripe, std::int64_t group,
                    Room& room) const {
    const std::int64_t place = stripe * groups_ + group;
    const std::uint8_t* packed = packed_.get() + place * group_bytes();
    prefetch(packed + 2 * group_bytes(), group_bytes(),
             packed_.get() + stripes_ * groups_ * group_bytes());
    unpack_int4(packed, group_bytes(), room.weight.get());
    const std::int64_t rows = kernel_.tile.rows;
    for (std::int64_t row = 0; row < panel.rows(); row += rows) {
      const std::int64_t count = std::min(rows, panel.rows() - row);
      kernel_.tile.multiply(panel.codes() + row * panel.stride() + group * width_, panel.stride(),
                            static_cast<int>(count), room.weight.get(), width_ / 4,
                            room.weight.get(), 0, room.values.get());
      add_group({.values = room.values.get(),
                 .rows = count,
                 .columns = stripe_columns(),
                 .row_scales = panel.scales() + row,
                 .sums = sums_.data() + place * stripe_columns(),
                 .scales = scales_.data() + place * stripe_columns()},
                group > 0, room.sums.data() + row * stripe_columns());
    }
  }

  GroupKernel kernel_;
  std::int64_t width_;  ///< of a group
  std::int64_t groups_;
  std::int64_t columns_;
  std::int64_t stripes_;
  hwy::AlignedFreeUniquePtr<std::uint8_t[]> packed_;  ///< [stripe][group][group_bytes()]
  std::vector<float> scales_;                         ///< [stripe][group][column]
  std::vector<std::int32_t> sums_;                    ///< likewise, of codes
};

std::string why_not_grouped(const QuantizedTensor& weight,
                            const std::optional<QuantizerSpec>& input) {
  const QuantizerSpec& spec = weight.spec;
  if (!input) return "its input is not quantized";
  if (spec.format != Format::kInt4) return cat("its weight is ", format_info(spec.format).name);
  if (input->format != Format::kInt8) return cat("its input is ", format_info(input->format).name);
  if (spec.scheme != Scheme::kSymmetric) return "its weight has zero points";
  if (spec.granularity != Granularity::kGroup) return "its weight has no scale a group";
  const std::int64_t width = spec.group_width(weight.columns);
  if (width % kGroupStep != 0 || weight.columns % width != 0) {
    return cat("its groups of ", width, " inputs aren't whole multiples of ", kGroupStep);
  }
  return why_no_rule(*input);
}

GroupedLinear::GroupedLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                             const ActivationQuantizer& input, const IntegerPath* path)
    : CodesLinear(weight.columns, input) {
  const std::string reason = why_not_grouped(weight, input.spec());
  if (!reason.empty()) throw InternalError("no kernels for groups of a layer: " + reason);
  const std::int64_t columns = weight.codes.size(0);
  path_ = &path_with_groups(path, rule());
  groups_ = std::make_unique<Int4Groups>(weight, *path_->groups);
  scales_.assign(static_cast<std::size_t>(columns), 1.0F);
  bias_ = bias_or_zeros(bias, columns);
}

GroupedLinear::~GroupedLinear() = default;

void GroupedLinear::run(const InputPanel& panel, std::int64_t first, std::int64_t count,
                        const LinearOutput& output) const {
  const TileFinish finish = finish_to(output, first, panel, scales_, bias_);
  groups_->multiply(panel, first, count,
                    [&finish](const FloatTile& tile) { finish_tile(tile, finish); });
}

}  // namespace clipq
