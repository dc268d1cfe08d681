#pragma once

#include <array>
#include <string>
#include <vector>

#include "clipq/data/demo_data.h"
#include "clipq/data/image.h"
#include "demo_random.h"

namespace clipq {

inline constexpr int kDemoSizes = 2;
inline constexpr int kDemoColors = 10;
inline constexpr int kDemoShapes = 5;
inline constexpr int kDemoClasses = kDemoSizes * kDemoColors * kDemoShapes;

/// Lengths in a scene are in units of 1/32 of its height.
inline constexpr double kSceneUnits = 32.0;

/// Red, green, blue, each about 0..255.
using DemoColor = std::array<double, 3>;

/// A shape in a scene. The words are indices into the lists that demo_words.cpp has.
struct DemoObject {
  int size = 0;
  int color = 0;
  int shape = 0;
  double x = 0.0;
  double y = 0.0;
  double radius = 0.0;  ///< of the circle around the shape
  double angle = 0.0;   ///< in radians

  /// The class in label order.
  int label() const { return (size * kDemoColors + color) * kDemoShapes + shape; }
};

enum class DemoTone { kDark, kMiddle, kLight };

struct DemoScene {
  std::vector<DemoObject> objects;  ///< one or two
  bool side_by_side = false;        ///< of two: the first is left of the second, not above it
  DemoTone tone = DemoTone::kMiddle;
};

/// An object of class `label` of a random radius and angle; its position is left at 0.
DemoObject make_demo_object(int label, DemoRandom& random);

/// One object near the middle of the square [left, left + 32) x [0, 32).
DemoScene make_single_scene(int label, double left, DemoRandom& random);

/// Two objects of different classes in the same square, side by side or one above the other; at
/// most one of them is large.
DemoScene make_double_scene(double left, DemoRandom& random);

/// Draws the scene, antialiased, with random colours about the nominal ones.
Image render_scene(const DemoScene& scene, int height, int width, DemoDifficulty difficulty,
                   DemoRandom& random);

}  // namespace clipq
