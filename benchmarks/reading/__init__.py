"""Documents read by the project beside independent readers; writes nothing."""
