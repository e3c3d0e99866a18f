"""Own pictures that need no layout: any files, listed with what is known of each, and read with what they tell."""
