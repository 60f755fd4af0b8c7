"""What the tests share: a world of fakes in virtual time, and a proxy that loses answers."""
