def forward(self, x: Tensor) -> Tensor:
    return torch.layer_norm(x, [{width}], self.weight, self.bias, {eps})
