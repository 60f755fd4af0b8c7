"""`backburner run FOLDER`: the command in a process of its own, and what it is made of."""
