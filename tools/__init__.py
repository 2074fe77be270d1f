"""What writes the generated parts of the pages; not part of the installed package."""
