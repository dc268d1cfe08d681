#include "clipq/eval/retrieval_ranks.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"
#include "query_block.h"

namespace clipq {
namespace {

constexpr std::int64_t kTextBlock = 1024;
constexpr std::int64_t kImageBlock = 2048;

/// Rounding of a float32 value, relative.
constexpr double kFloatRounding = 0x1p-24;

/// A block with more undecided pairs than one in so many is computed again in float64.
constexpr std::int64_t kMostUndecided = 64;

/// Embeddings, which may lie on disk: they are read block by block.
class Rows {
 public:
  /// @param what messages call them
  Rows(const at::Tensor& embeddings, const char* what)
      : rows_(embeddings.to(at::kFloat).contiguous()),
        inverse_norms_(at::empty({rows_.size(0)}, at::kDouble)) {
    auto* inverse_norm = inverse_norms_.mutable_data_ptr<double>();
    at::parallel_for(0, size(), kImageBlock, [=, this](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        const double norm = std::sqrt(dot(row(i), row(i)));
        if (!std::isfinite(norm)) {
          throw InputError(cat("the model gives NaN or infinite embeddings of ", what,
                               "; ranks would be meaningless"));
        }
        inverse_norm[i] = 1 / std::max(norm, 1e-12);
      }
    });
  }

  std::int64_t size() const { return rows_.size(0); }
  std::int64_t width() const { return rows_.size(1); }

  /// Of rows of two sets.
  static double cosine(const Rows& a, std::int64_t i, const Rows& b, std::int64_t j) {
    return a.dot(a.row(i), b.row(j)) * a.inverse_norm(i) * b.inverse_norm(j);
  }

  /// `count` normalized rows from `first` on.
  at::Tensor normalized(std::int64_t first, std::int64_t count, c10::ScalarType dtype) const {
    const at::Tensor scale = inverse_norms_.narrow(0, first, count).to(dtype);
    return rows_.narrow(0, first, count).to(dtype).mul(scale.unsqueeze(1));
  }

 private:
  const float* row(std::int64_t i) const { return rows_.const_data_ptr<float>() + i * width(); }

  double inverse_norm(std::int64_t i) const { return inverse_norms_.const_data_ptr<double>()[i]; }

  /// The same for equal rows, wherever they stand.
  double dot(const float* x, const float* y) const {
    std::array<double, 8> sums{};
    std::int64_t i = 0;
    for (; i + 8 <= width(); i += 8) {
      for (std::int64_t k = 0; k < 8; ++k) sums[k] += static_cast<double>(x[i + k]) * y[i + k];
    }
    for (; i < width(); ++i) sums[0] += static_cast<double>(x[i]) * y[i];
    return std::accumulate(sums.begin(), sums.end(), 0.0);
  }

  at::Tensor rows_;           ///< float32 [rows, width]
  at::Tensor inverse_norms_;  ///< float64 [rows]
};

/// For each query of one side: its right answer, and how many rank before that.
struct Answers {
  explicit Answers(std::int64_t queries)
      : index(queries, -1), cosine(queries, -2), rank(queries, 0) {}

  std::vector<std::int64_t> index;
  std::vector<double> cosine;
  std::vector<std::int64_t> rank;

  /// Counts a candidate that is about as good as the right answer of query i.
  void count_close(std::int64_t i, std::int64_t candidate, double its_cosine) {
    const double ahead = its_cosine - cosine[i];
    if (ahead > kCosineTie || (ahead >= -kCosineTie && candidate < index[i])) ++rank[i];
  }
};

/// Around the cosine of each query's right answer: scores within them decide nothing.
template <typename Scalar>
struct Bounds {
  Bounds(const std::vector<double>& cosines, std::int64_t first, std::int64_t count,
         double margin) {
    for (std::int64_t i = first; i < first + count; ++i) {
      low.push_back(static_cast<Scalar>(cosines[i] - margin));
      high.push_back(static_cast<Scalar>(cosines[i] + margin));
    }
  }

  bool is_close(std::int64_t i, Scalar score) const { return score >= low[i] && score <= high[i]; }

  std::vector<Scalar> low;
  std::vector<Scalar> high;
};

/// How many scores of a block are above the bounds of each row and of each column.
struct AboveBounds {
  AboveBounds(std::int64_t rows, std::int64_t columns)
      : of_row(rows), of_column(columns), close(rows) {}

  std::vector<std::int32_t> of_row;
  std::vector<std::int32_t> of_column;
  std::vector<std::int32_t> close;  ///< scores of each row within its bounds, or the column's
};

template <typename Scalar>
AboveBounds count_above(const at::Tensor& scores, const Bounds<Scalar>& rows,
                        const Bounds<Scalar>& columns) {
  const std::int64_t width = scores.size(1);
  AboveBounds above(scores.size(0), width);
  std::mutex mutex;
  at::parallel_for(0, scores.size(0), 64, [&](std::int64_t first, std::int64_t last) {
    std::vector<std::int32_t> of_column(width);
    for (std::int64_t i = first; i < last; ++i) {
      const Scalar* score = scores.const_data_ptr<Scalar>() + i * width;
      const Scalar low = rows.low[i];
      const Scalar high = rows.high[i];
      std::int32_t above_row = 0;
      std::int32_t close = 0;
      // Bounds::is_close without branches, which compilers vectorize.
      for (std::int64_t j = 0; j < width; ++j) {
        above_row += score[j] > high ? 1 : 0;
        of_column[j] += score[j] > columns.high[j] ? 1 : 0;
        close += (score[j] >= low && score[j] <= high) ||
                         (score[j] >= columns.low[j] && score[j] <= columns.high[j])
                     ? 1
                     : 0;
      }
      above.of_row[i] = above_row;
      above.close[i] = close;
    }
    const std::scoped_lock lock(mutex);
    for (std::int64_t j = 0; j < width; ++j) above.of_column[j] += of_column[j];
  });
  return above;
}

/// Counts, for all texts and all images at once, who ranks before the right answers.
class RankCount {
 public:
  RankCount(const Rows& images, const Rows& texts, const std::vector<std::int64_t>& image_of)
      : images_(images), texts_(texts), of_text_(texts.size()), of_image_(images.size()) {
    for (std::int64_t text = 0; text < texts.size(); ++text) {
      const std::int64_t image = image_of[text];
      const double cosine = Rows::cosine(texts, text, images, image);
      of_text_.index[text] = image;
      of_text_.cosine[text] = cosine;
      if (cosine <= of_image_.cosine[image] + kCosineTie) continue;
      of_image_.index[image] = text;
      of_image_.cosine[image] = cosine;
    }
  }

  RetrievalRanks run() && {
    Progress progress("ranks", texts_.size());
    for (std::int64_t text = 0; text < texts_.size(); text += kTextBlock) {
      for (std::int64_t image = 0; image < images_.size(); image += kImageBlock) {
        throw_if_interrupted();
        count_block({text, std::min(kTextBlock, texts_.size() - text)},
                    {image, std::min(kImageBlock, images_.size() - image)});
      }
      progress.advance(std::min(kTextBlock, texts_.size() - text));
    }
    return {std::move(of_text_.rank), std::move(of_image_.rank)};
  }

 private:
  struct Part {
    std::int64_t first;
    std::int64_t count;
  };

  void count_block(const Part& texts, const Part& images) {
    // A sum of products of two rows of length 1, and the rounding of both rows.
    const double margin = kCosineTie + kFloatRounding * static_cast<double>(texts_.width() + 8);
    const auto exact = [this](std::int64_t text, std::int64_t image, double /*score*/) {
      return Rows::cosine(texts_, text, images_, image);
    };
    const std::int64_t most = texts.count * images.count / kMostUndecided;
    if (count_block<float>(texts, images, margin, most, exact)) return;
    const auto score = [](std::int64_t /*text*/, std::int64_t /*image*/, double own) {
      return own;
    };
    count_block<double>(texts, images, 2 * kCosineTie, texts.count * images.count, score);
  }

  /// False, and nothing is counted, if more than `most` pairs are undecided.
  /// @param cosine what decides a pair with a score within `margin` of a right answer's cosine
  template <typename Scalar, typename Cosine>
  bool count_block(const Part& texts, const Part& images, double margin, std::int64_t most,
                   const Cosine& cosine) {
    const auto dtype = c10::CppTypeToScalarType<Scalar>::value;
    const at::Tensor scores = at::matmul(texts_.normalized(texts.first, texts.count, dtype),
                                         images_.normalized(images.first, images.count, dtype).t())
                                  .contiguous();
    const Bounds<Scalar> text_bounds(of_text_.cosine, texts.first, texts.count, margin);
    const Bounds<Scalar> image_bounds(of_image_.cosine, images.first, images.count, margin);
    const AboveBounds above = count_above(scores, text_bounds, image_bounds);
    if (std::accumulate(above.close.begin(), above.close.end(), std::int64_t{0}) > most) {
      return false;
    }
    for (std::int64_t i = 0; i < texts.count; ++i) {
      of_text_.rank[texts.first + i] += above.of_row[i];
    }
    for (std::int64_t j = 0; j < images.count; ++j) {
      of_image_.rank[images.first + j] += above.of_column[j];
    }
    for (std::int64_t i = 0; i < texts.count; ++i) {
      if (above.close[i] == 0) continue;
      const Scalar* score = scores.const_data_ptr<Scalar>() + i * images.count;
      for (std::int64_t j = 0; j < images.count; ++j) {
        const bool for_text = text_bounds.is_close(i, score[j]);
        const bool for_image = image_bounds.is_close(j, score[j]);
        if (for_text || for_image) {
          decide(texts.first + i, images.first + j, score[j], for_text, for_image, cosine);
        }
      }
    }
    return true;
  }

  template <typename Cosine>
  void decide(std::int64_t text, std::int64_t image, double score, bool for_text, bool for_image,
              const Cosine& cosine) {
    const double decided = cosine(text, image, score);
    if (for_text) of_text_.count_close(text, image, decided);
    if (for_image) of_image_.count_close(image, text, decided);
  }

  const Rows& images_;
  const Rows& texts_;
  Answers of_text_;
  Answers of_image_;
};

}  // namespace

RetrievalRanks retrieval_ranks(const at::Tensor& images, const at::Tensor& texts,
                               const std::vector<std::int64_t>& image_of) {
  const Rows image_rows(images, "images");
  const Rows text_rows(texts, "texts");
  return RankCount(image_rows, text_rows, image_of).run();
}

}  // namespace clipq
