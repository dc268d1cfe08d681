def forward(self, x: Tensor) -> Tensor:
    scale, negative_scale = self.scales_of(x)
    scale, negative_scale = self.per_column(scale, x.size(-1)), self.per_column(negative_scale, x.size(-1))
    codes = torch.clamp(torch.round(x / torch.where(x < 0, negative_scale, scale)), -{max_code}, {max_code})
    return codes * torch.where(codes < 0, negative_scale, scale)
