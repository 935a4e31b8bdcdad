"""What a search and a training share: batches, a pass and its gradients, the figures of an epoch, the weight step."""
