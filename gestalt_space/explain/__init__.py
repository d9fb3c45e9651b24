"""What in the face drives a line of a match: maps of the face, and whether they are true."""
