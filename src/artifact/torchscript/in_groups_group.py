def in_groups(self, x: Tensor) -> Tensor:
    width = min({group_size}, x.size(-1))
    groups = (x.size(-1) + width - 1) // width
    padded = torch.constant_pad_nd(x, [0, groups * width - x.size(-1)])
    return padded.reshape(x.size()[:-1] + [groups, width])
