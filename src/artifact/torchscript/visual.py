def forward(self, pixels: Tensor) -> Tensor:
    class_tokens = self.class_embedding.expand([pixels.size(0), 1, {width}])
    x = torch.cat([class_tokens, self.conv1.forward(self.patches(pixels))], 1) + self.positional_embedding
    x = self.transformer.forward(self.ln_pre.forward(x))
    return self.proj.forward(self.ln_post.forward(x.select(1, 0)))
