def per_column(self, value: Tensor, columns: int) -> Tensor:
    return value.to(6)
