def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.matmul(q, k.transpose(-2, -1)) * {score_scale}
    if {causal}:
        hidden = torch.triu(torch.ones_like(scores[0, 0], dtype=11), 1)
        scores = torch.masked_fill(scores, hidden, -float("inf"))
    probabilities = torch.softmax(scores, -1)
    return torch.matmul(self.softmax_quantizer.forward(probabilities), v)
