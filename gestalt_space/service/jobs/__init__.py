"""Long work of the service. A job is a command of the command line, run by a process of its own:
what it can do, and the document that it gives, are the command's. It takes no time from those who
match meanwhile, can be ended at any moment, and its memory goes with it.
"""
