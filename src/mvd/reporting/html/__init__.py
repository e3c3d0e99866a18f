"""A report as one HTML file, and its figures as SVG and PDF."""
