def forward(self, x: Tensor) -> Tensor:
{blocks}
    return x
