#pragma once

#include <string>
#include <vector>

namespace clipq {

enum class Align { kLeft, kRight };

/// One column of a Table.
struct Column {
  std::string header;
  Align align = Align::kLeft;
};

/// A plain-text table: a header line, a rule, one line per row; columns two spaces apart, as wide
/// as their longest cell in code points, without trailing spaces.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  /// Appends a row of as many cells as there are columns, or throws InternalError.
  void add_row(std::vector<std::string> cells);

  /// The whole table; every line ends with a line break.
  std::string text() const;

  const std::vector<Column>& columns() const { return columns_; }
  const std::vector<std::vector<std::string>>& rows() const { return rows_; }

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace clipq
