#pragma once

#include <string>

#include "clipq/model/attention_pool_2d.h"
#include "clipq/model/resnet.h"
#include "convolution_form.h"

namespace clipq {

/// The convolutions of a ResNet.
/// @param tower its name
/// @param pixels [batch, 3, R, R]
OnnxMap write_resnet(GraphBuilder& graph, const std::string& tower, const OnnxMap& pixels,
                     const ResNet& resnet);

/// @return [batch, embed_dim]
std::string write_attention_pool(GraphBuilder& graph, const std::string& name, const OnnxMap& map,
                                 const AttentionPool2d& pool);

}  // namespace clipq
