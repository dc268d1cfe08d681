def forward(self, pixels: Tensor) -> Tensor:
    x = pixels.reshape([pixels.size(0), 3, {grid}, {patch}, {grid}, {patch}])
    x = x.permute([0, 2, 4, 1, 3, 5]).reshape([pixels.size(0), {grid} * {grid}, 3 * {patch} * {patch}])
    class_tokens = self.class_embedding.expand([pixels.size(0), 1, {width}])
    x = torch.cat([class_tokens, self.conv1.forward(x)], 1) + self.positional_embedding
    x = self.transformer.forward(self.ln_pre.forward(x))
    return self.proj.forward(self.ln_post.forward(x.select(1, 0)))
