def forward(self, x: Tensor) -> Tensor:
    batch, tokens = x.size(0), x.size(1)
    kv = self.kv.forward(x).view([batch, tokens, 2, {heads}, {head_width}]).permute([2, 0, 3, 1, 4])
    q = self.query.view([1, {heads}, 1, {head_width}]).expand([batch, {heads}, 1, {head_width}])
    attended = torch.scaled_dot_product_attention(q, kv[0], kv[1], None, 0.0, False)
    x = self.out_proj.forward(attended.transpose(1, 2).flatten(2)).squeeze(1)
    return x + self.mlp.forward(self.ln.forward(x))
