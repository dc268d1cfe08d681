def forward(self, x: Tensor) -> Tensor:
    scale, zero_point = self.scales_of(x)
    codes = torch.clamp(torch.round(x / scale) + zero_point, 0, {max_code})
    return (codes - zero_point) * scale
