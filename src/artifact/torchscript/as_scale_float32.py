def as_scale(self, amount: Tensor) -> Tensor:
    return torch.clamp_min(amount, 1.1754943508222875e-38)
