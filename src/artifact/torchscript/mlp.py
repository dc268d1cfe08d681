def forward(self, x: Tensor) -> Tensor:
    x = self.c_fc.forward(x)
    return self.c_proj.forward({activation})
