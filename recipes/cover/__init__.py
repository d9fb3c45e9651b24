"""The cover network: faces with covers drawn, and its training."""
