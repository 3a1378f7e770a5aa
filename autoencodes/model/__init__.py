"""What training yields: a control with all that its rows need on the way in and out."""
