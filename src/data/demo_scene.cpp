#include "demo_scene.h"

#include <algorithm>
#include <numbers>

namespace clipq {
namespace {

constexpr int kLarge = 0;
constexpr double kMargin = 2.0;  // the outline, and a little more
constexpr double kSingleSpread = 5.0;

/// A coordinate at which the object is inside, at most `spread` from the middle.
double coordinate(const DemoObject& object, double spread, DemoRandom& random) {
  const double room = kSceneUnits / 2 - object.radius - kMargin;
  const double reach = std::min(room, spread);
  return kSceneUnits / 2 + random.between(-reach, reach);
}

void place(DemoObject& object, double left, double spread, DemoRandom& random) {
  object.x = left + coordinate(object, spread, random);
  object.y = coordinate(object, spread, random);
}

}  // namespace

DemoObject make_demo_object(int label, DemoRandom& random) {
  DemoObject object;
  object.shape = label % kDemoShapes;
  object.color = label / kDemoShapes % kDemoColors;
  object.size = label / (kDemoShapes * kDemoColors);
  object.radius = object.size == kLarge ? random.between(9.0, 12.0) : random.between(4.5, 6.0);
  object.angle = random.between(-0.1, 0.1) * std::numbers::pi;
  return object;
}

DemoScene make_single_scene(int label, double left, DemoRandom& random) {
  DemoScene scene;
  scene.tone = static_cast<DemoTone>(random.below(3));
  scene.objects.push_back(make_demo_object(label, random));
  place(scene.objects[0], left, kSingleSpread, random);
  return scene;
}

DemoScene make_double_scene(double left, DemoRandom& random) {
  DemoScene scene;
  scene.tone = static_cast<DemoTone>(random.below(3));
  scene.side_by_side = random.below(2) == 0;
  DemoObject first;
  DemoObject second;
  do {
    first = make_demo_object(random.below(kDemoClasses), random);
    second = make_demo_object(random.below(kDemoClasses), random);
  } while (first.label() == second.label() || (first.size == kLarge && second.size == kLarge));
  first.radius = std::min(first.radius, 8.0);
  second.radius = std::min(second.radius, 8.0);
  place(first, left, kSceneUnits, random);
  place(second, left, kSceneUnits, random);
  const double slack = kSceneUnits - 2 * (first.radius + second.radius + kMargin);
  const double before = random.between(0.0, slack / 2) + first.radius + kMargin / 2;
  const double after = kSceneUnits - second.radius - kMargin / 2 - random.between(0.0, slack / 2);
  if (scene.side_by_side) {
    first.x = left + before;
    second.x = left + after;
  } else {
    first.y = before;
    second.y = after;
  }
  scene.objects = {first, second};
  return scene;
}

}  // namespace clipq
