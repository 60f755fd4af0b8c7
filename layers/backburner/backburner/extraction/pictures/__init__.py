"""Pictures, and pages of documents as pictures: found, measured, and made small enough to be sent."""
