"""The controlled flow: its width over time, the state of a block, the steps, what undoes them."""
