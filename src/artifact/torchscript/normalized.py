def normalized(self, x: Tensor) -> Tensor:
    return x / x.norm(2, -1, True).clamp_min(1e-12)
