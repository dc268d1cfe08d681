#pragma once

#include <string>
#include <vector>

#include "demo_scene.h"

namespace clipq {

/// "small red circle", by label; the names are in alphabetical order.
std::string demo_class_name(int label);

/// The class's group (size and colour, 20 in all) and its name, for instance "large_red".
int demo_group(int label);
std::string demo_group_name(int group);

/// Prompts with {c} in the place of the class name.
const std::vector<std::string>& demo_templates();

/// Five different sentences about the scene.
std::vector<std::string> demo_captions(const DemoScene& scene, DemoRandom& random);

}  // namespace clipq
