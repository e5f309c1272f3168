"""PyTorch's own operator samples (the OpInfo records of torch.testing) run against tatamikomi.functional."""
