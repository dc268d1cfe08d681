def encode_text(self, text: Tensor) -> Tensor:
    x = self.token_embedding.forward(text) + self.positional_embedding.narrow(0, 0, text.size(1))
    x = self.ln_final.forward(self.transformer.forward(x))
    text = self.text_projection.forward({pooled})
    return {text}
