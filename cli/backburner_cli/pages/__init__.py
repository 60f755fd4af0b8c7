"""Pages to hand on: HTML in one file that asks no host for anything. What strangers wrote is escaped, all of it."""
