def per_column(self, value: Tensor, columns: int) -> Tensor:
    value = value.to(6).unsqueeze(-1).expand(value.size() + [min({group_size}, columns)])
    return value.flatten(-2).narrow(-1, 0, columns)
