// Finds the image that fits a text best: search MODEL TEXT IMAGE…
// MODEL is a checkpoint, or an artifact that clipq quantize wrote.
#include <clipq/clipq.h>

#include <algorithm>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 3) throw clipq::UsageError("usage: search MODEL TEXT IMAGE…");
  const std::span files = std::span(arguments).subspan(2);
  std::vector<clipq::Image> images;
  for (const std::string& file : files) images.push_back(clipq::decode_image(file));

  const clipq::Embedder embedder(arguments[0]);
  const auto rows = clipq::normalized(embedder.embed_images(images));
  const auto query = clipq::normalized(embedder.embed_texts(std::vector{arguments[1]}));
  std::vector<float> cosines;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const auto row = rows.row(i);
    cosines.push_back(std::inner_product(row.begin(), row.end(), query.values.begin(), 0.0F));
    std::cout << cosines.back() << "  " << files[static_cast<std::size_t>(i)] << "\n";
  }
  const auto best = std::max_element(cosines.begin(), cosines.end()) - cosines.begin();
  std::cout << "best: " << files[static_cast<std::size_t>(best)] << "\n";
} catch (const std::exception& failure) {
  std::cerr << "error: " << failure.what() << "\n";
  return 1;
}
