def scale_of(self, x: Tensor) -> Tensor:
    return self.scale
