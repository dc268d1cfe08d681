#include "demo_words.h"

#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kSizeWords[kDemoSizes] = {"large", "small"};
constexpr const char* kOtherSizeWords[kDemoSizes] = {"big", "little"};
constexpr const char* kColorWords[kDemoColors] = {"blue", "brown",  "cyan", "green", "orange",
                                                  "pink", "purple", "red",  "white", "yellow"};
constexpr const char* kShapeWords[kDemoShapes] = {"circle", "cross", "square", "star", "triangle"};
constexpr std::size_t kCaptions = 5;

/// "small red circle"
std::string noun(const DemoObject& object) { return demo_class_name(object.label()); }

/// "little red circle"
std::string other_noun(const DemoObject& object) {
  return cat(kOtherSizeWords[object.size], " ", kColorWords[object.color], " ",
             kShapeWords[object.shape]);
}

/// "a red circle", "an orange circle"
std::string colored(const DemoObject& object) {
  const std::string color = kColorWords[object.color];
  return cat(color[0] == 'o' ? "an " : "a ", color, " ", kShapeWords[object.shape]);
}

std::string background(DemoTone tone) {
  switch (tone) {
    case DemoTone::kDark:
      return "dark background";
    case DemoTone::kLight:
      return "light background";
    case DemoTone::kMiddle:
      break;
  }
  return "grey background";
}

std::vector<std::string> single_sentences(const DemoScene& scene) {
  const DemoObject& object = scene.objects[0];
  const std::string size = kSizeWords[object.size];
  const std::string color = kColorWords[object.color];
  const std::string shape = kShapeWords[object.shape];
  return {cat("A ", noun(object), "."),
          cat("A ", noun(object), " on a ", background(scene.tone), "."),
          cat("A ", background(scene.tone), " with a ", noun(object), " on it."),
          cat("There is a ", other_noun(object), " in the picture."),
          cat("A ", size, " ", shape, " that is ", color, "."),
          cat("One ", other_noun(object), " and nothing else."),
          cat("The picture shows ", colored(object), ", ", size, " in size."),
          cat("A ", shape, " painted ", color, ", and it is ", size, ".")};
}

std::vector<std::string> double_sentences(const DemoScene& scene) {
  const std::string first = noun(scene.objects[0]);
  const std::string second = noun(scene.objects[1]);
  const bool beside = scene.side_by_side;
  return {
      cat("A ", first, " and a ", second, "."),
      cat("A ", second, " and a ", first, " on a ", background(scene.tone), "."),
      cat("A ", first, beside ? " left of a " : " above a ", second, "."),
      cat("A ", second, beside ? " right of a " : " below a ", first, "."),
      cat("There is a ", other_noun(scene.objects[0]), beside ? " on the left" : " at the top",
          " and a ", other_noun(scene.objects[1]), beside ? " on the right." : " at the bottom."),
      cat("Two shapes: a ", second, " and a ", first, "."),
      cat("The picture shows ", colored(scene.objects[0]), " and ", colored(scene.objects[1]),
          ".")};
}

}  // namespace

std::string demo_class_name(int label) {
  return cat(kSizeWords[label / (kDemoShapes * kDemoColors)], " ",
             kColorWords[label / kDemoShapes % kDemoColors], " ", kShapeWords[label % kDemoShapes]);
}

int demo_group(int label) { return label / kDemoShapes; }

std::string demo_group_name(int group) {
  return cat(kSizeWords[group / kDemoColors], "_", kColorWords[group % kDemoColors]);
}

const std::vector<std::string>& demo_templates() {
  static const std::vector<std::string> templates = {"a {c}",
                                                     "a picture of a {c}",
                                                     "a drawing of a {c}",
                                                     "there is a {c}",
                                                     "a photo of a {c}",
                                                     "a {c} on some background",
                                                     "an image of one {c}"};
  return templates;
}

std::vector<std::string> demo_captions(const DemoScene& scene, DemoRandom& random) {
  std::vector<std::string> sentences =
      scene.objects.size() == 1 ? single_sentences(scene) : double_sentences(scene);
  random.shuffle(sentences);
  sentences.resize(kCaptions);
  return sentences;
}

}  // namespace clipq
