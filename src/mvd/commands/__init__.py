"""What the command line does, as plain functions: arguments in, results out, nothing printed but through callbacks."""
