#include "retrieval_examples.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "clipq/core/base64.h"
#include "clipq/core/strings.h"
#include "clipq/data/thumbnail.h"
#include "query_block.h"

namespace clipq {
namespace {

constexpr std::int64_t kListed = 5;
constexpr std::size_t kSpread = 3;
constexpr std::size_t kChanged = 3;
constexpr int kThumbnailSide = 96;

struct Example {
  std::int64_t query = 0;
  const char* why = "";
};

/// Cosines of some captions with all images, in float64: [queries, images].
class Search {
 public:
  Search(const at::Tensor& images, const at::Tensor& texts)
      : images_(normalize_rows(images.to(at::kDouble))),
        texts_(normalize_rows(texts.to(at::kDouble))) {}

  at::Tensor cosines(std::int64_t first, std::int64_t count) const {
    return at::matmul(texts_.narrow(0, first, count), images_.t());
  }

  /// The images that each caption finds, best first: int64 [captions, at most kListed]. Ties are
  /// ordered by lowest index.
  at::Tensor lists() const {
    std::vector<at::Tensor> blocks;
    const std::int64_t listed = std::min(kListed, images_.size(0));
    for (std::int64_t first = 0; first < texts_.size(0); first += kQueryBlock) {
      const at::Tensor block = cosines(first, std::min(kQueryBlock, texts_.size(0) - first));
      blocks.push_back(
          std::get<1>(block.sort(/*stable=*/true, -1, /*descending=*/true)).narrow(1, 0, listed));
    }
    return at::cat(blocks).contiguous();
  }

 private:
  at::Tensor images_;
  at::Tensor texts_;
};

/// For each caption, at how many places the models' lists differ from the first model's.
std::vector<std::int64_t> changes(const std::vector<at::Tensor>& lists) {
  at::Tensor sum = lists.front().ne(lists.front()).sum(-1);
  for (const at::Tensor& each : lists) sum = sum.add(each.ne(lists.front()).sum(-1));
  const auto* begin = sum.const_data_ptr<std::int64_t>();
  return {begin, begin + sum.numel()};
}

std::vector<Example> choose(const std::vector<std::int64_t>& changed) {
  std::vector<Example> examples;
  std::set<std::int64_t> chosen;
  const std::size_t spread = std::min(kSpread, changed.size());
  for (std::size_t i = 0; i < spread; ++i) {
    const auto query = static_cast<std::int64_t>(i * changed.size() / spread);
    chosen.insert(query);
    examples.push_back({query, "spread"});
  }
  std::vector<std::int64_t> order(changed.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t left, std::int64_t right) {
    return changed[static_cast<std::size_t>(left)] > changed[static_cast<std::size_t>(right)];
  });
  for (const std::int64_t query : order) {
    const bool enough = examples.size() >= spread + kChanged;
    if (enough || changed[static_cast<std::size_t>(query)] == 0) break;
    if (chosen.insert(query).second) examples.push_back({query, "changed"});
  }
  return examples;
}

/// What one model retrieves for one caption; records the images.
Json example_json(const Example& example, const at::Tensor& cosines, const at::Tensor& list,
                  const std::vector<std::string>& names, const Captions& captions,
                  std::set<std::int64_t>& shown) {
  const auto query = static_cast<std::size_t>(example.query);
  const std::int64_t right = captions.image_of[query];
  const auto* scores = cosines.const_data_ptr<double>();
  const auto* found = list.const_data_ptr<std::int64_t>();
  Json top = Json::array();
  for (std::int64_t i = 0; i < list.numel(); ++i) {
    shown.insert(found[i]);
    top.push_back({{"image", names[static_cast<std::size_t>(found[i])]},
                   {"cosine", scores[found[i]]},
                   {"right", found[i] == right}});
  }
  std::int64_t rank = 1;
  for (std::int64_t image = 0; image < cosines.numel(); ++image) {
    if (scores[image] > scores[right] || (scores[image] == scores[right] && image < right)) ++rank;
  }
  return {{"query", captions.texts[query]}, {"why", example.why}, {"rank", rank}, {"top", top}};
}

}  // namespace

RetrievalExamples retrieval_examples(const Dataset& dataset, const Captions& captions,
                                     const ImageFeatures& images,
                                     const std::vector<at::Tensor>& texts) {
  std::vector<std::string> names;
  for (const std::int64_t item : images.items) names.push_back(dataset.item_name(item));
  std::vector<Search> searches;
  std::vector<at::Tensor> lists;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    searches.emplace_back(images.rows[i], texts[i]);
    lists.push_back(searches.back().lists());
  }
  RetrievalExamples out;
  std::set<std::int64_t> shown;
  const std::vector<Example> examples = choose(changes(lists));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Json& model = out.models.emplace_back(Json::array());
    for (const Example& example : examples) {
      model.push_back(example_json(example, searches[i].cosines(example.query, 1).contiguous(),
                                   lists[i].select(0, example.query), names, captions, shown));
    }
  }
  for (const std::int64_t image : shown) {
    const Image picture = dataset.image(images.items[static_cast<std::size_t>(image)]);
    out.thumbnails[names[static_cast<std::size_t>(image)]] =
        cat("data:image/jpeg;base64,", base64(jpeg_thumbnail(picture, kThumbnailSide)));
  }
  return out;
}

}  // namespace clipq
