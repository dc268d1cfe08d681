#include "shared_pass.h"

#include <algorithm>
#include <cstring>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/eval/feature_rows.h"

namespace clipq {
namespace {

/// Names of files need not be UTF-8.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void SharedPass::require_same(const std::string& what, const Json& description) const {
  if (ranks_ == nullptr) return;
  clipq::require_same(*ranks_, key("description/" + what), text_of(description), "evaluate");
}

ItemRange SharedPass::share(std::int64_t items, std::int64_t batch_size) const {
  if (ranks_ == nullptr) return {0, items};
  const BatchRange batches = ranks_->share((items + batch_size - 1) / batch_size);
  return {std::min(items, batches.first * batch_size), std::min(items, batches.last * batch_size)};
}

Json SharedPass::joined(const std::string& what, const Json& own) const {
  if (ranks_ == nullptr) return own;
  const std::string name = key("list/" + what);
  Json all = Json::array();
  for (const std::string& part : ranks_->exchange(name, text_of(own))) {
    for (const Json& each : parse_json(part, name)) all.push_back(each);
  }
  return all;
}

at::Tensor SharedPass::gathered(const std::string& model, const at::Tensor& own) const {
  if (ranks_ == nullptr) return own;
  Json shape = Json::array();
  if (own.defined()) shape.push_back({own.size(0), own.size(1)});
  std::int64_t rows = 0;
  std::int64_t width = 0;
  for (const Json& each : joined("shape/" + model, shape)) {
    rows += each.at(0).get<std::int64_t>();
    width = each.at(1).get<std::int64_t>();
  }
  const at::Tensor contiguous = own.defined() ? own.contiguous() : own;
  std::string_view bytes;
  if (own.defined()) {
    bytes = {static_cast<const char*>(contiguous.const_data_ptr()), contiguous.nbytes()};
  }
  const at::Tensor all = leads(ranks_) ? feature_rows(rows, width) : at::Tensor();
  std::size_t filled = 0;
  const std::string name = key("rows/" + model);
  ranks_->gather(name, bytes, [&](std::string_view part) {
    if (part.size() > all.nbytes() - filled) {
      throw InputError(
          cat(name, ": the ranks gave more than ", rows, " rows of ", width, " values"));
    }
    std::memcpy(static_cast<char*>(all.mutable_data_ptr()) + filled, part.data(), part.size());
    filled += part.size();
  });
  if (leads(ranks_) && filled != all.nbytes()) {
    throw InputError(cat(name, ": the ranks gave ", filled, " bytes, expected ", all.nbytes()));
  }
  return all;
}

}  // namespace clipq
