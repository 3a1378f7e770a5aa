"""MNIST through the paper's network of 23 layers (section 5.3), beside the product's default."""
