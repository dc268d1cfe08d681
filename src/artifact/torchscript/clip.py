def forward(self, image: Tensor, text: Tensor) -> Tuple[Tensor, Tensor]:
    i, t = self.normalized(self.encode_image(image)), self.normalized(self.encode_text(text))
    logits = self.logit_scale.exp() * torch.matmul(i, t.t())
    return logits, logits.t()
