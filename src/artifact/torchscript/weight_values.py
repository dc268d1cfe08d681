def values(self, stored: Tensor, scale: Tensor) -> Tensor:
    return self.codes_of(stored) * self.per_column(scale, {columns})
