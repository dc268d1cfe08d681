def average_pool(self, x: Tensor) -> Tensor:
    return torch.avg_pool2d(x.permute([0, 3, 1, 2]), [2, 2]).permute([0, 2, 3, 1])
