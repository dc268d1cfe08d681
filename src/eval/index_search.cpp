#include "clipq/eval/index_search.h"

#include <ATen/Parallel.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "clipq/core/find_named.h"
#include "clipq/core/interrupt.h"
#include "clipq/numerics/embedding_format.h"

namespace clipq {
namespace {

/// Scores of a block of queries take at most so many values.
constexpr std::int64_t kBlockValues = 8 << 20;
constexpr std::int64_t kMostQueries = 1024;

/// Scores are rounded to so many steps: far more than what the order of a float64 sum changes, and
/// far less than what float32 embeddings are good for.
constexpr double kTiesPerUnit = 1e12;

SearchSides as_they_are(const at::Tensor& rows, const at::Tensor& queries) {
  return {queries, rows};
}

/// Both as codes, the queries by the ranges of the rows, as sentence-transformers and usearch do.
SearchSides as_int8_codes(const at::Tensor& rows, const at::Tensor& queries) {
  const at::Tensor stored = rows.to(at::kFloat);
  const at::Tensor ranges = ranges_of(stored);
  const auto codes = [&ranges](const at::Tensor& each) {
    return in_format(each, EmbeddingFormat::kInt8, ranges).to(at::kDouble);
  };
  return {codes(queries.to(at::kFloat)), codes(stored)};
}

/// Rows as the values of their codes, as faiss' IndexScalarQuantizer with QT_8bit has them.
SearchSides as_scalar_quantized(const at::Tensor& rows, const at::Tensor& queries) {
  constexpr float kLargest = 255;
  constexpr float kMiddle = 0.5;
  const at::Tensor stored = rows.to(at::kFloat);
  const at::Tensor ranges = ranges_of(stored);
  const at::Tensor width = ranges[1].sub(ranges[0]);
  const at::Tensor share = at::where(width.eq(0), 0, stored.sub(ranges[0]).div(width));
  const at::Tensor codes = share.clamp(0, 1).mul(kLargest).floor();
  const at::Tensor values = codes.add(kMiddle).div(kLargest).mul(width).add(ranges[0]);
  return {queries, values.to(at::kDouble)};
}

/// The signs of both: their product is the width less twice the Hamming distance.
SearchSides as_signs(const at::Tensor& rows, const at::Tensor& queries) {
  const auto signs = [](const at::Tensor& each) {
    return each.to(at::kFloat).gt(0).to(at::kDouble).mul(2).sub(1);
  };
  return {signs(queries), signs(rows)};
}

/// The order of all rows for one query.
class RowOrder {
 public:
  RowOrder(const double* score, std::int64_t count) : score_(score), count_(count) {}

  /// Orders the first rows by their products with the query; the others keep their places.
  void rescore(std::int64_t count, const at::Tensor& query, const at::Tensor& rows) {
    shortlist_ = best(count);
    const at::Tensor scores = at::matmul(rows.index_select(0, at::tensor(shortlist_)), query);
    std::unordered_map<std::int64_t, double> score;
    for (std::size_t i = 0; i < shortlist_.size(); ++i) {
      score[shortlist_[i]] = std::round(kTiesPerUnit * scores.const_data_ptr<double>()[i]);
    }
    std::stable_sort(shortlist_.begin(), shortlist_.end(),
                     [&score](std::int64_t a, std::int64_t b) { return score[a] > score[b]; });
  }

  std::int64_t rank(std::int64_t row) const {
    const auto listed = std::find(shortlist_.begin(), shortlist_.end(), row);
    if (listed != shortlist_.end()) return listed - shortlist_.begin();
    const double own = score_[row];
    std::int64_t before = 0;
    for (std::int64_t i = 0; i < row; ++i) before += score_[i] >= own ? 1 : 0;
    for (std::int64_t i = row + 1; i < count_; ++i) before += score_[i] > own ? 1 : 0;
    return before;
  }

  std::vector<std::int64_t> first() const {
    if (shortlist_.empty()) return best(kFirstResults);
    const std::size_t count = std::min<std::size_t>(kFirstResults, shortlist_.size());
    return {shortlist_.begin(), shortlist_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

 private:
  std::vector<std::int64_t> best(std::int64_t count) const {
    std::vector<std::int64_t> rows(count_);
    std::iota(rows.begin(), rows.end(), 0);
    const auto end = rows.begin() + std::min(count, count_);
    std::partial_sort(rows.begin(), end, rows.end(), [this](std::int64_t a, std::int64_t b) {
      return score_[a] != score_[b] ? score_[a] > score_[b] : a < b;
    });
    rows.erase(end, rows.end());
    return rows;
  }

  const double* score_;
  std::int64_t count_;
  std::vector<std::int64_t> shortlist_;
};

/// One search, block by block of its queries.
class Searcher {
 public:
  Searcher(const SearchData& data, const SearchMethod& method, const RightAnswers& answers,
           const Found* other)
      : data_(data),
        sides_(method.format.sides(data.rows, data.queries)),
        rescored_(method.format.codes_queries ? method.rescored : 0),
        answers_(answers),
        other_(other) {}

  Found run() && {
    const std::int64_t queries = data_.queries.size(0);
    const std::int64_t rows = data_.rows.size(0);
    found_.rank.resize(queries);
    found_.first.resize(queries);
    if (other_ != nullptr) {
      found_.overlap.resize(queries);
      found_.displacement.resize(queries);
    }
    const std::int64_t block = std::clamp<std::int64_t>(kBlockValues / rows, 1, kMostQueries);
    for (std::int64_t first = 0; first < queries; first += block) {
      throw_if_interrupted();
      search_block(first, std::min(block, queries - first));
    }
    return std::move(found_);
  }

 private:
  void search_block(std::int64_t first, std::int64_t count) {
    const at::Tensor scores = at::matmul(sides_.queries.narrow(0, first, count), sides_.rows.t())
                                  .mul_(kTiesPerUnit)
                                  .round_()
                                  .contiguous();
    const std::int64_t rows = scores.size(1);
    at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        RowOrder order(scores.const_data_ptr<double>() + i * rows, rows);
        if (rescored_ > 0) order.rescore(rescored_, data_.queries[first + i], sides_.rows);
        take(first + i, order);
      }
    });
  }

  void take(std::int64_t query, const RowOrder& order) {
    std::int64_t& rank = found_.rank[query];
    rank = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t row : answers_[query]) rank = std::min(rank, order.rank(row));
    const std::vector<std::int64_t>& first = found_.first[query] = order.first();
    if (other_ == nullptr) return;
    const std::vector<std::int64_t>& before = other_->first[query];
    double kept = 0;
    double places = 0;
    for (std::size_t place = 0; place < before.size(); ++place) {
      kept += std::find(first.begin(), first.end(), before[place]) != first.end() ? 1 : 0;
      places +=
          std::abs(static_cast<double>(order.rank(before[place])) - static_cast<double>(place));
    }
    found_.overlap[query] = kept / static_cast<double>(before.size());
    found_.displacement[query] = places / static_cast<double>(before.size());
  }

  const SearchData& data_;
  SearchSides sides_;
  std::int64_t rescored_;
  const RightAnswers& answers_;
  const Found* other_;
  Found found_;
};

}  // namespace

const std::vector<IndexFormat>& index_formats() {
  static const std::vector<IndexFormat> formats = {
      {"float32", "embeddings as they are; order by cosine", as_they_are},
      {"int8",
       "rows and queries as int8 codes, as embed writes them and sentence-transformers and usearch "
       "compare them",
       as_int8_codes, /*codes_queries=*/true},
      {"sq8", "rows as 8-bit codes, queries in float: faiss' IndexScalarQuantizer, QT_8bit",
       as_scalar_quantized},
      {"binary", "signs of rows and queries; order by Hamming distance", as_signs,
       /*codes_queries=*/true},
  };
  return formats;
}

const IndexFormat& find_index_format(const std::string& name, const std::string& where) {
  return find_named(index_formats(), name, "index format", where);
}

Found search(const SearchData& data, const SearchMethod& method, const RightAnswers& answers,
             const Found* other) {
  return Searcher(data, method, answers, other).run();
}

}  // namespace clipq
