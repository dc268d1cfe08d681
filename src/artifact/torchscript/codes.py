def codes_of(self, stored: Tensor) -> Tensor:
    return stored.to(6)
