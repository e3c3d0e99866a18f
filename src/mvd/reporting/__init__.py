"""Results as text: tables for the terminal, rows for papers, JSON, progress bars, TensorBoard. Only rendering."""
