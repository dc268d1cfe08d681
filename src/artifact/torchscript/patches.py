def patches(self, pixels: Tensor) -> Tensor:
    x = pixels.narrow(2, 0, {grid} * {patch}).narrow(3, 0, {grid} * {patch})
    x = x.reshape([pixels.size(0), 3, {grid}, {patch}, {grid}, {patch}])
    return x.permute([0, 2, 4, 1, 3, 5]).reshape([pixels.size(0), {grid} * {grid}, 3 * {patch} * {patch}])
