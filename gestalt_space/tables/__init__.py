"""Tables: rows under named columns, for people, for spreadsheets and for programs."""
