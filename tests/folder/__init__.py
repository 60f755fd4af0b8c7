"""`backburner run FOLDER`: the command in its own process, and what it is made of."""
