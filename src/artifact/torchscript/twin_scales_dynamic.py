def scales_of(self, x: Tensor) -> Tuple[Tensor, Tensor]:
    x = self.in_groups(x)
    low = torch.clamp_max(torch.amin(x{over}), 0)
    high = torch.clamp_min(torch.amax(x{over}), 0)
    return self.as_scale(high / {max_code}), self.as_scale(-low / {max_code})
