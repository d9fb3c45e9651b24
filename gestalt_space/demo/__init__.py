"""The demo: everything once, on simulated patients, with a report to look at."""
