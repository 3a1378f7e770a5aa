"""What draws: axes and figures from arrays, in one style. It reads no folder and knows no run."""
