"""What commands return: plain values, without rendering."""
