"""The database: tables, engine, queries and writes."""
