def forward(self, x: Tensor) -> Tensor:
    qkv = self.in_proj.forward(x)
    batch, tokens, width = qkv.size(0), qkv.size(1), qkv.size(2) // 3
    parts = qkv.view([batch, tokens, 3, {heads}, width // {heads}]).permute([2, 0, 3, 1, 4])
    q, k, v = parts[0], parts[1], parts[2]
    scores = torch.matmul({q}, {k}.transpose(-2, -1)) * {score_scale}
    if {causal}:
        hidden = torch.triu(torch.ones_like(scores[0, 0], dtype=11), 1)
        scores = torch.masked_fill(scores, hidden, -float("inf"))
    probabilities = torch.softmax(scores, -1)
    attended = torch.matmul({softmax}, {v}).transpose(1, 2).flatten(2)
    return self.out_proj.forward({output})
