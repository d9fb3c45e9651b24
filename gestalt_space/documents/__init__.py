"""The documents that leave: one form each, whose fields are the wire format, and the tables beside
them. What is measured in rooms below, cohorts for one, is filled in there.
"""
