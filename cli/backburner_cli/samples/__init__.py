"""Documents that the demo drops into the bucket: written for it, about nobody."""
