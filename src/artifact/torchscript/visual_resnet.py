def forward(self, pixels: Tensor) -> Tensor:
    x = torch.relu(self.conv1.forward(pixels.permute([0, 2, 3, 1]).contiguous()))
    x = torch.relu(self.conv2.forward(x))
    x = self.average_pool(torch.relu(self.conv3.forward(x)))
{blocks}
    return self.attnpool.forward(x)
