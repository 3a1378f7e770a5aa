"""Charts that answer: specifications for Vega, which draws them in the page."""
