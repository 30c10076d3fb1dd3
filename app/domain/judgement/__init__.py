"""What follows from what is seen of the surroundings: verdicts, and what mends each."""
