def forward(self, pixels: Tensor) -> Tensor:
    x = self.conv1.forward(self.patches(pixels)) + self.positional_embedding
    return self.attn_pool.forward(self.ln_post.forward(self.transformer.forward(x)))
