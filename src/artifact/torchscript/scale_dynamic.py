def scale_of(self, x: Tensor) -> Tensor:
    x = self.in_groups(x)
    amax = torch.maximum(-torch.amin(x{over}), torch.amax(x{over}))
    return self.as_scale(amax / {max_code})
