"""The local stand-in provider keeps what it promises."""
