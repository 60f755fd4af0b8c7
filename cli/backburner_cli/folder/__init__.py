"""`backburner run FOLDER`: the documents of a folder, processed on this machine, without a cloud."""
