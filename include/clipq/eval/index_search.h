#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace clipq {

/// How many of the first results searches are compared by.
inline constexpr std::int64_t kFirstResults = 10;

/// The embeddings of a search as an index multiplies them: the products of a query with all rows
/// order the rows. Float64 [queries, width] and [rows, width].
struct SearchSides {
  at::Tensor queries;
  at::Tensor rows;
};

/// How an index stores embeddings and compares queries with them.
struct IndexFormat {
  std::string name;
  std::string comment;
  /// @param rows normalized, float64; ranges are theirs
  /// @param queries normalized, float64
  SearchSides (*sides)(const at::Tensor& rows, const at::Tensor& queries);
  /// Whether queries become codes too: then the products of the queries themselves with the first
  /// results can give a better order.
  bool codes_queries = false;
};

/// All formats; the first stores embeddings as they are.
const std::vector<IndexFormat>& index_formats();

/// The format of that name. Throws UsageError that names `where` and the nearest.
const IndexFormat& find_index_format(const std::string& name, const std::string& where);

/// Embeddings that are searched, by those that are looked for. Both normalized, float64.
struct SearchData {
  at::Tensor rows;     ///< [rows, width]
  at::Tensor queries;  ///< [queries, width]
};

/// How they are searched.
struct SearchMethod {
  const IndexFormat& format;
  /// So many of the rows that codes of queries have found are ordered again by their products with
  /// the queries themselves; 0: none. Of no effect where queries aren't codes.
  std::int64_t rescored = 0;
};

/// For each query the rows that are right answers, at least one.
using RightAnswers = std::vector<std::vector<std::int64_t>>;

/// What a search finds for each query.
struct Found {
  std::vector<std::int64_t> rank;                ///< of the best right answer, from 0
  std::vector<std::vector<std::int64_t>> first;  ///< up to kFirstResults rows, best first
  /// Compared with another search; empty: it isn't.
  std::vector<double> overlap;       ///< share of the other's first rows that are among these
  std::vector<double> displacement;  ///< mean places between the other's first rows and theirs here
};

/// Searches all queries in all rows. Products are rounded to 1e-12 of the longest row before they
/// are ordered, and ties are ranked by lowest index. Takes memory for a block of products, and for
/// both sides in float64.
/// @param other another search of the same queries and rows; null: none
Found search(const SearchData& data, const SearchMethod& method, const RightAnswers& answers,
             const Found* other = nullptr);

}  // namespace clipq
