def values(self, stored: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return (self.codes_of(stored) - self.per_column(zero_point, {columns})) * self.per_column(scale, {columns})
