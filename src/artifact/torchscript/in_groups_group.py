def in_groups(self, x: Tensor) -> Tensor:
    groups = (x.size(-1) + {group_size} - 1) // {group_size}
    padded = torch.constant_pad_nd(x, [0, groups * {group_size} - x.size(-1)])
    return padded.reshape(x.size()[:-1] + [groups, {group_size}])
