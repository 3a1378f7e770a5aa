"""MNIST through a bottleneck (the paper, section 5.3), beside PCA and a plain autoencoder."""
