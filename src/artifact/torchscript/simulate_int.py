def forward(self, x: Tensor) -> Tensor:
    scale = self.scale_of(x)
    return torch.clamp(torch.round(x / scale), -{max_code}, {max_code}) * scale
