"""Pages by Jinja2: self-contained HTML files, whose words stand in templates."""
