def forward(self, x: Tensor) -> Tensor:
    return torch.linear({input}, {weight}, self.bias)
