"""The local cloud: the template is deployed to MiniStack, and nothing is left behind."""
