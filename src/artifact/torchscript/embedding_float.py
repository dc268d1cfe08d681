def forward(self, ids: Tensor) -> Tensor:
    return torch.embedding(self.weight, ids)
