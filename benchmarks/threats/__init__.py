"""What may be tampered with, and how near certificates come to attacks that are found."""
