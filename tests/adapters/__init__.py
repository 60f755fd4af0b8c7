"""The adapters against local servers, and the contracts that they share with the fakes."""
