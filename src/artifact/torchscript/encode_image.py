def encode_image(self, image: Tensor) -> Tensor:
    image = self.visual.forward(image.to(6))
    return {image}
