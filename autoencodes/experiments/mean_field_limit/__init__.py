"""How fast particles stand for their law: rates in N, in one, two and three dimensions."""
