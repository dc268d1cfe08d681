def forward(self, ids: Tensor) -> Tensor:
    return self.values({stored})
