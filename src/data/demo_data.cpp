#include "clipq/data/demo_data.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/core/zero_padded.h"
#include "demo_scene.h"
#include "demo_words.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr int kCifarSide = 32;
constexpr int kPictureHeight = 96;
constexpr int kCocoWidth = 128;
constexpr int kCocoImagesPerClassImage = 10;
constexpr int kClassImagesPerFolderImage = 10;
/// Where the centre crop of a COCO image begins.
constexpr double kCocoLeft = (kSceneUnits * kCocoWidth / kPictureHeight - kSceneUnits) / 2;

std::string with_underscores(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

/// Encodes according to the file's extension.
void write_image(const fs::path& file, Image image) {
  const cv::Mat rgb(image.height, image.width, CV_8UC3, image.rgb.data());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  cv::imencode(file.extension().string(), bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 92});
  write_file(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void append_cifar_record(std::string& records, int label, const Image& image) {
  records.push_back(static_cast<char>(demo_group(label)));
  records.push_back(static_cast<char>(label));
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t at = channel; at < image.rgb.size(); at += 3) {
      records.push_back(static_cast<char>(image.rgb[at]));
    }
  }
}

void draw_cifar(const fs::path& folder, int images_per_class, DemoDifficulty difficulty,
                DemoRandom random) {
  make_folder(folder);
  std::string records;
  for (int i = 0; i < kDemoClasses * images_per_class; ++i) {
    const int label = i % kDemoClasses;
    const DemoScene scene = make_single_scene(label, 0.0, random);
    append_cifar_record(records, label,
                        render_scene(scene, kCifarSide, kCifarSide, difficulty, random));
  }
  write_file(folder / "test.bin", records);
  std::string names;
  std::string groups;
  for (int label = 0; label < kDemoClasses; ++label) {
    names += with_underscores(demo_class_name(label)) + "\n";
    if (label % kDemoShapes == 0) groups += demo_group_name(demo_group(label)) + "\n";
  }
  write_file(folder / "fine_label_names.txt", names);
  write_file(folder / "coarse_label_names.txt", groups);
}

void draw_image_folder(const fs::path& folder, int images, DemoDifficulty difficulty,
                       DemoRandom random) {
  for (int label = 0; label < kDemoClasses; ++label) {
    const fs::path class_folder = folder / "val" / with_underscores(demo_class_name(label));
    make_folder(class_folder);
    for (int i = 0; i < images; ++i) {
      const DemoScene scene = make_single_scene(label, 0.0, random);
      write_image(class_folder / (zero_padded(i, 4) + ".png"),
                  render_scene(scene, kPictureHeight, kPictureHeight, difficulty, random));
    }
  }
}

DemoScene make_coco_scene(DemoRandom& random) {
  return random.below(2) == 0 ? make_single_scene(random.below(kDemoClasses), kCocoLeft, random)
                              : make_double_scene(kCocoLeft, random);
}

void draw_coco(const fs::path& folder, int images, DemoDifficulty difficulty, DemoRandom random) {
  make_folder(folder / "val");
  Json captions = {{"info", {{"description", "shapes drawn by clipq"}}},
                   {"images", Json::array()},
                   {"annotations", Json::array()}};
  for (int id = 1; id <= images; ++id) {
    const DemoScene scene = make_coco_scene(random);
    const std::string name = zero_padded(id, 12) + ".jpg";
    write_image(folder / "val" / name,
                render_scene(scene, kPictureHeight, kCocoWidth, difficulty, random));
    captions["images"].push_back(
        {{"id", id}, {"file_name", name}, {"height", kPictureHeight}, {"width", kCocoWidth}});
    for (const std::string& sentence : demo_captions(scene, random)) {
      captions["annotations"].push_back(
          {{"id", captions["annotations"].size() + 1}, {"image_id", id}, {"caption", sentence}});
    }
  }
  write_file(folder / "captions.json", captions.dump(1) + "\n");
}

void write_word_lists(const fs::path& folder) {
  Json names = Json::array();
  for (int label = 0; label < kDemoClasses; ++label) names.push_back(demo_class_name(label));
  write_file(folder / "classnames.json", names.dump(1) + "\n");
  write_file(folder / "templates.json", Json(demo_templates()).dump(1) + "\n");
}

}  // namespace

void draw_demo_data(const fs::path& folder, std::uint64_t seed, int images_per_class,
                    DemoDifficulty difficulty) {
  if (images_per_class < 1) {
    throw UsageError(
        cat("the number of images per class must be at least 1; got ", images_per_class));
  }
  draw_cifar(folder / "cifar-100-binary", images_per_class, difficulty, DemoRandom(3 * seed));
  draw_image_folder(folder / "imagefolder",
                    std::max(1, images_per_class / kClassImagesPerFolderImage), difficulty,
                    DemoRandom(3 * seed + 1));
  draw_coco(folder / "coco", images_per_class * kCocoImagesPerClassImage, difficulty,
            DemoRandom(3 * seed + 2));
  write_word_lists(folder);
  for (const char* set : {"cifar-100-binary", "imagefolder", "coco"}) {
    write_file(folder / set / "clipq_dataset.json", json_text({{"name", "clipq_shapes"}}));
  }
}

std::vector<DemoSample> draw_demo_samples(std::uint64_t seed, int count) {
  DemoRandom random(seed);
  std::vector<DemoSample> samples;
  for (int i = 0; i < count; ++i) {
    const DemoScene scene = make_coco_scene(random);
    Image image = render_scene(scene, kPictureHeight, kCocoWidth, DemoDifficulty::kPlain, random);
    samples.push_back({std::move(image), demo_captions(scene, random).front()});
  }
  return samples;
}

}  // namespace clipq
