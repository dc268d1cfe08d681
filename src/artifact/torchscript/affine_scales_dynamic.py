def scales_of(self, x: Tensor) -> Tuple[Tensor, Tensor]:
    x = self.in_groups(x)
    low = torch.clamp_max(torch.amin(x{over}), 0)
    high = torch.clamp_min(torch.amax(x{over}), 0)
    scale = self.as_scale((high - low) / {max_code})
    return scale, torch.clamp(torch.round(-low / scale), 0, {max_code})
