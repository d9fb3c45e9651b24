"""The service: the gallery by HTTP, for several people at once. It adds who may ask, and how much;
what is answered is the library's."""
