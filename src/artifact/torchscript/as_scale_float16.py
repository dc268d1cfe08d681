def as_scale(self, amount: Tensor) -> Tensor:
    return torch.clamp(amount, 5.9604644775390625e-08, 65504.0).to(5).to(6)
