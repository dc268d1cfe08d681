def forward(self, x: Tensor) -> Tensor:
    x = x.flatten(1, 2)
    tokens = torch.cat([x.mean([1], True), x], 1) + self.positional_embedding
    return self.attention(tokens).squeeze(1)
