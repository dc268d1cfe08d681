def forward(self, x: Tensor) -> Tensor:
    scale, zero_point = self.scales_of(x)
    scale, zero_point = self.per_column(scale, x.size(-1)), self.per_column(zero_point, x.size(-1))
    codes = torch.clamp(torch.round(x / scale) + zero_point, 0, {max_code})
    return (codes - zero_point) * scale
