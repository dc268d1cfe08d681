def forward(self, x: Tensor) -> Tensor:
    scale = self.per_column(self.scale_of(x), x.size(-1))
    return torch.clamp(torch.round(x / scale), -{max_code}, {max_code}) * scale
