#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "demo_scene.h"

namespace clipq {
namespace {

constexpr int kSubpixels = 4;     // per side
constexpr int kShift = 6;         // fractional bits of cv::fillPoly's coordinates
constexpr double kOutline = 1.5;  // about the width of the dark line around a shape
constexpr DemoColor kOutlineColor = {12, 12, 12};
constexpr double kTurn = 2 * std::numbers::pi;

/// Blue, brown, cyan, green, orange, pink, purple, red, white, yellow: the order of the words.
constexpr std::array<DemoColor, kDemoColors> kColors = {{{45, 75, 215},
                                                         {125, 75, 35},
                                                         {45, 205, 215},
                                                         {45, 155, 60},
                                                         {240, 135, 35},
                                                         {245, 150, 190},
                                                         {140, 55, 185},
                                                         {215, 40, 45},
                                                         {240, 240, 240},
                                                         {235, 215, 55}}};

using Points = std::vector<cv::Point2d>;

/// A closed outline of `count` corners whose distance from the centre alternates.
Points spiky(int count, double outer, double inner, double start) {
  Points points;
  for (int i = 0; i < count; ++i) {
    const double angle = start + kTurn * i / count;
    const double radius = i % 2 == 0 ? outer : inner;
    points.emplace_back(radius * std::cos(angle), radius * std::sin(angle));
  }
  return points;
}

Points plus(double arm, double half) {
  return {{-half, -arm}, {half, -arm}, {half, -half}, {arm, -half}, {arm, half},   {half, half},
          {half, arm},   {-half, arm}, {-half, half}, {-arm, half}, {-arm, -half}, {-half, -half}};
}

/// The outline about (0, 0) within a circle of about 1: circle, cross, square, star, triangle.
Points outline(int shape) {
  constexpr double kUp = -kTurn / 4;
  switch (shape) {
    case 0:
      return spiky(64, 0.9, 0.9, 0.0);
    case 1:
      return plus(0.95, 0.3);
    case 2:
      return spiky(4, 1.1, 1.1, kTurn / 8);
    case 3:
      return spiky(10, 1.05, 0.45, kUp);
    default:
      return spiky(3, 1.1, 1.1, kUp);
  }
}

/// How much of each pixel the object covers, 0..1.
cv::Mat1d coverage(const DemoObject& object, int height, int width) {
  const double scale = height / kSceneUnits * kSubpixels;
  std::vector<cv::Point> corners;
  for (const cv::Point2d& point : outline(object.shape)) {
    const double x = point.x * std::cos(object.angle) - point.y * std::sin(object.angle);
    const double y = point.x * std::sin(object.angle) + point.y * std::cos(object.angle);
    corners.emplace_back(cvRound((object.x + object.radius * x) * scale * (1 << kShift)),
                         cvRound((object.y + object.radius * y) * scale * (1 << kShift)));
  }
  cv::Mat1b fine(height * kSubpixels, width * kSubpixels, std::uint8_t{0});
  cv::fillPoly(fine, std::vector<std::vector<cv::Point>>{corners}, cv::Scalar(1), cv::LINE_8,
               kShift);
  cv::Mat1d covered(height, width, 0.0);
  for (int y = 0; y < fine.rows; ++y) {
    for (int x = 0; x < fine.cols; ++x) {
      covered(y / kSubpixels, x / kSubpixels) += fine(y, x) / double(kSubpixels * kSubpixels);
    }
  }
  return covered;
}

DemoColor jittered(const DemoColor& color, DemoRandom& random) {
  const double brightness = random.between(0.82, 1.1);
  DemoColor result{};
  for (std::size_t i = 0; i < 3; ++i) {
    result[i] = std::clamp(color[i] * brightness + random.between(-22, 22), 0.0, 255.0);
  }
  return result;
}

double distance(const DemoColor& left, const DemoColor& right) {
  return std::hypot(left[0] - right[0], left[1] - right[1], left[2] - right[2]);
}

/// A muted colour of the scene's tone that contrasts with every object.
DemoColor background_color(DemoTone tone, const std::vector<DemoColor>& objects,
                           DemoRandom& random) {
  constexpr double kContrast = 75.0;
  for (;;) {
    const double level = 80.0 + 60.0 * static_cast<int>(tone) + random.between(-20, 20);
    DemoColor color{};
    for (double& channel : color) channel = level + random.between(-32, 32);
    if (std::all_of(objects.begin(), objects.end(), [&](const DemoColor& object) {
          return distance(object, color) >= kContrast;
        })) {
      return color;
    }
  }
}

/// Smooth noise: random values on a coarse grid, interpolated between them.
cv::Mat1d smooth_noise(int height, int width, double amplitude, DemoRandom& random) {
  constexpr int kCells = 7;
  std::array<std::array<double, kCells + 1>, kCells + 1> grid{};
  for (auto& row : grid) {
    for (double& value : row) value = random.between(-amplitude, amplitude);
  }
  cv::Mat1d noise(height, width);
  for (int y = 0; y < height; ++y) {
    const double v = double(y) * kCells / height;
    const int row = static_cast<int>(v);
    for (int x = 0; x < width; ++x) {
      const double u = double(x) * kCells / width;
      const int column = static_cast<int>(u);
      const double top = std::lerp(grid[row][column], grid[row][column + 1], u - column);
      const double bottom = std::lerp(grid[row + 1][column], grid[row + 1][column + 1], u - column);
      noise(y, x) = std::lerp(top, bottom, v - row);
    }
  }
  return noise;
}

/// An image with channels as doubles, so that layers add up without rounding.
class Canvas {
 public:
  Canvas(int height, int width, const DemoColor& background, DemoRandom& random)
      : height_(height), width_(width) {
    const cv::Mat1d texture = smooth_noise(height, width, random.between(5, 24), random);
    pixels_.reserve(std::size_t(height) * width);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        DemoColor pixel = background;
        for (double& channel : pixel) channel += texture(y, x);
        pixels_.push_back(pixel);
      }
    }
  }

  /// Paints the object with light from above.
  void paint(const DemoObject& object, const DemoColor& color) {
    const cv::Mat1d covered = coverage(object, height_, width_);
    for (int y = 0; y < height_; ++y) {
      const double height_above = object.y - y * kSceneUnits / height_;
      const double light = 1.0 + 0.12 * height_above / object.radius;
      for (int x = 0; x < width_; ++x) {
        DemoColor& pixel = pixels_[std::size_t(y) * width_ + x];
        for (std::size_t i = 0; i < 3; ++i) {
          pixel[i] = std::lerp(pixel[i], color[i] * light, covered(y, x));
        }
      }
    }
  }

  /// The image with noise on every sample.
  Image finish(double noise, DemoRandom& random) const {
    Image image{height_, width_, {}};
    image.rgb.reserve(pixels_.size() * 3);
    for (const DemoColor& pixel : pixels_) {
      for (const double channel : pixel) {
        const double value = channel + random.between(-noise, noise);
        image.rgb.push_back(static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)));
      }
    }
    return image;
  }

 private:
  int height_;
  int width_;
  std::vector<DemoColor> pixels_;
};

/// Bounds of the noise of hard images, at which the built-in checkpoint is right about nine times
/// in ten.
constexpr std::pair kHardNoise = {24.0, 68.0};

DemoObject make_speck(double units_wide, DemoRandom& random) {
  DemoObject speck;
  speck.shape = random.below(kDemoShapes);
  speck.x = random.between(0, units_wide);
  speck.y = random.between(0, kSceneUnits);
  speck.radius = random.between(0.7, 1.6);
  speck.angle = random.between(0, kTurn);
  return speck;
}

}  // namespace

Image render_scene(const DemoScene& scene, int height, int width, DemoDifficulty difficulty,
                   DemoRandom& random) {
  std::vector<DemoColor> colors;
  for (const DemoObject& object : scene.objects) {
    colors.push_back(jittered(kColors[object.color], random));
  }
  const double scale = height / kSceneUnits;
  Canvas canvas(height, width, background_color(scene.tone, colors, random), random);
  for (int specks = random.below(4); specks > 0; --specks) {
    const DemoObject speck = make_speck(width / scale, random);
    canvas.paint(speck, jittered(kColors[random.below(kDemoColors)], random));
  }
  for (std::size_t i = 0; i < colors.size(); ++i) {
    DemoObject outlined = scene.objects[i];
    outlined.radius += kOutline;
    canvas.paint(outlined, kOutlineColor);
    canvas.paint(scene.objects[i], colors[i]);
  }
  const double noise = difficulty == DemoDifficulty::kHard
                           ? random.between(kHardNoise.first, kHardNoise.second)
                           : random.between(4, 16);
  return canvas.finish(noise * scale, random);
}

}  // namespace clipq
