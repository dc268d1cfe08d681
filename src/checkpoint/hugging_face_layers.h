#pragma once

#include <array>
#include <string>

#include "clipq/model/state_dict.h"
#include "renaming.h"

namespace clipq {

/// Names within the blocks of Hugging Face's CLIP and SigLIP, without queries, keys and values.
inline constexpr std::array<Renaming, 5> kHuggingFaceBlockNames = {
    {{".self_attn.out_proj.", ".attn.out_proj."},
     {".layer_norm1.", ".ln_1."},
     {".layer_norm2.", ".ln_2."},
     {".mlp.fc1.", ".mlp.c_fc."},
     {".mlp.fc2.", ".mlp.c_proj."}}};

/// Joins the projections of queries, keys and values, under canonical names behind their block's,
/// and drops the buffers that count positions. Throws InputError that names `where` if one of three
/// is missing or of another shape.
void join_projections(StateDict& state, const std::string& where);

/// ".attn.in_proj_weight" as the first of the projections that it is joined of.
std::string separate_projection(std::string name);

}  // namespace clipq
