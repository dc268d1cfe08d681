#include <algorithm>
#include <cmath>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/data/image.h"
#include "clipq/data/resize.h"
#include "resample.h"

namespace clipq {
namespace {

/// A function of the distance in pixels of the coarser image; it is 0 from `support` on.
struct Filter {
  double support;
  double (*weight)(double);
};

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

Filter filter_of(Interpolation interpolation) {
  return interpolation == Interpolation::kBilinear ? Filter{1.0, triangle} : Filter{2.0, bicubic};
}

/// Pillow's precompute_coeffs() and normalize_coeffs_8bpc() for one output pixel.
Taps make_taps(int in_size, int out_size, int out, const Filter& filter) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter.support * filter_scale;
  const double center = (out + 0.5) * scale;
  Taps taps;
  // Pillow truncates, so that lround() would differ below zero and at halves.
  // NOLINTBEGIN(bugprone-incorrect-roundings)
  taps.first = std::max(0, static_cast<int>(center - support + 0.5));
  const int end = std::min(in_size, static_cast<int>(center + support + 0.5));
  // NOLINTEND(bugprone-incorrect-roundings)
  std::vector<double> weights;
  double sum = 0.0;
  for (int in = taps.first; in < end; ++in) {
    weights.push_back(filter.weight((in - center + 0.5) * (1.0 / filter_scale)));
    sum += weights.back();
  }
  for (const double weight : weights) {
    const double normalized = sum == 0.0 ? weight : weight / sum;
    taps.weights.push_back(static_cast<std::int32_t>((normalized < 0 ? -0.5 : 0.5) +
                                                     normalized * (1 << kTapFractionBits)));
  }
  return taps;
}

std::vector<Taps> make_all_taps(int in_size, int out_size, int first, int count,
                                const Filter& filter) {
  std::vector<Taps> all;
  all.reserve(count);
  for (int out = first; out < first + count; ++out) {
    if (in_size == out_size) {
      all.push_back({out, {1 << kTapFractionBits}});
    } else {
      all.push_back(make_taps(in_size, out_size, out, filter));
    }
  }
  return all;
}

/// The source pixels that a run of taps reads.
struct Range {
  int begin = 0;
  int end = 0;

  int size() const { return end - begin; }
};

Range range_of(const std::vector<Taps>& taps) { return {taps.front().first, taps.back().end()}; }

/// Rows `rows` of `in`, each resampled to one pixel per entry of `columns`, whose taps count from
/// `column_origin`.
Image resample_horizontally(const Image& in, Range rows, const std::vector<Taps>& columns,
                            int column_origin) {
  RowResampler resampler(columns, column_origin);
  Image out{rows.size(), static_cast<int>(columns.size()), {}};
  out.rgb.resize(std::size_t(out.height) * out.width * 3);
  std::uint8_t* target = out.rgb.data();
  std::vector<const std::uint8_t*> some;
  for (int y = rows.begin; y < rows.end; ++y) {
    some.push_back(in.rgb.data() + std::size_t(y) * in.width * 3);
    if (some.size() < RowResampler::kRows && y + 1 < rows.end) continue;
    resampler.resample(some, std::size_t(in.width), target);
    target += some.size() * columns.size() * 3;
    some.clear();
  }
  return out;
}

/// Columns `columns` of `in`, resampled to one row per entry of `rows`, whose taps count from
/// `row_origin`.
Image resample_vertically(const Image& in, Range columns, const std::vector<Taps>& rows,
                          int row_origin) {
  Image out{static_cast<int>(rows.size()), columns.size(), {}};
  const std::size_t in_stride = std::size_t(in.width) * 3;
  const std::size_t out_stride = std::size_t(out.width) * 3;
  out.rgb.resize(out.height * out_stride);
  std::uint8_t* target = out.rgb.data();
  for (const Taps& taps : rows) {
    const std::uint8_t* source =
        in.rgb.data() + (taps.first - row_origin) * in_stride + std::size_t(columns.begin) * 3;
    resample_column(source, in_stride, taps, out_stride, target);
    target += out_stride;
  }
  return out;
}

/// Pillow 13 starts with the pass over columns if the height shrinks by more than twice as many
/// pixels as the width (python-pillow/Pillow#9549); older releases never do.
bool vertical_first(const Image& image, int height, int width) {
  return image.height - height > 2 * std::max(0, image.width - width);
}

}  // namespace

Image resize(const Image& image, int height, int width, Interpolation interpolation,
             const Window& window) {
  if (window.top < 0 || window.left < 0 || window.height < 1 || window.width < 1 ||
      window.top + window.height > height || window.left + window.width > width) {
    throw InternalError(cat("resize: the window ", window.width, " x ", window.height,
                            " is not within ", width, " x ", height));
  }
  const Filter filter = filter_of(interpolation);
  const std::vector<Taps> columns =
      make_all_taps(image.width, width, window.left, window.width, filter);
  const std::vector<Taps> rows =
      make_all_taps(image.height, height, window.top, window.height, filter);
  const Range used_rows = range_of(rows);
  const Range used_columns = range_of(columns);
  if (vertical_first(image, height, width)) {
    return resample_horizontally(resample_vertically(image, used_columns, rows, 0),
                                 {0, window.height}, columns, used_columns.begin);
  }
  return resample_vertically(resample_horizontally(image, used_rows, columns, 0), {0, window.width},
                             rows, used_rows.begin);
}

Window source_of(const Window& window, int from_height, int from_width, int height, int width,
                 Interpolation interpolation) {
  const Filter filter = filter_of(interpolation);
  const auto range = [&filter](int in_size, int out_size, int first, int count) {
    const int last = first + count - 1;
    return Range{make_all_taps(in_size, out_size, first, 1, filter).front().first,
                 make_all_taps(in_size, out_size, last, 1, filter).front().end()};
  };
  const Range rows = range(from_height, height, window.top, window.height);
  const Range columns = range(from_width, width, window.left, window.width);
  return {rows.begin, columns.begin, rows.size(), columns.size()};
}

Image resize(const Image& image, int height, int width, Interpolation interpolation) {
  return resize(image, height, width, interpolation, {0, 0, height, width});
}

}  // namespace clipq
