"""The adapters against servers of this machine, and the contracts that they share with the fakes."""
