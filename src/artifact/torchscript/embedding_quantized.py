def forward(self, ids: Tensor) -> Tensor:
    codes = torch.embedding(self.weight, ids)
    return {dequantized}
