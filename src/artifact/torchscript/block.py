def forward(self, x: Tensor) -> Tensor:
    x = x + self.attn.forward(self.ln_1.forward(x))
    return x + self.mlp.forward(self.ln_2.forward(x))
