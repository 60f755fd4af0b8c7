"""The local cloud: the template deployed to MiniStack, and nothing left behind."""
