"""The operator's side: the command `backburner`, the local cloud, and the local stand-in provider."""
