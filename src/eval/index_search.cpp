#include "clipq/eval/index_search.h"

#include <ATen/Parallel.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "clipq/core/find_named.h"
#include "clipq/core/interrupt.h"
#include "clipq/numerics/embedding_format.h"
#include "query_block.h"

namespace clipq {
namespace {

/// Scores of a block of queries take at most so many values.
constexpr std::int64_t kBlockValues = 8 << 20;
constexpr std::int64_t kMostQueries = 1024;

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

/// By score, then by index.
struct IsBefore {
  const double* score;

  bool operator()(std::int64_t a, std::int64_t b) const {
    return score[a] != score[b] ? score[a] > score[b] : a < b;
  }
};

/// The order of all rows for one query.
class RowOrder {
 public:
  RowOrder(const double* score, std::int64_t count) : score_(score), count_(count) {}

  /// Orders the first rows by other scores; the rest keep their places.
  /// @param scores_of of rows
  template <typename ScoresOf>
  void rescore(std::int64_t count, const ScoresOf& scores_of) {
    shortlist_ = best(count);
    const std::vector<double> scores = scores_of(shortlist_);
    std::vector<std::size_t> order(shortlist_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&scores](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    std::vector<std::int64_t> rows;
    for (const std::size_t place : order) rows.push_back(shortlist_[place]);
    shortlist_ = std::move(rows);
  }

  /// Of the best of some rows.
  std::int64_t best_rank(const std::vector<std::int64_t>& rows) const {
    const auto listed =
        std::find_first_of(shortlist_.begin(), shortlist_.end(), rows.begin(), rows.end());
    if (listed != shortlist_.end()) return listed - shortlist_.begin();
    return rank(*std::min_element(rows.begin(), rows.end(), IsBefore{score_}));
  }

  std::int64_t rank(std::int64_t row) const {
    const auto listed = std::find(shortlist_.begin(), shortlist_.end(), row);
    if (listed != shortlist_.end()) return listed - shortlist_.begin();
    const double own = score_[row];
    std::int64_t ahead = 0;
    for (std::int64_t i = 0; i < row; ++i) ahead += score_[i] >= own ? 1 : 0;
    for (std::int64_t i = row + 1; i < count_; ++i) ahead += score_[i] > own ? 1 : 0;
    return ahead;
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
    std::partial_sort(rows.begin(), end, rows.end(), IsBefore{score_});
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
        codes_queries_(method.format.codes_queries),
        rescored_(codes_queries_ ? method.rescored : 0),
        tie_(kCosineTie * sides_.rows.norm(2, 1).max().item<double>()),
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
    const at::Tensor scores =
        at::matmul(sides_.queries.narrow(0, first, count), sides_.rows.t()).contiguous();
    // Products of codes are integers.
    if (!codes_queries_) scores.div_(tie_).round_();
    const std::int64_t rows = scores.size(1);
    at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        RowOrder order(scores.const_data_ptr<double>() + i * rows, rows);
        if (rescored_ > 0) {
          order.rescore(rescored_, [&](const auto& best) { return own_scores(first + i, best); });
        }
        take(first + i, order);
      }
    });
  }

  /// Of the query itself with what is stored of some rows.
  std::vector<double> own_scores(std::int64_t query, const std::vector<std::int64_t>& rows) const {
    const at::Tensor scores =
        at::matmul(sides_.rows.index_select(0, at::tensor(rows)), data_.queries[query])
            .div_(tie_)
            .round_();
    const auto* score = scores.const_data_ptr<double>();
    return {score, score + scores.numel()};
  }

  void take(std::int64_t query, const RowOrder& order) {
    found_.rank[query] = order.best_rank(answers_[query]);
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
  bool codes_queries_;
  std::int64_t rescored_;
  double tie_;  ///< of products of normalized queries with rows
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
