def codes_of(self, stored: Tensor) -> Tensor:
    halves = torch.stack([torch.bitwise_and(stored, 15), torch.bitwise_right_shift(stored, 4)], -1)
    return halves.flatten(-2).narrow(-1, 0, {columns}).to(6) - {offset}
