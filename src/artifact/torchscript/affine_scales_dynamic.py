def scales_of(self, x: Tensor) -> Tuple[Tensor, Tensor]:
    low = torch.clamp_max(torch.amin(x{over}), 0)
    high = torch.clamp_min(torch.amax(x{over}), 0)
    scale = torch.clamp_min((high - low) / {max_code}, {smallest_scale})
    return scale, torch.clamp(torch.round(-low / scale), 0, {max_code})
