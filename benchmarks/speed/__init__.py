"""What does a certificate cost? The scoreboard, and tables at the edges."""
