def scales_of(self, x: Tensor) -> Tuple[Tensor, Tensor]:
    return self.scale, self.negative_scale
