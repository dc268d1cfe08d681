def scale_of(self, x: Tensor) -> Tensor:
    amax = torch.maximum(-torch.amin(x{over}), torch.amax(x{over}))
    return torch.clamp_min(amax / {max_code}, {smallest_scale})
