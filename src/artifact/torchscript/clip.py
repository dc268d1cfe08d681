def encode_image(self, image: Tensor) -> Tensor:
    image = self.visual.forward(image.to(6))
    return {image}

def encode_text(self, text: Tensor) -> Tensor:
    x = self.token_embedding.forward(text) + self.positional_embedding.narrow(0, 0, text.size(1))
    x = self.ln_final.forward(self.transformer.forward(x))
    text = self.text_projection.forward(x[torch.arange(text.size(0)), text.argmax(-1)])
    return {text}

def forward(self, image: Tensor, text: Tensor) -> Tuple[Tensor, Tensor]:
    i, t = self.normalized(self.encode_image(image)), self.normalized(self.encode_text(text))
    logits = self.logit_scale.exp() * torch.matmul(i, t.t())
    return logits, logits.t()
