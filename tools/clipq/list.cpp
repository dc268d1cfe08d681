#include <iostream>
#include <utility>
#include <vector>

#include "clipq/app/run_file.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/data/dataset.h"
#include "clipq/eval/task.h"
#include "clipq/kernels/attention_path.h"
#include "clipq/kernels/kernel_path.h"
#include "clipq/numerics/observer.h"
#include "clipq/quant/algorithm.h"
#include "clipq/quant/recipe.h"
#include "clipq/report/table.h"
#include "clipq/text/prompts.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows recipe_rows() {
  Rows rows;
  for (const std::string& name : recipe_names()) {
    rows.emplace_back(name, load_recipe(name, {}).comment);
  }
  return rows;
}

/// The rows of a table by their names and comments.
template <typename Row>
Rows rows_of(const std::vector<Row>& table) {
  Rows rows;
  for (const Row& row : table) rows.emplace_back(row.name, row.comment);
  return rows;
}

Rows run_rows() {
  Rows rows;
  for (const std::string& name : run_names()) {
    rows.emplace_back(name, run_comment(name));
  }
  return rows;
}

Rows format_rows() { return rows_of(formats()); }
Rows observer_rows() { return rows_of(observers()); }
Rows algorithm_rows() { return rows_of(algorithms()); }

/// The comment says whether this machine can run them.
template <typename Path>
Rows rows_of_paths(const std::vector<Path>& paths) {
  Rows rows;
  for (const Path& path : paths) {
    rows.emplace_back(path.name,
                      cat(path.comment, path.supported() ? "" : " (not supported here)"));
  }
  return rows;
}

Rows kernel_rows() { return rows_of_paths(kernel_paths()); }
Rows attention_rows() { return rows_of_paths(attention_paths()); }

Rows task_rows() { return rows_of(tasks()); }
Rows template_rows() { return rows_of(template_sets()); }

Rows dataset_rows() {
  Rows rows;
  for (const DatasetKind& kind : dataset_kinds()) rows.emplace_back(kind.name, kind.description);
  return rows;
}

/// What can be listed.
struct List {
  const char* name;
  const char* type;  ///< type name of options that take one; empty: none
  bool or_file;      ///< whether such options take a file as well
  Rows (*rows)();
};

const std::vector<List>& lists() {
  static const std::vector<List> table = {
      {"recipes", "RECIPE", true, recipe_rows},   {"runs", "RUN", true, run_rows},
      {"formats", "", false, format_rows},        {"observers", "", false, observer_rows},
      {"algorithms", "", false, algorithm_rows},  {"datasets", "", false, dataset_rows},
      {"tasks", "TASK", false, task_rows},        {"templates", "TEMPLATES", true, template_rows},
      {"kernels", "KERNELS", false, kernel_rows}, {"attention", "ATTENTION", false, attention_rows},
  };
  return table;
}

Json to_json(const Rows& rows) {
  Json json = Json::array();
  for (const auto& [name, comment] : rows) json.push_back({{"name", name}, {"comment", comment}});
  return json;
}

std::string to_text(const Rows& rows) {
  Table table({{"name"}, {"description"}});
  for (const auto& [name, comment] : rows) table.add_row({name, comment});
  return table.text();
}

}  // namespace

ListedNames listed_names(const std::string& type) {
  ListedNames listed;
  for (const List& list : lists()) {
    if (type.empty() || type != list.type) continue;
    for (const auto& [name, comment] : list.rows()) listed.names.push_back(name);
    listed.or_file = list.or_file;
  }
  return listed;
}

void add_list(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("list", "list the available recipes, data sets, kernels and more");
  auto which = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const List& list : lists()) names.emplace_back(list.name);
  command->add_option("what", *which, "which list (default: all)")
      ->type_name(cat("{", join(names, ","), "}"));
  command->callback([which, names, &common] {
    Json json = Json::object();
    std::string text;
    for (const List& list : lists()) {
      if (!which->empty() && *which != list.name) continue;
      const Rows rows = list.rows();
      json[list.name] = to_json(rows);
      text +=
          cat(text.empty() ? "" : "\n", which->empty() ? cat(list.name, ":\n") : "", to_text(rows));
    }
    if (json.empty()) {
      throw UsageError(cat("list: unknown \"", *which, "\"", suggestion(*which, names)));
    }
    std::cout << (common.json ? json_text(json) : text);
  });
}

}  // namespace clipq::cli
