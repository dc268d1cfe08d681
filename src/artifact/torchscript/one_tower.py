def forward(self, x: Tensor) -> Tensor:
    return self.{encode}(x)
