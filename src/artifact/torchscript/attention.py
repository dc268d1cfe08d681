def {method}(self, x: Tensor) -> Tensor:
    qkv = self.in_proj.forward(x)
    batch, tokens, width = qkv.size(0), qkv.size(1), qkv.size(2) // 3
    parts = qkv.view([batch, tokens, 3, {heads}, width // {heads}]).permute([2, 0, 3, 1, 4])
    q, k, v = {queries}, parts[1], parts[2]
    attended = self.attend({q}, {k}, {v}).transpose(1, 2).flatten(2)
    return self.{output_layer}.forward({output})
