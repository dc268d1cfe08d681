def forward(self, x: Tensor) -> Tensor:
    hidden = torch.relu(self.conv2.forward(torch.relu(self.conv1.forward(x))))
    return torch.relu(self.conv3.forward({hidden}) + {residual})
